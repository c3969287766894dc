"""The design of the samples: what the replicate tests adjust for."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._messages import warn
from kompot_scverse._stats.design import ContrastDesign, Design
from kompot_scverse._stats.linear_model import SampleDesign

from .covariates import sample_covariates
from .protocol import AnnDataLike
from .sample_table import warn_of_codes

MIN_PAIRS = 2
SHOWN = 12
"""Samples that a warning names."""


def contrast_designs(
    adata: AnnDataLike, design: Design, covariates: str | Sequence[str] | None, *, paired: bool
) -> list[ContrastDesign] | None:
    """
    Designs of all contrasts, in the order of the groups; None without `sample_key`.

    A covariate that is constant in some of several contrasts is left out there, with a warning.
    """
    if design.sample_key is None:
        names = [] if covariates is None else listed("covariates", covariates, str)
        for name, given in (("paired", paired), ("covariates", names)):
            if given:
                raise ValueError(f"`{name}={given!r}` describes samples; name them with `sample_key=`.")
        return None
    table = sample_covariates(adata, design, covariates)
    numbers = table.select_dtypes(np.float64)
    remedy = "make them a category: obs[{0!r}] = obs[{0!r}].astype('category')".format
    warn_of_codes(table, numbers, len(set(design.samples)), "covariates", remedy)
    groups = range(1, len(design.conditions))
    constant = [_constant(table.iloc[_members(design, group)]) for group in groups]
    everywhere = set.intersection(*map(set, constant))
    designs = []
    for group, found in zip(groups, constant, strict=True):
        # what no contrast can use stays, and is an error
        left_out = [name for name in found if name not in everywhere]
        own = contrast_design(design, group, table.drop(columns=left_out), paired=paired)
        _say_what_is_unused(design, group, left_out, own.unpaired)
        designs.append(replace(own, left_out=tuple(left_out)))
    return designs


def _members(design: Design, group: int) -> np.ndarray:
    """Numbers of the samples of a contrast that count as replicates."""
    return np.concatenate([design.members(0, usable=True), design.members(group, usable=True)])


def _constant(table: pd.DataFrame) -> list[str]:
    """Columns with one value."""
    return [str(name) for name in table if table[name].nunique() < 2]


def _name(design: Design, group: int) -> str:
    return f"{design.reference!r} to {design.conditions[group]!r}"


def _say_what_is_unused(design: Design, group: int, left_out: list[str], unpaired: tuple[str, ...]) -> None:
    """Warn of covariates and samples that a contrast does not use."""
    if left_out:
        warn(
            f"{' and '.join(f'obs[{name!r}]' for name in left_out)} (`covariates`) has one value in all samples of the "
            f"contrast {_name(design, group)} and is left out there."
        )
    if unpaired:
        more = f" and {len(unpaired) - SHOWN} more" if len(unpaired) > SHOWN else ""
        warn(
            f"{len(unpaired)} of the {len(_members(design, group))} samples of the contrast {_name(design, group)} have no "
            f"partner with the same obs[{design.sample_key!r}] in the other condition: {', '.join(unpaired[:SHOWN])}{more}. The pairing is incomplete, so "
            "donors are random intercepts, and these samples count, too."
        )


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
        From :func:`kompot_scverse._data.covariates.sample_covariates`.
    paired
        Block on the sample's label: the same label in both conditions is one donor. Complete pairs are compared within
        donors; otherwise donors are random intercepts (:mod:`kompot_scverse._stats.block_correlation`).

    Raises
    ------
    ValueError
        If the design is not of full rank or leaves no residual degrees of freedom.
    """
    from formulaic import model_matrix

    members = _members(design, group)
    named: dict[str, str] = {"condition": f"{design.groupby} (`groupby`)"}
    frame = pd.DataFrame({"condition": (design.sample_conditions[members] == group).astype(np.float64)})
    unpaired: tuple[str, ...] = ()
    block = None
    if paired:
        labels = [design.samples[sample] for sample in members]
        unpaired = _unpaired(design, group, members)
        if unpaired:
            block = np.unique(labels, return_inverse=True)[1]
        else:
            frame["pair"] = pd.Categorical(labels)
            named["pair"] = f"{design.sample_key} (`paired`)"
    # plain names: a formula would read operators into those of the columns
    for number, name in enumerate(covariates.columns):
        values = covariates[name].iloc[members].reset_index(drop=True)
        numeric = values.dtype == np.float64
        if not numeric and values.nunique() == len(values):
            raise ValueError(
                f"obs[{name!r}] (`covariates`) is a category with a value of its own for every sample of the contrast "
                f"{_name(design, group)}, which leaves nothing to compare. Leave it out, or make it a number."
            )
        frame[f"covariate{number}"] = _in_own_unit(values) if numeric else pd.Categorical(values)
        named[f"covariate{number}"] = f"{name} (`covariates`)"
    where = f"The design of the contrast {_name(design, group)}"
    for column in _constant(frame):
        raise ValueError(
            f"{where} is not of full rank: {named[column]} has one value in all its samples. Leave it out."
        )
    table = model_matrix(" + ".join(["1", *frame.columns]), frame)
    matrix = np.asarray(table, dtype=np.float64)
    _check_rank(matrix, table.model_spec.term_slices, named, where)
    if len(matrix) <= matrix.shape[1]:
        raise ValueError(
            f"{len(matrix)} samples cannot be tested with a design of {matrix.shape[1]} coefficients "
            f"({', '.join(named.values())}) in the contrast {_name(design, group)}: nothing is left to estimate the "
            "variance from. Leave out covariates."
        )
    position = list(table.columns).index("condition")
    return ContrastDesign(members, SampleDesign(matrix, np.eye(matrix.shape[1])[position], block), unpaired=unpaired)


def _in_own_unit(values: pd.Series) -> pd.Series:
    """A number of the samples with neither offset nor unit, which do not change what is tested but round and overflow."""
    for _ in range(2):
        largest = values.abs().max()
        values = values / (largest if largest > 0 else 1)
        values = values - values.mean()
    return values


def _unpaired(design: Design, group: int, members: np.ndarray) -> tuple[str, ...]:
    """Samples without a partner, with their conditions; raises where there are too few pairs."""
    shared = pd.Series([design.samples[sample] for sample in members]).duplicated(keep=False).to_numpy()
    if shared.sum() < 2 * MIN_PAIRS:
        raise ValueError(
            f"`paired=True` needs samples of the same obs[{design.sample_key!r}] in both conditions; {design.reference!r} and "
            f"{design.conditions[group]!r} share {shared.sum() // 2}. Leave `paired` out, or pass the donor as `sample_key=`."
        )
    return tuple(
        f"{design.samples[sample]!r} ({design.conditions[design.sample_conditions[sample]]})"
        for sample in members[~shared]
    )


def _check_rank(matrix: np.ndarray, terms: dict, named: dict[str, str], where: str) -> None:
    """Name the first term that the terms before it determine."""
    width = 0
    # columns of unit length, so that the rank does not depend on the unit of a covariate
    scaled = matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    for term, columns in terms.items():
        start, width = columns.start, columns.stop
        if np.linalg.matrix_rank(scaled[:, :width]) < width:
            before = [named[str(other)] for other, own in terms.items() if str(other) in named and own.start < start]
            raise ValueError(
                f"{where} is not of full rank: {', '.join(before)} determine{'s' if len(before) == 1 else ''} "
                f"{named[str(term)]}, so their effects cannot be told apart. Leave one of them out."
            )
