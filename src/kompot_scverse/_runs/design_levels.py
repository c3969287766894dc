"""Levels of what an effect of a design is about, in the place of two conditions: values, bins of a number, combinations."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kompot_scverse._data.resolve import obs_values
from kompot_scverse._data.sample_table import is_number

from .formula_rows import recorded
from .sample_fits import run_mask
from .view import RunView

MAX_VALUES, BINS = 6, 4
"""Values of a number that stand by themselves, and quantile bins where there are more."""


@dataclass(frozen=True)
class DesignLevels:
    """Levels in their order, and the cells of each."""

    variable: str
    """What they are levels of."""
    names: tuple[str, ...]
    codes: np.ndarray
    """Level of each cell, -1 for cells that take no part."""
    position: np.ndarray
    """Where each cell is along the variable: its number or the number of its level."""
    ordered: bool
    """Whether they are values of a number."""


def design_levels(view: RunView) -> DesignLevels:
    """
    Levels of the variables of the effect of a run.

    They are the values of a category or of a number that has few, quantile bins over the samples of a number that has more, and
    the combinations of several variables.

    Parameters
    ----------
    view
        A run of a design.
    """
    table, matrix = recorded(view)
    assert view.effect is not None
    contrast = np.asarray(view.effect["contrast"], dtype=np.float64)
    used = np.abs(contrast.reshape(len(contrast), -1)).sum(axis=1) > 0
    terms = [term for term, columns in matrix.terms.items() if used[list(columns)].any()]
    names = list(dict.fromkeys(name for term in terms for name in matrix.variables[term]))
    parts = [_of_variable(view, name, table[name]) for name in names]
    cells = run_mask(view) & np.logical_and.reduce([codes >= 0 for _, codes, _ in parts])
    if len(parts) == 1:
        ((own, codes, position),) = parts
        return DesignLevels(names[0], own, np.where(cells, codes, -1), position, is_number(table[names[0]]))
    sizes = tuple(len(own) for own, _, _ in parts)
    joint = np.ravel_multi_index([np.maximum(codes, 0) for _, codes, _ in parts], sizes)
    found, place = np.unique(joint[cells], return_inverse=True)
    codes = np.full(len(cells), -1)
    codes[cells] = place
    texts = [
        ", ".join(own[number] for (own, _, _), number in zip(parts, np.unravel_index(one, sizes), strict=True))
        for one in found
    ]
    return DesignLevels(", ".join(names), tuple(texts), codes, codes.astype(np.float64), False)


def _of_variable(view: RunView, name: str, samples: pd.Series) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Levels of one variable, the level of each cell, and where each cell is."""
    values = obs_values(view.data, name, "formula")
    if not is_number(samples):
        categories = [str(category) for category in samples.cat.categories]
        codes = pd.Categorical(values.astype(object).map(str), categories=categories).codes.astype(np.intp)
        return tuple(categories), codes, codes.astype(np.float64)
    numbers = values.to_numpy(dtype=np.float64)
    distinct = np.unique(samples.to_numpy(dtype=np.float64))
    known = np.isfinite(numbers)
    if len(distinct) <= MAX_VALUES:
        place = np.searchsorted(distinct, numbers).clip(max=len(distinct) - 1)
        codes = np.where(known & (distinct[place] == numbers), place, -1)
        return tuple(f"{value:g}" for value in distinct), codes, numbers
    edges = np.unique(np.quantile(samples, np.linspace(0, 1, BINS + 1)))
    codes = np.searchsorted(edges[1:-1], numbers, side="right")
    own = np.searchsorted(edges[1:-1], samples, side="right")
    texts = tuple(f"{samples[own == n].min():g} to {samples[own == n].max():g}" for n in range(len(edges) - 1))
    return texts, np.where(known, codes, -1), numbers
