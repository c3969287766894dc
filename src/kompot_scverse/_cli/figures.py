"""The figures of a demonstration, as PNG files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anndata import AnnData

EMBEDDINGS = ("X_umap", "X_tsne")
DPI = 150


def write_figures(
    adata: "AnnData", folder: Path, *, use_rep: str, cell_groups: str | None, replicates: bool
) -> list[Path]:
    """
    Draw the last run of each analysis.

    Parameters
    ----------
    adata
        Data with both analyses.
    folder
        Where the files go.
    use_rep
        Representation to draw cells on where there is neither a UMAP nor a t-SNE.
    cell_groups
        Obs column of categories; None leaves out the figures that need them.
    replicates
        Whether the runs have replicates.

    Returns
    -------
    The files.
    """
    import matplotlib as mpl

    # a command writes files and needs no window
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    basis = next((name for name in EMBEDDINGS if name in adata.obsm), use_rep)
    written = []
    for name, draw in _figures(adata, basis, cell_groups, replicates):
        drawn = draw()
        written.append(folder / f"{name}.png")
        drawn.figure.savefig(written[-1], dpi=DPI)
        plt.close(drawn.figure)
    return written


def _figures(
    adata: "AnnData", basis: str, cell_groups: str | None, replicates: bool
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name of each figure and how to draw it."""
    from kompot_scverse import get, pl

    gene = str(get.de_df(adata)["mahalanobis"].idxmax())
    yield "volcano_de", lambda: pl.volcano_de(adata)
    yield "volcano_da", lambda: pl.volcano_da(adata, color=cell_groups)
    yield "embedding", lambda: pl.embedding(adata, basis, color=["lfc", "lfc_direction", gene])
    yield "expression", lambda: pl.expression(adata, gene, basis=basis)
    yield "diagnostics_de", lambda: pl.diagnostics(adata, analysis="de")
    yield "diagnostics_da", lambda: pl.diagnostics(adata, analysis="da")
    if cell_groups is not None:
        yield "heatmap", lambda: pl.heatmap(adata, cell_groups)
        yield "dotplot", lambda: pl.dotplot(adata, cell_groups)
        yield "direction_barplot", lambda: pl.direction_barplot(adata, cell_groups)
        yield "multi_volcano_da", lambda: pl.multi_volcano_da(adata, cell_groups)
    if replicates and cell_groups is not None:
        yield "replicates", lambda: pl.replicates(adata, gene, along=cell_groups)
