"""Genes × categories: fold change as colour, share of expressing cells as size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from kompot_scverse._arguments import check_arguments

from ._artist import check_keywords
from .heatmap import Heatmap, heatmap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["dotplot"]


def dotplot(
    data: Any,
    groupby: str,
    *,
    genes: str | Sequence[str] | None = None,
    n_genes: int = 20,
    cluster: bool | Literal["genes", "categories"] = True,
    exclude: object | Sequence[object] = (),
    run_id: int = -1,
    key: str | None = None,
    group: object = None,
    gene_symbols: str | None = None,
    mod: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
    **dot_kws: Any,
) -> Heatmap:
    """
    Mean log fold change (colour) and share of expressing cells (size) of genes in each category.

    The same as :func:`heatmap` with `kind="dots"`.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de`.
    groupby
        Obs column of the categories.
    genes, n_genes
        Genes to draw; None for the `n_genes` with the largest Mahalanobis distance.
    cluster
        Order genes and categories by similarity, one of the two, or neither (then as given).
    exclude
        Categories to leave out.
    run_id, key, group
        Which run: its number (negative ones count from the end), its `key_added`, the group of its contrast.
    gene_symbols
        Var column with the names to write.
    mod
        Modality of a MuData.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **dot_kws
        For the dots, for example `cmap`, `norm`, or `vmin` and `vmax`: numbers or percentiles such as "p99"; the scale
        stays centred at zero.

    Returns
    -------
    Axes, colour bar and values. A cross stands where a condition has fewer than ten cells.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> drawn = kp.pl.dotplot(adata, "celltype", n_genes=10)
    """
    check_arguments(dotplot, locals())
    from matplotlib.collections import PathCollection

    check_keywords(dotplot, dot_kws, PathCollection)
    return heatmap(
        data, groupby, genes=genes, n_genes=n_genes, kind="dots", cluster=cluster, exclude=exclude, run_id=run_id,
        key=key, group=group, gene_symbols=gene_symbols, mod=mod, ax=ax, show=show, **dot_kws,
    )  # fmt: skip
