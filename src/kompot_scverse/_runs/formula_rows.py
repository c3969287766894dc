"""The row of a recorded design at any values of its variables."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._data.errors import INSIDE, missing
from kompot_scverse._data.formula import formula_matrix
from kompot_scverse._data.sample_table import is_number

from .view import RunView

__all__ = ["row_at"]


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

    params = view.run.params
    if view.effect is None or "variables" not in params:
        raise ValueError(f"`at=` is for runs of a design; {view.name} compares two conditions.")
    table = pd.DataFrame(params["variables"])
    for name, categories in params["categories"].items():
        table[name] = pd.Categorical(table[name], categories=categories)
    matrix = formula_matrix(params["formula"], table, np.ones(len(table), dtype=bool), replicates=False)
    chosen = table.copy()
    for name, value in at.items():
        if name not in table:
            raise missing("variable of the design (`at`)", name, list(table))
        if is_number(table[name]):
            low, high = table[name].min(), table[name].max()
            if not low <= float(value) <= high:
                warnings.warn(
                    f"`at={{{name!r}: {value!r}}}` is outside the observed range, {low:g} to {high:g}: the design is extrapolated.",
                    UserWarning,
                    skip_file_prefixes=INSIDE,
                )
            chosen[name] = float(value)
        elif str(value) not in table[name].cat.categories:
            raise missing(f"category of {name!r} (`at`)", value, table[name].cat.categories)
        else:
            chosen[name] = pd.Categorical([str(value)] * len(table), categories=table[name].cat.categories)
    try:
        return matrix.at(chosen).mean(axis=0)
    except (FormulaicError, ValueError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"The design {params['formula']!r} cannot be evaluated at {dict(at)!r}: {text}") from error
