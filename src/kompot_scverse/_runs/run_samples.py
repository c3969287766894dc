"""The samples of a run that compares two conditions, with their design, and the test of whole categories."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kompot_scverse._data.design import resolve_design
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._data.sample_design import contrast_designs
from kompot_scverse._stats.abundance_testing import abundance_test
from kompot_scverse._stats.linear_model import SampleDesign

from .sample_fits import run_mask
from .view import RunView

__all__ = ["Samples", "category_counts", "category_rates", "samples_of"]


@dataclass(frozen=True)
class Samples:
    """Samples of a contrast that count as replicates."""

    codes: np.ndarray
    """Sample of each cell, -1 for cells that take no part."""
    is_group: np.ndarray
    """Whether a sample is of the group."""
    labels: np.ndarray
    """Labels of the samples, which those of one donor share."""
    design: SampleDesign


def samples_of(view: RunView) -> Samples:
    """Samples and design of a run that compares two conditions, as its tests had them."""
    key = view.run.params.get("sample_key")
    if key is None:
        raise LookupError(
            f"No samples of {view.name}; call `kp.tl.{view.run.analysis}(..., sample_key=...)` and draw that run."
        )
    view.check_conditions()
    with warnings.catch_warnings():
        # what samples and covariates lack was said when the run was made
        warnings.simplefilter("ignore", UserWarning)
        design = resolve_design(
            view.data,
            view.groupby,
            reference=view.reference,
            groups=view.group,
            sample_key=key,
            mask_obs=run_mask(view),
        )
        covariates = view.run.params.get("covariates") or None
        found = contrast_designs(view.data, design, covariates, paired=bool(view.run.params.get("paired")))
    assert found is not None
    members = found[0].members
    codes = np.full(len(design.samples) + 1, -1)
    codes[members] = np.arange(len(members))
    # code -1 finds the last entry
    of_cells = codes[design.sample_codes]
    labels = obs_column(view.data, key, "sample_key").astype(str).to_numpy()
    first = [int(np.flatnonzero(of_cells == number)[0]) for number in range(len(members))]
    return Samples(of_cells, design.sample_conditions[members] == 1, labels[first], found[0].matrix)


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
