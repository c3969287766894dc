"""Finding what the arguments name in an AnnData: representation, layer, columns, genes, cells."""

from collections.abc import Iterator, Sequence, Sized
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed, shown

from .errors import missing
from .expression_check import log_base, look_at, warn_of_values
from .matrix import MatrixReader, as_float, matrix_reader
from .protocol import AnnDataLike
from .tables import column_of, value_of

DEFAULT_REPRESENTATIONS = ("X_joint", "X_diffusion", "DM_EigenVectors", "X_diffmap", "X_pca")
"""What is taken without `use_rep=`, the first that exists: first what `kp.pp` wrote."""


def representation(adata: AnnDataLike, use_rep: str | None, *, single: bool = False) -> tuple[str, np.ndarray]:
    """
    The cell-state representation: its key in obsm and its values, cells × dimensions, float64, or float32 if that may stay so.

    `X_pca` and `pca` are the same to us, since scanpy is moving from one to the other.
    """
    wanted = DEFAULT_REPRESENTATIONS if use_rep is None else (use_rep,)
    for name in wanted:
        for spelling in spellings(name):
            if spelling in adata.obsm:
                return spelling, dense(value_of(adata, "obsm", spelling), f"obsm[{spelling!r}]", single=single)
    if use_rep is None:
        raise missing(
            "cell-state representation",
            defaults_named(),
            adata.obsm,
            "Run `sc.pp.pca` and `kp.pp.diffusion_states`, or pass `use_rep=`.",
        )
    raise missing("representation in obsm", use_rep, adata.obsm, "Pass one of them as `use_rep=`, or run `sc.pp.pca`.")


def defaults_named() -> str:
    """The representations that are taken without being named, as text."""
    return f"{', '.join(DEFAULT_REPRESENTATIONS[:-1])} or {DEFAULT_REPRESENTATIONS[-1]}"


def spellings(key: str) -> tuple[str, str, str]:
    """A key of obsm as given, without and with `X_`; also after the modality in "rna:X_pca"."""
    mod, separator, name = key.rpartition(":")
    plain = name.removeprefix("X_")
    return key, f"{mod}{separator}{plain}", f"{mod}{separator}X_{plain}"


def dense(values: Any, name: str, *, single: bool = False) -> np.ndarray:
    """A representation as a two-dimensional float64 array, or float32 where it is one of numpy and may stay so."""
    stays = single and type(values) is np.ndarray and values.dtype == np.float32
    x = values if stays else as_float(values, name)
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(f"{name} has shape {x.shape}; a representation is cells × dimensions.")
    return np.ascontiguousarray(x)


def check_finite(x: np.ndarray, rows: np.ndarray, name: str) -> None:
    """Raise if a cell of the analysis has no cell state."""
    bad = rows & ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise ValueError(
            f"obsm[{name!r}] is NaN or infinite for {bad.sum():,} of the {rows.sum():,} cells analysed. "
            "Leave them out with `mask_obs=`, or pass another representation as `use_rep=`."
        )


def expression_values(adata: AnnDataLike, layer: str | None) -> tuple[Any, str]:
    """The expression matrix as it is, and what to call it."""
    if adata.n_vars == 0:
        raise ValueError(
            "There are no genes to analyse (0 columns). If the data are a MuData, leave such a modality out with `mod=`."
        )
    existing = [key for key in adata.layers.keys() if key is not None]
    if layer is None:
        if adata.X is None:
            raise missing("expression: X is empty; pass `layer=`, not", None, existing)
        return adata.X, "X"
    if layer not in existing:
        raise missing("layer", layer, existing, "Pass `layer=None` for X.")
    return adata.layers[layer], f"layers[{layer!r}]"


def expression(adata: AnnDataLike, layer: str | None, cells: np.ndarray | None = None) -> MatrixReader:
    """
    The expression of all genes as a reader of rows, in natural logs; what does not look like logs is worth a warning.

    Parameters
    ----------
    adata
        The data.
    layer
        Layer; None for X.
    cells
        Cells that are analysed (a mask); None for all.
    """
    values, name = expression_values(adata, layer)
    reader = matrix_reader(values, None, name)
    seen = look_at(reader, cells)
    base = log_base(adata, seen, name)
    warn_of_values(seen, name, base)
    return reader.of_base(base)


def obs_values(adata: AnnDataLike, key: str, argument: str) -> pd.Series:
    """An obs column as it is."""
    if key not in adata.obs:
        raise missing(f"obs column (`{argument}`)", key, adata.obs.columns)
    return column_of(adata.obs, key)


def obs_column(adata: AnnDataLike, key: str, argument: str) -> pd.Series:
    """A categorical view of an obs column; categories without cells are dropped."""
    column = obs_values(adata, key, argument)
    if pd.api.types.is_float_dtype(column.dtype) and not (column.dropna() % 1 == 0).all():
        raise TypeError(f"obs[{key!r}] (`{argument}`) is continuous; it must hold categories.")
    if not column.notna().any():
        raise ValueError(f"obs[{key!r}] (`{argument}`) is missing for all cells.")
    return column.astype("category").cat.remove_unused_categories()


