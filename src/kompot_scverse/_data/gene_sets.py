"""Sets of genes as users have them: decoupler's table of source, target and weight, or a dictionary."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed

COLUMNS = ("source", "target")


def set_weights(net: Any, names: Sequence[str], min_genes: int) -> tuple[list[str], np.ndarray]:
    """
    Names of the sets, and the weights of the genes in them: genes × sets, 0 outside.

    Parameters
    ----------
    net
        Table with the columns source, target and, if wanted, weight; or a mapping of names to genes.
    names
        Names of the genes of the data.
    min_genes
        Genes of the data that a set needs; smaller ones are left out.

    Raises
    ------
    ValueError
        If the table lacks a column, has a pair twice or a weight that is no number, or no set has enough genes.
    """
    table = _table(net)
    index = pd.Index(names)
    position = pd.Series(np.arange(len(index)), index=index)[~index.duplicated()]
    table = table[table["target"].isin(position.index)]
    sizes = table["source"].value_counts()
    kept = [name for name in dict.fromkeys(table["source"]) if sizes[name] >= min_genes]
    if not kept:
        raise ValueError(
            f"No set of `net` has {min_genes} genes of the data, whose names are like {', '.join(map(repr, index[:3]))}. Pass sets with "
            "such names, or a smaller `min_genes=`."
        )
    table = table[table["source"].isin(kept)]
    found = np.zeros((len(index), len(kept)))
    columns = pd.Series(np.arange(len(kept)), index=kept)
    found[position[table["target"]].to_numpy(), columns[table["source"]].to_numpy()] = table["weight"]
    return kept, found


def _table(net: Any) -> pd.DataFrame:
    if isinstance(net, Mapping):
        rows = [
            (str(name), gene, 1.0) for name, genes in net.items() for gene in dict.fromkeys(listed("net", genes, str))
        ]
        return pd.DataFrame(rows, columns=[*COLUMNS, "weight"])
    for column in COLUMNS:
        if column not in net:
            raise ValueError(f"`net` has no column {column!r}; it has {', '.join(map(repr, net.columns))}.")
    table = pd.DataFrame({name: net[name].astype(str).to_numpy() for name in COLUMNS})
    table["weight"] = pd.to_numeric(net["weight"], errors="coerce").to_numpy(float) if "weight" in net else 1.0
    if not np.isfinite(table["weight"]).all():
        raise ValueError("`net` has weights that are no numbers.")
    twice = table[table.duplicated(list(COLUMNS))]
    if len(twice):
        raise ValueError(
            f"`net` has {twice['target'].iloc[0]!r} twice in {twice['source'].iloc[0]!r}; keep one of them."
        )
    return table[table["weight"] != 0]
