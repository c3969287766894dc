"""Covariates of the samples, read from obs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._messages import warn
from kompot_scverse._stats.design import Design

from .protocol import AnnDataLike
from .resolve import obs_values

TIMES = ("datetime", "datetime64", "date", "timedelta", "timedelta64", "period", "time")
"""Kinds of values, as pandas calls them, that are neither numbers nor categories."""
MIN_CODES, MAX_CODES = 3, 10
"""How many distinct whole numbers may be codes; two are the same as a number and as a category."""


def sample_covariates(adata: AnnDataLike, design: Design, covariates: str | Sequence[str] | None) -> pd.DataFrame:
    """
    One row per sample with the covariates; they must not vary within a sample.

    Parameters
    ----------
    adata
        The cells.
    design
        Conditions and samples.
    covariates
        Obs columns, one or several.
    """
    names = [] if covariates is None else list(dict.fromkeys(listed("covariates", covariates, str)))
    table = pd.DataFrame(index=range(len(design.samples)))
    for name in names:
        column = obs_values(adata, name, "covariates")
        if name == design.groupby:
            raise ValueError(f"obs[{name!r}] is `groupby`; it cannot be one of the `covariates`, too.")
        check_kind(column, name, "covariates")
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
        infinite = table[name].isin([np.inf, -np.inf])
        if infinite.any():
            raise ValueError(
                f"obs[{name!r}] (`covariates`) is infinite for cells of sample {design.samples[_first(infinite)]!r}."
            )
    return table


def warn_of_codes(table: pd.DataFrame, design: Design) -> None:
    """Warn of numbers that look like codes of categories, in the table of :func:`sample_covariates`."""
    for name in table.select_dtypes(np.float64):
        distinct = np.unique(table[name])
        whole = (distinct % 1 == 0).all() and MIN_CODES <= len(distinct) <= MAX_CODES
        # ages and doses are seldom without gaps, nor the same in many donors
        if whole and (np.ptp(distinct) == len(distinct) - 1 or 2 * len(distinct) <= len(set(design.samples))):
            warn(
                f"obs[{name!r}] (`covariates`) has {len(distinct)} whole-number values "
                f"({', '.join(f'{value:g}' for value in distinct)}) and is used as a number, with one slope. If they are "
                f"codes, make them a category: obs[{name!r}] = obs[{name!r}].astype('category')."
            )


def _first(concerned: pd.Series) -> int:
    """Code of the first sample that is concerned."""
    return int(np.asarray(concerned.index)[concerned.to_numpy(dtype=bool)][0])


def check_kind(column: pd.Series, name: str, argument: str) -> None:
    """Raise for values that are neither numbers nor categories."""
    if not isinstance(column.dtype, pd.CategoricalDtype) and pd.api.types.infer_dtype(column, skipna=True) in TIMES:
        raise TypeError(
            f"obs[{name!r}] (`{argument}`) holds dates or times. Make them numbers, such as days since the first, or a "
            f"category: obs[{name!r}].astype(str)."
        )
    if pd.api.types.is_complex_dtype(column.dtype):
        raise TypeError(f"obs[{name!r}] (`{argument}`) holds complex numbers; pass real ones.")
