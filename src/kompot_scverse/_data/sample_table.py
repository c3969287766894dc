"""The variables of a formula, one row per sample."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._messages import warn

from .protocol import AnnDataLike
from .resolve import obs_values

TIMES = ("datetime", "datetime64", "date", "timedelta", "timedelta64", "period", "time")
"""Kinds of values, as pandas calls them, that are neither numbers nor categories."""
MIN_CODES, MAX_CODES = 3, 10
"""How many distinct whole numbers may be codes; two are the same as a number and as a category."""
SHOWN = 3
"""Cells or samples that an error names."""


def sample_table(
    adata: AnnDataLike, names: Sequence[str], sample_codes: np.ndarray, samples: Sequence[str], argument: str
) -> pd.DataFrame:
    """
    One row per sample with the variables: numbers (whole ones as they are), or categories in the order of obs.

    Parameters
    ----------
    adata
        The cells.
    names
        Obs columns.
    sample_codes
        Number of the sample of every cell, -1 for cells that take no part.
    samples
        Names of the samples.
    argument
        What named the columns, for errors.

    Raises
    ------
    ValueError
        If a variable is missing, infinite, or differs between the cells of a sample.
    """
    cells = np.flatnonzero(sample_codes >= 0)
    codes = sample_codes[cells]
    first = first_cells(sample_codes, len(samples))
    table = pd.DataFrame(index=range(len(samples)))
    for name in names:
        column = obs_values(adata, name, argument)
        _check_kind(column, name, argument)
        unknown = np.unique(codes[column.isna().to_numpy()[cells]])
        if len(unknown):
            raise ValueError(
                f"obs[{name!r}] (`{argument}`) is missing for cells of {_named(unknown, samples)}. Fill it in, or leave these "
                "cells out with `mask_obs=`."
            )
        values = column.astype(object).to_numpy()
        differs = cells[values[cells] != values[first[codes]]]
        if len(differs):
            other = differs[0]
            sample = sample_codes[other]
            one = adata.obs_names[first[sample]]
            raise ValueError(
                f"obs[{name!r}] (`{argument}`) varies within sample {samples[sample]!r}: it is {values[first[sample]]!r} in cell "
                f"{one!r} and {values[other]!r} in {adata.obs_names[other]!r}. A design describes samples: pass a finer "
                "`sample_key=` (such as donor and day together), or leave the variable out."
            )
        table[name] = _typed(column, values[first])
        infinite = np.flatnonzero(table[name].isin([np.inf, -np.inf]))
        if len(infinite):
            raise ValueError(f"obs[{name!r}] (`{argument}`) is infinite for {_named(infinite, samples)}.")
    return table


def first_cells(codes: np.ndarray, n: int) -> np.ndarray:
    """The first cell of each of n samples, by the number of the sample of every cell; -1 where there is none."""
    cells, first = np.flatnonzero(codes >= 0)[::-1], np.full(n, -1)
    first[codes[cells]] = cells
    return first


def _typed(column: pd.Series, values: np.ndarray) -> pd.Series:
    """Numbers as int64 or float64; everything else as categories, in the order of the column where it has one."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        own = [category for category in column.cat.categories if category in set(values)]
        return pd.Series(pd.Categorical([str(v) for v in values], categories=[str(category) for category in own]))
    if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        texts = [str(value) for value in values]
        return pd.Series(pd.Categorical(texts, categories=sorted(set(texts))))
    return pd.Series(values.astype(np.int64 if pd.api.types.is_integer_dtype(column.dtype) else np.float64))


def is_number(column: pd.Series) -> bool:
    """Whether a variable of :func:`sample_table` is a number."""
    return not isinstance(column.dtype, pd.CategoricalDtype)


def warn_of_codes(
    table: pd.DataFrame, names: Iterable[Any], n_independent: int, argument: str, remedy: Callable[[Any], str]
) -> None:
    """
    Warn of whole numbers with few values, which may be codes of categories.

    Parameters
    ----------
    table
        From :func:`sample_table`.
    names
        Columns that are used as they are.
    n_independent
        Number of blocks or, without them, of samples.
    argument
        What named the columns.
    remedy
        How a column is made a category.
    """
    for name in names:
        if not is_number(table[name]):
            continue
        distinct = np.unique(table[name])
        whole = (distinct % 1 == 0).all() and MIN_CODES <= len(distinct) <= MAX_CODES
        # ages and doses are seldom without gaps, nor the same in many donors
        if whole and (np.ptp(distinct) == len(distinct) - 1 or 2 * len(distinct) <= n_independent):
            warn(
                f"obs[{name!r}] (`{argument}`) has {len(distinct)} whole-number values "
                f"({', '.join(f'{value:g}' for value in distinct)}) and is used as a number, with one slope. If they are codes, "
                f"{remedy(name)}."
            )


def _check_kind(column: pd.Series, name: str, argument: str) -> None:
    """Raise for values that are neither numbers nor categories."""
    if not isinstance(column.dtype, pd.CategoricalDtype) and pd.api.types.infer_dtype(column, skipna=True) in TIMES:
        raise TypeError(
            f"obs[{name!r}] (`{argument}`) holds dates or times. Make them numbers, such as days since the first, or a "
            f"category: obs[{name!r}].astype(str)."
        )
    if pd.api.types.is_complex_dtype(column.dtype):
        raise TypeError(f"obs[{name!r}] (`{argument}`) holds complex numbers; pass real ones.")


def _named(numbers: np.ndarray, samples: Sequence[str]) -> str:
    """Samples by name."""
    # samples of two conditions may have one name
    names = list(dict.fromkeys(repr(samples[number]) for number in numbers))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"sample{'s' if len(names) > 1 else ''} {', '.join(names[:SHOWN])}{more}"
