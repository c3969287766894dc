"""Which cells belong to which condition and sample."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._keys import slug
from kompot_scverse._messages import warn
from kompot_scverse._stats.design import MIN_CELLS, Design

from .protocol import AnnDataLike
from .resolve import cell_mask, match_label, obs_column

MIN_SAMPLES = 2


def resolve_design(
    adata: AnnDataLike,
    groupby: str,
    *,
    reference: object,
    groups: object | Sequence[object] | None,
    sample_key: str | None,
    mask_obs: "str | Sequence[bool] | np.ndarray | pd.Series | None" = None,
) -> Design:
    """
    Read conditions and samples from obs and check that they can be compared.

    Parameters
    ----------
    adata
        The cells.
    groupby, sample_key
        Obs columns.
    reference, groups
        Categories of `groupby`; `groups` may be one, several or None for all others.
    mask_obs
        Cells to use.
    """
    column = obs_column(adata, groupby, "groupby")
    mask = cell_mask(adata, mask_obs)
    reference = match_label(column, reference, "reference")
    _say_unlabelled(column, mask)
    if groups is None:
        chosen = [category for category in column.cat.categories if category != reference]
        # categories that the mask empties are not asked for
        chosen = [category for category in chosen if ((column == category).to_numpy() & mask).any()]
        if not chosen:
            raise ValueError(f"obs[{groupby!r}] has no category to compare with {reference!r}.")
    else:
        chosen = list(dict.fromkeys(match_label(column, group, "groups") for group in listed("groups", groups)))
        if not chosen:
            raise ValueError("`groups` is empty; name at least one category, or pass None for all others.")
    if reference in chosen:
        raise ValueError(
            f"{reference!r} is both `reference` and in `groups`; a condition cannot be compared with itself."
        )
    conditions = (reference, *chosen)
    _check_keys(groupby, conditions)
    codes = np.full(adata.n_obs, -1, dtype=np.int32)
    for number, condition in enumerate(conditions):
        codes[(column == condition).to_numpy() & mask] = number
    sizes = np.bincount(codes[codes >= 0], minlength=len(conditions))
    for condition, size in zip(conditions, sizes, strict=True):
        if size < MIN_CELLS:
            raise ValueError(
                f"Condition {condition!r} of obs[{groupby!r}] has {size} cells in the analysis; at least {MIN_CELLS} are "
                "needed. Check `mask_obs=`, or leave this category out of `groups=`."
            )
    if sample_key is None:
        everything = np.ones(len(conditions), dtype=bool)
        names = tuple(str(condition) for condition in conditions)
        return Design(groupby, conditions, codes, None, names, codes, np.arange(len(conditions)), everything)
    return _with_samples(adata, groupby, conditions, codes, sample_key)


def _say_unlabelled(column: pd.Series, mask: np.ndarray) -> None:
    """Count the cells without a condition, which take no part."""
    unlabelled = int((column.isna().to_numpy() & mask).sum())
    if unlabelled:
        warn(
            f"obs[{column.name!r}] (`groupby`) is missing for {unlabelled:,} of {mask.sum():,} cells; they take no part. "
            "Leave them out with `mask_obs=` to silence this."
        )


def _check_keys(groupby: str, conditions: tuple) -> None:
    """Raise where two conditions would be written under one name."""
    named: dict[str, object] = {}
    for condition in conditions:
        other = named.setdefault(slug(condition), condition)
        if other is not condition:
            raise ValueError(
                f"{other!r} and {condition!r} of obs[{groupby!r}] would be written under the same name, {slug(condition)!r}, "
                "since slashes cannot be part of a key. Rename one of them."
            )


def sample_labels(adata: AnnDataLike, sample_key: str, cells: np.ndarray) -> pd.Series:
    """The sample of each cell, known for all cells of the analysis."""
    labels = obs_column(adata, sample_key, "sample_key")
    unlabelled = int((labels.isna().to_numpy() & cells).sum())
    if unlabelled:
        raise ValueError(
            f"obs[{sample_key!r}] (`sample_key`) is missing for {unlabelled:,} cells of the analysis. "
            "Label them, or leave them out with `mask_obs=`."
        )
    return labels


def _with_samples(adata: AnnDataLike, groupby: str, conditions: tuple, codes: np.ndarray, sample_key: str) -> Design:
    labels = sample_labels(adata, sample_key, codes >= 0)
    label_codes = labels.cat.codes.to_numpy()
    sample_codes = np.full(len(codes), -1, dtype=np.int32)
    names: list[str] = []
    of_condition: list[int] = []
    for number in range(len(conditions)):
        for label in np.unique(label_codes[codes == number]):
            sample_codes[(codes == number) & (label_codes == label)] = len(names)
            names.append(str(labels.cat.categories[label]))
            of_condition.append(number)
    design = Design(
        groupby,
        conditions,
        codes,
        sample_key,
        tuple(names),
        sample_codes,
        np.array(of_condition),
        np.bincount(sample_codes[codes >= 0], minlength=len(names)) >= MIN_CELLS,
    )
    _check_samples(design)
    return design


def _check_samples(design: Design) -> None:
    """Name the samples that are too small; raise where a condition is left with fewer than two."""
    small = [
        f"{design.samples[sample]!r} ({design.conditions[design.sample_conditions[sample]]}, {size} cells)"
        for sample, size in enumerate(design.sample_sizes())
        if not design.usable[sample]
    ]
    for number, condition in enumerate(design.conditions):
        usable, present = len(design.members(number, usable=True)), len(design.members(number))
        if usable < MIN_SAMPLES:
            raise ValueError(
                f"Condition {condition!r} has {usable} sample(s) with at least {MIN_CELLS} cells (of {present} in "
                f"obs[{design.sample_key!r}]); the variance between replicates needs {MIN_SAMPLES} per condition. "
                "Check that `sample_key` names the biological replicates, or leave it out to compare cells only."
            )
    warn_of_small(small, "their condition")


def warn_of_small(named: list[str], purpose: str) -> None:
    """Say which samples have too few cells, if there are any."""
    if named:
        warn(
            f"Samples with fewer than {MIN_CELLS} cells do not count as replicates: {', '.join(named)}. "
            f"Their cells still count for {purpose}."
        )