def match_label(column: pd.Series, label: object, argument: str) -> object:
    """The category that `label` names: equal to it, or with the same text (1 and "1", True and "True")."""
    if isinstance(label, np.ndarray) and label.ndim == 0:
        label = label.item()
    if isinstance(label, Sized | Iterator) and not isinstance(label, str | bytes):
        raise TypeError(f"`{argument}` must be one category of obs[{column.name!r}], not {shown(label)}.")
    categories = column.cat.categories
    for category in categories:
        if category == label and isinstance(category, bool | np.bool_) == isinstance(label, bool | np.bool_):
            return category
    for category in categories:
        if str(category) == str(label):
            return category
    raise missing(f"cells with obs[{column.name!r}] (`{argument}`) equal to", label, categories)


def cell_mask(adata: AnnDataLike, mask_obs: str | Sequence[bool] | np.ndarray | pd.Series | None) -> np.ndarray:
    """Which cells take part: a boolean array, a Series, or the name of a boolean obs column."""
    if mask_obs is None:
        return np.ones(adata.n_obs, dtype=bool)
    return boolean_mask(mask_obs, adata.obs, adata.obs_names, "mask_obs", "cells")


def gene_numbers(
    adata: AnnDataLike, genes: str | Sequence[str] | Sequence[bool] | np.ndarray | None
) -> np.ndarray | None:
    """Numbers of the chosen genes (names, a boolean mask, or the name of a boolean var column); None for all."""
    if genes is None:
        return None
    if isinstance(genes, str) and genes in adata.var:
        numbers = np.flatnonzero(boolean_mask(genes, adata.var, adata.var_names, "genes", "genes"))
    elif isinstance(genes, str):
        numbers = name_numbers(adata.var_names, own_names(adata, [genes]))
    else:
        names = listed("genes", genes)
        if is_mask(genes):
            numbers = np.flatnonzero(boolean_mask(genes, adata.var, adata.var_names, "genes", "genes"))
        else:
            numbers = np.unique(name_numbers(adata.var_names, own_names(adata, names)))
    if len(numbers) == 0:
        raise ValueError("`genes` selects no genes.")
    return numbers


def is_mask(values: Any) -> bool:
    """Whether values are true or false, one by one."""
    return np.asarray(values).dtype == bool or getattr(values, "dtype", None) == "boolean"


def own_names(adata: AnnDataLike, names: Sequence[str]) -> list[str]:
    """Names of genes without the modality that they are in: "rna:CD8A" is "CD8A" of rna."""
    modality = getattr(adata, "modality", "")
    return [str(name).removeprefix(f"{modality}:") for name in names] if modality else list(names)


def name_numbers(names: pd.Index, wanted: Sequence[str]) -> np.ndarray:
    """Positions of gene names, in the order asked for."""
    if not names.is_unique:
        twice = sorted(set(names[names.duplicated()]) & set(wanted))
        if twice:
            raise ValueError(f"Gene name {twice[0]!r} stands for several genes; call `var_names_make_unique()` first.")
    unknown = [name for name in wanted if not isinstance(name, str) or name not in names]
    if unknown:
        raise missing(f"gene (and {len(unknown) - 1} more)" if len(unknown) > 1 else "gene", unknown[0], names)
    return np.array([names.get_loc(name) for name in wanted], dtype=np.intp)


def boolean_mask(value: Any, frame: Any, names: pd.Index, argument: str, what: str) -> np.ndarray:
    """A mask from a column name, a Series (aligned by name) or an array."""
    if isinstance(value, str):
        if value not in frame:
            raise missing(f"column (`{argument}`)", value, frame.columns)
        value = column_of(frame, value, {"cells": "obs", "genes": "var"}[what])
    elif isinstance(value, pd.Series):
        value = value.reindex(names)
    elif isinstance(value, pd.api.extensions.ExtensionArray):
        value = pd.Series(value)
    if isinstance(value, pd.Series) and pd.api.types.is_bool_dtype(value.dtype):
        # also pandas' nullable boolean, as files give it back
        if value.isna().any():
            raise ValueError(f"`{argument}` is missing for {int(value.isna().sum()):,} {what}.")
        value = value.astype(bool)
    mask = np.asarray(value)
    if mask.dtype != bool:
        raise TypeError(f"`{argument}` must be boolean, not {mask.dtype}.")
    if mask.shape != (len(names),):
        raise ValueError(f"`{argument}` has {mask.size:,} values for {len(names):,} {what}.")
    if not mask.any():
        raise ValueError(f"`{argument}` selects no {what}.")
    return mask
