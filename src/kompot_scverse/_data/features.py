"""Features by name or symbol, their expression, and which modality of a MuData they are in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed

from .errors import missing
from .frame import Frame, JointFrame
from .matrix import as_float, plain
from .protocol import AnnDataLike
from .resolve import own_names
from .tables import column_of


def feature_names(data: AnnDataLike, gene_symbols: str | None) -> np.ndarray:
    """What features are called: their names, or what a column of var says where it says something."""
    if gene_symbols is None:
        return data.var_names.to_numpy().astype(str)
    if isinstance(data, JointFrame):
        modalities = data.mdata.mod.items()
        having = {mod: gene_symbols if gene_symbols in own.var else None for mod, own in modalities}
        if not any(having.values()):
            raise missing("var column (`gene_symbols`)", gene_symbols, {c for _, own in modalities for c in own.var})
        return np.array([f"{mod}:{name}" for mod, own in modalities for name in feature_names(own, having[mod])])
    if gene_symbols not in data.var:
        raise missing("var column (`gene_symbols`)", gene_symbols, data.var.columns)
    symbols = column_of(data.var, gene_symbols)
    return np.where(symbols.isna(), data.var_names, symbols.astype(str)).astype(str)


def feature_numbers(data: AnnDataLike, wanted: str | Iterable[str], gene_symbols: str | None) -> np.ndarray:
    """Positions of features given by name or by symbol, in the order asked for; the first of several with one name."""
    names = pd.Index(feature_names(data, gene_symbols))
    numbers = []
    for gene in own_names(data, listed("genes", wanted, str)):
        found = np.flatnonzero(names == gene)
        if len(found) == 0 and gene_symbols is not None:
            found = np.flatnonzero(data.var_names == gene)
        if len(found) == 0:
            raise missing("gene", gene, names)
        numbers.append(found[0])
    return np.asarray(numbers, dtype=int)


def feature_values(data: AnnDataLike, numbers: Sequence[int] | np.ndarray, layer: Any) -> np.ndarray:
    """Expression of a few features, cells × features, dense; `layer` may be one per modality."""
    if isinstance(data, JointFrame):
        out = np.full((data.n_obs, len(numbers)), np.nan)
        for mod, (places, own) in data.by_modality(numbers).items():
            chosen = layer.get(mod) if isinstance(layer, Mapping) else layer
            out[:, places] = data.spread(feature_values(data.mdata.mod[mod], own, chosen), mod)
        return out
    if layer is not None and layer not in data.layers:
        raise missing("layer", layer, [name for name in data.layers if name is not None], "Pass `layer=None` for X.")
    name = "X" if layer is None else f"layers[{layer!r}]"
    values = plain(data.X if layer is None else data.layers[layer], name)
    # files give rows and columns in their order only, and each once
    own, places = np.unique(np.asarray(numbers, dtype=np.intp), return_inverse=True)
    return as_float(values[:, own], name)[:, places]


def by_modality(data: AnnDataLike, numbers: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Features by modality: places in `numbers`, and numbers in the modality; an AnnData counts as one without a name."""
    return data.by_modality(numbers) if isinstance(data, JointFrame) else {"": (np.arange(len(numbers)), numbers)}


def on_all_cells(data: AnnDataLike, values: np.ndarray, mod: str) -> np.ndarray:
    """Values of the cells of a modality on those of the whole MuData; of other data as they are."""
    return data.spread(values, mod) if isinstance(data, JointFrame) else values


def cells_of(data: AnnDataLike, modalities: Iterable[str]) -> np.ndarray:
    """Which cells all of these modalities have."""
    cells = np.ones(data.n_obs, dtype=bool)
    if isinstance(data, Frame):
        for mod in filter(None, modalities):
            cells &= data.cells.positions(mod, "") >= 0
    return cells
