"""The obs column whose categories get statistics of their own."""

import pandas as pd

from kompot_scverse._arguments import shown
from kompot_scverse._keys import LONGEST, column_name

from .protocol import AnnDataLike
from .resolve import obs_column


def group_column(adata: AnnDataLike, key: str | None) -> pd.Series | None:
    """The obs column of the categories; they must stay apart as column names of a table in a file."""
    if key is None:
        return None
    column = obs_column(adata, key, "cell_groups")
    names = pd.Index(category_names(adata, column), dtype=object)
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        raise ValueError(
            f"Several categories of obs[{key!r}] (`cell_groups`) would be named {twice!r}, since files take no slash, "
            "backslash or reserved name; rename one."
        )
    for name in names:
        if len(name.encode()) > LONGEST:
            raise ValueError(
                f"The category {shown(name)} of obs[{key!r}] (`cell_groups`) names a column of the results, and zarr takes at "
                f"most {LONGEST} bytes; rename it."
            )
    return column


def category_names(adata: AnnDataLike, column: pd.Series) -> list[str]:
    """Names of the categories as columns of a table in varm."""
    return [column_name(category, adata.var_names.name) for category in column.cat.categories]
