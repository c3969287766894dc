"""What the tables of genes and of cells have in common."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kompot_scverse._runs.view import RunView


def joined(views: Sequence[RunView], tables: Sequence[pd.DataFrame], *, by_mod: bool) -> pd.DataFrame:
    """Tables of contrasts and modalities below each other, with a column for what tells them apart."""
    several = len({view.run.run_id for view in views}) > 1
    for view, table in zip(views, tables, strict=True):
        if several:
            table.insert(0, "group", view.group)
        if by_mod and view.mod:
            table.insert(0, "mod", view.mod)
    return tables[0] if len(tables) == 1 else pd.concat(tables)


def to_log2(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Natural logs of some columns as log2."""
    return table.assign(**{name: table[name] / np.log(2) for name in columns if name in table})
