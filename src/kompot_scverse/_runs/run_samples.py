"""The samples of a run with their design, and the test of whole categories."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kompot_scverse._data.design import resolve_design
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._data.sample_design import contrast_designs
from kompot_scverse._data.sample_table import first_cells
from kompot_scverse._stats.abundance_testing import abundance_test
from kompot_scverse._stats.design import MIN_CELLS, Design
from kompot_scverse._stats.linear_model import SampleDesign

from .design_levels import design_levels
from .formula_rows import recorded
from .sample_fits import run_mask
from .view import RunView


@dataclass(frozen=True)
class Samples:
    """Samples of a contrast that count as replicates."""

    codes: np.ndarray
    """Sample of each cell, -1 for cells that take no part."""
    levels: tuple[str, ...]
    """Reference and group or, of a design, the levels of the variable of its effect."""
    level: np.ndarray
    """Number of the level of each sample, -1 for none."""
    order: np.ndarray
    """In which order samples stand side by side."""
    labels: np.ndarray
    """Labels of the samples, which those of one donor share."""
    shared: str
    """What samples of one label have in common: an obs column."""
    design: SampleDesign
    variable: str
    """Of what there are levels."""
    ordered: bool = False
    """Whether the levels are values of a number."""


def samples_of(view: RunView) -> Samples:
    """
    Samples and design of a run, as its tests had them.

    Parameters
    ----------
    view
        A run with samples.

    Raises
    ------
    LookupError
        If it has none, or they are not those of the run any more.
    """
    key = view.run.params.get("sample_key")
    if key is None:
        raise LookupError(
            f"No samples of {view.name}; call `kp.tl.{view.run.analysis}(..., sample_key=...)` and draw that run."
        )
    if view.effect is not None:
        return _of_design(view, key)
    design = design_of(view)
    with warnings.catch_warnings():
        # what covariates lack was said when the run was made
        warnings.simplefilter("ignore", UserWarning)
        covariates = view.run.params.get("covariates") or None
        found = contrast_designs(view.data, design, covariates, paired=bool(view.run.params.get("paired")))
    assert found is not None
    members = found[0].members
    codes = np.full(len(design.samples) + 1, -1)
    codes[members] = np.arange(len(members))
    # code -1 finds the last entry
    of_cells = codes[design.sample_codes]
    labels = obs_column(view.data, key, "sample_key").astype(str).to_numpy()
    own = labels[first_cells(of_cells, len(members))]
    return Samples(
        codes=of_cells,
        levels=(view.reference, view.group),
        level=design.sample_conditions[members],
        order=np.unique(own, return_inverse=True)[1].astype(np.float64),
        labels=own,
        shared=str(key),
        design=found[0].matrix,
        variable=view.groupby,
    )


def design_of(view: RunView) -> Design:
    """Conditions and samples of a run that compares two conditions, from the data as they are now."""
    view.check_conditions()
    with warnings.catch_warnings():
        # what samples lack was said when the run was made
        warnings.simplefilter("ignore", UserWarning)
        return resolve_design(
            view.data,
            view.groupby,
            reference=view.reference,
            groups=view.group,
            sample_key=view.run.params.get("sample_key"),
            mask_obs=run_mask(view),
        )


def _of_design(view: RunView, key: str) -> Samples:
    """Samples of a design; of a number they stand in its order."""
    table, matrix = recorded(view)
    assert view.effect is not None
    labels = obs_column(view.data, key, "sample_key")
    own = labels[run_mask(view)].cat.remove_unused_categories().cat.categories
    if len(own) != len(table):
        raise LookupError(
            f"{view.capitalised} had {len(table)} samples, and obs[{key!r}] now has {len(own)}: cells were left out or "
            "added. Call the analysis again."
        )
    every = pd.Categorical(labels, categories=own).codes.astype(np.intp)
    every[~run_mask(view)] = -1
    members = np.flatnonzero(np.bincount(every[every >= 0], minlength=len(own)) >= MIN_CELLS)
    place = np.full(len(own) + 1, -1)
    place[members] = np.arange(len(members))
    codes = place[every]
    first = first_cells(codes, len(members))
    levels, block = design_levels(view), view.run.params.get("block")
    shared = key if block is None else str(block)
    names = obs_column(view.data, shared, "block").astype(str).to_numpy()[first]
    blocks = None if block is None else np.unique(names, return_inverse=True)[1]
    contrast = np.asarray(view.effect["contrast"], dtype=np.float64)
    position = levels.position[first]
    return Samples(
        codes=codes,
        levels=levels.names,
        level=levels.codes[first],
        order=np.lexsort((names, position)).argsort().astype(np.float64),
        labels=names,
        shared=shared,
        design=SampleDesign(matrix.values[members], contrast, blocks),
        variable=levels.variable,
        ordered=levels.ordered,
    )


def category_counts(samples: Samples, column: pd.Series) -> pd.DataFrame:
    """Cells of each sample in each category that has any."""
    cells = (samples.codes >= 0) & column.notna().to_numpy()
    labels = pd.Categorical(column[cells], categories=column.cat.categories)
    counts = pd.crosstab(samples.codes[cells], labels, dropna=False).reindex(
        index=range(len(samples.labels)), columns=list(column.cat.categories), fill_value=0
    )
    return counts.loc[:, counts.sum() > 0]


def category_rates(samples: Samples, counts: pd.DataFrame) -> pd.Series:
    """Q of the test between samples with categories in the place of neighbourhoods; NaN where there are too few cells."""
    mass = counts.to_numpy(dtype=np.float64)
    # a cell is of one category only
    test = abundance_test(mass, np.stack([np.diag(own) for own in mass]), samples.design)
    return pd.Series(test.qvalue, index=counts.columns)
