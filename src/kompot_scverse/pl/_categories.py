"""Which categories are drawn, and in which order."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._data.resolve import match_label


def drawn_categories(
    column: pd.Series, found: Iterable[Any], *, order: Sequence[object] | None = None, exclude: object = ()
) -> list[Any]:
    """
    The categories to draw.

    Parameters
    ----------
    column
        Obs column.
    found
        Its categories that have something to draw, in the order without `order`.
    order, exclude
        As given to a plot.
    """
    found = list(found)
    left_out = [match_label(column, label, "exclude") for label in listed("exclude", exclude)]
    names = found if order is None else [match_label(column, label, "order") for label in order]
    names = [name for name in names if name in found and name not in left_out]
    if not names:
        raise ValueError(f"No category of obs[{column.name!r}] is left that has cells to draw.")
    return names
