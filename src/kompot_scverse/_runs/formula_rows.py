"""The row of a recorded design at any values of its variables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._data.errors import missing
from kompot_scverse._data.formula import FormulaMatrix, formula_matrix
from kompot_scverse._data.sample_table import is_number
from kompot_scverse._messages import warn

from .view import RunView


def row_at(view: RunView, at: Mapping[str, Any]) -> np.ndarray:
    """
    What the coefficients are multiplied by at some values; other variables are as in the samples, on average.

    Parameters
    ----------
    view
        A run of a design.
    at
        Values by variable.

    Raises
    ------
    KeyError
        If the design has no such variable, or the variable no such category.
    ValueError
        If the run has no design, or the formula cannot be evaluated there.
    """
    from formulaic.errors import FormulaicError

    table, matrix = recorded(view)
    chosen = table.copy()
    for name, value in at.items():
        if name not in table:
            raise missing("variable of the design (`at`)", name, list(table))
        chosen[name] = _column(table[name], name, value, stepped=name in matrix.stepped)
    try:
        return matrix.at(chosen).mean(axis=0)
    except (FormulaicError, ValueError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"The design {matrix.formula!r} cannot be evaluated at {dict(at)!r}: {text}") from error


def stepped(view: RunView) -> tuple[str, ...]:
    """
    Variables of a run of a design that stand in a category, such as day in C(day).

    Parameters
    ----------
    view
        A run of a design.
    """
    return recorded(view)[1].stepped


def recorded(view: RunView) -> tuple[pd.DataFrame, FormulaMatrix]:
    """
    Variables of the samples of a run of a design, and the formula evaluated on them again.

    Parameters
    ----------
    view
        A run of a design.
    """
    params = view.run.params
    if view.effect is None or "variables" not in params:
        raise ValueError(f"`at=` is for runs of a design; {view.name} compares two conditions.")
    table = pd.DataFrame(params["variables"])
    for name, categories in params["categories"].items():
        table[name] = pd.Categorical(table[name], categories=categories)
    return table, formula_matrix(params["formula"], table, np.ones(len(table), dtype=bool), replicates=False)


def _column(own: pd.Series, name: str, value: Any, *, stepped: bool) -> Any:
    """The same value for all samples, of the kind that the variable has."""
    if not is_number(own):
        if str(value) not in own.cat.categories:
            raise missing(f"category of {name!r} (`at`)", value, own.cat.categories)
        return pd.Categorical([str(value)] * len(own), categories=own.cat.categories)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"`at={{{name!r}: {value!r}}}` is no number, and {name!r} is one in the samples.")
    low, high = own.min(), own.max()
    if stepped and number not in own.to_numpy():
        raise ValueError(
            f"{name!r} is a category in the design, so it has no value {number:g} between those of the samples: "
            f"{', '.join(f'{one:g}' for one in sorted(own.unique()))}. A curve has, such as `poly({name}, 2)`."
        )
    if not low <= number <= high:
        warn(
            f"`at={{{name!r}: {value!r}}}` is outside the observed range, {low:g} to {high:g}: the design is extrapolated."
        )
    return own.dtype.type(number) if stepped else number
