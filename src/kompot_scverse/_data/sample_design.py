"""The design of the samples: what the replicate tests adjust for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._stats.linear_model import SampleDesign

from .design import Design
from .errors import missing
from .tables import column_of

__all__ = ["ContrastDesign", "contrast_designs"]

MIN_PAIRS = 2


@dataclass(frozen=True)
class ContrastDesign:
    """Samples of a contrast and their design matrix."""

    members: np.ndarray
    """Numbers of the samples that count as replicates."""
    matrix: SampleDesign


def contrast_designs(
    adata: AnnData, design: Design, covariates: Sequence[str] | None, *, paired: bool
) -> list[ContrastDesign] | None:
    """Designs of all contrasts, in the order of the groups; None without `sample_key`."""
    if design.sample_key is None:
        for name, given in (("paired", paired), ("covariates", covariates)):
            if given:
                raise ValueError(f"`{name}={given!r}` describes samples; name them with `sample_key=`.")
        return None
    table = sample_covariates(adata, design, covariates)
    return [contrast_design(design, number, table, paired=paired) for number in range(1, len(design.conditions))]


def sample_covariates(adata: AnnData, design: Design, covariates: Sequence[str] | None) -> pd.DataFrame:
    """
    One row per sample with the covariates; they must not vary within a sample.

    Parameters
    ----------
    adata
        The cells.
    design
        Conditions and samples.
    covariates
        Obs columns.
    """
    names = [covariates] if isinstance(covariates, str) else list(covariates or [])
    table = pd.DataFrame(index=range(len(design.samples)))
    for name in names:
        if name not in adata.obs:
            raise missing("obs column (`covariates`)", name, adata.obs.columns)
        if name == design.groupby:
            raise ValueError(f"obs[{name!r}] is `groupby`; it cannot be one of the `covariates`, too.")
        column = column_of(adata.obs, name)
        values = pd.Series(column.to_numpy(), dtype=object)[design.cells]
        by_sample = values.groupby(design.sample_codes[design.cells])
        unknown = by_sample.apply(lambda own: own.isna().any())
        if unknown.any():
            raise ValueError(
                f"obs[{name!r}] (`covariates`) is missing for cells of sample {design.samples[_first(unknown)]!r}."
            )
        varies = by_sample.nunique() > 1
        if varies.any():
            raise ValueError(
                f"obs[{name!r}] (`covariates`) varies within sample {design.samples[_first(varies)]!r}; "
                "covariates describe samples, so all cells of a sample must have one value."
            )
        numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
        table[name] = by_sample.first().astype(np.float64 if numeric else str)
    return table


def _first(concerned: pd.Series) -> int:
    """Code of the first sample that is concerned."""
    return int(np.asarray(concerned.index)[concerned.to_numpy(dtype=bool)][0])


def contrast_design(design: Design, group: int, covariates: pd.DataFrame, *, paired: bool) -> ContrastDesign:
    """
    Design of one contrast: condition, donor (if `paired`) and covariates; what is tested is group − reference.

    Parameters
    ----------
    design
        Conditions and samples.
    group
        Number of the condition that is compared with the first.
    covariates
        From :func:`sample_covariates`.
    paired
        Block on the sample's label: the same label in both conditions is one donor.

    Raises
    ------
    ValueError
        If the design is not of full rank or leaves no residual degrees of freedom.
    """
    from formulaic import model_matrix

    members = np.concatenate([design.members(0, usable=True), design.members(group, usable=True)])
    named: dict[str, str] = {"condition": f"{design.groupby} (`groupby`)"}
    frame = pd.DataFrame({"condition": (design.sample_conditions[members] == group).astype(np.float64)})
    if paired:
        labels = [design.samples[sample] for sample in members]
        _check_pairs(design, group, labels)
        frame["pair"] = pd.Categorical(labels)
        named["pair"] = f"{design.sample_key} (`paired`)"
    # plain names: a formula would read operators into those of the columns
    for number, name in enumerate(covariates.columns):
        values = covariates[name].iloc[members].reset_index(drop=True)
        frame[f"covariate{number}"] = values if values.dtype == np.float64 else pd.Categorical(values)
        named[f"covariate{number}"] = f"{name} (`covariates`)"
    _check_constant(frame, named)
    table = model_matrix(" + ".join(["1", *frame.columns]), frame)
    matrix = np.asarray(table, dtype=np.float64)
    _check_rank(matrix, table.model_spec.term_slices, named)
    if len(matrix) <= matrix.shape[1]:
        raise ValueError(
            f"{len(matrix)} samples cannot be tested with a design of {matrix.shape[1]} coefficients "
            f"({', '.join(named.values())}): nothing is left to estimate the variance from. Leave out covariates."
        )
    position = list(table.columns).index("condition")
    return ContrastDesign(members, SampleDesign(matrix, np.eye(matrix.shape[1])[position]))


def _check_pairs(design: Design, group: int, labels: list[str]) -> None:
    shared = pd.Series(labels).value_counts()
    if (shared > 1).sum() < MIN_PAIRS:
        raise ValueError(
            f"`paired=True` needs samples of the same obs[{design.sample_key!r}] in both conditions; {design.reference!r} and "
            f"{design.conditions[group]!r} share {(shared > 1).sum()}. Leave `paired` out, or pass the donor as `sample_key=`."
        )


def _check_constant(frame: pd.DataFrame, named: dict[str, str]) -> None:
    for column in frame:
        if frame[column].nunique() < 2:
            raise ValueError(
                f"The design is not of full rank: {named[str(column)]} has one value in all samples of the contrast. Leave it out."
            )


def _check_rank(matrix: np.ndarray, terms: dict, named: dict[str, str]) -> None:
    """Name the first term that the terms before it determine."""
    width = 0
    # columns of unit length, so that the rank does not depend on the unit of a covariate
    scaled = matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    for term, columns in terms.items():
        start, width = columns.start, columns.stop
        if np.linalg.matrix_rank(scaled[:, :width]) < width:
            before = [named[str(other)] for other, own in terms.items() if str(other) in named and own.start < start]
            raise ValueError(
                f"The design is not of full rank: {', '.join(before)} determine{'s' if len(before) == 1 else ''} "
                f"{named[str(term)]}, so their effects cannot be told apart. Leave one of them out."
            )
