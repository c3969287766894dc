"""What a user's data may lack: log-normalised expression and a cell-state representation."""

from typing import TYPE_CHECKING, Any

import typer

from kompot_scverse._data.errors import missing
from kompot_scverse._data.expression_check import look_at
from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._data.resolve import representation

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData

LAYER = "kompot_lognorm"
N_COMPS = 30
N_VARIABLE = 2000


def log_normalized(adata: "AnnData", layer: str | None) -> str | None:
    """Name of the expression to analyse; raw counts are log-normalised into a new layer first."""
    existing = [key for key in adata.layers.keys() if key is not None]
    if layer is not None and layer not in existing:
        raise missing("layer", layer, existing, "Leave out --layer for X.")
    values: Any = adata.X if layer is None else adata.layers[layer]
    if values is None:
        raise missing("expression: X is empty; pass --layer, not", None, existing)
    name = "X" if layer is None else f"Layer {layer!r}"
    if not look_at(matrix_reader(values, None, name)).are_counts():
        return layer
    import scanpy as sc

    part = _only(adata, values.astype("float32"))
    sc.pp.normalize_total(part, target_sum=1e4)
    sc.pp.log1p(part)
    adata.layers[LAYER] = part.X
    typer.echo(f"{name} looks like raw counts: log(1 + counts per 10,000) put into layer {LAYER!r} and used.")
    return LAYER


def choose_representation(adata: "AnnData", use_rep: str | None, layer: str | None) -> str:
    """Name of the representation: what exists, else a PCA of the variable genes."""
    if use_rep is not None:
        return representation(adata, use_rep)[0]
    try:
        name, _ = representation(adata, None)
        typer.echo(f"Representation: {name}.")
    except KeyError:
        name = "X_pca"
        adata.obsm[name] = principal_components(adata, layer)
        typer.echo(f"No representation found: PCA computed, {adata.obsm[name].shape[1]} components.")
    if "pca" in name.lower():
        typer.echo(
            "  In a PCA, conditions or batches may lie apart; differential abundance then describes that. If so, pass an\n"
            "  integrated representation with --use-rep."
        )
    return name


def principal_components(adata: "AnnData", layer: str | None) -> "np.ndarray":
    """Principal components of the variable genes."""
    import scanpy as sc

    part = _only(adata, adata.X if layer is None else adata.layers[layer])
    if part.n_vars > N_VARIABLE:
        sc.pp.highly_variable_genes(part, n_top_genes=N_VARIABLE, subset=True)
    sc.pp.pca(part, n_comps=min(N_COMPS, part.n_vars - 1, part.n_obs - 1))
    return representation(part, "X_pca")[1]


def _only(adata: "AnnData", values) -> "AnnData":
    """An object with this expression alone, so that scanpy leaves no marks on the user's."""
    import pandas as pd
    from anndata import AnnData

    return AnnData(values, obs=pd.DataFrame(index=adata.obs_names), var=pd.DataFrame(index=adata.var_names))
