"""Statistics of a run; an error where all of them are missing."""

import numpy as np
import pandas as pd

from kompot_scverse._runs.view import RunView


def some_values(view: RunView, statistic: str) -> pd.Series:
    """A statistic of genes or cells, not missing for all of them."""
    values = view.read(statistic)
    if not values.notna().any():
        raise ValueError(
            f"{view.key(statistic)!r} of {view.name} holds only missing values, so there is nothing to draw."
        )
    return values


def some_numbers(view: RunView, statistic: str) -> np.ndarray:
    """The same as float64."""
    return some_values(view, statistic).to_numpy(dtype=np.float64)
