"""Genes × categories: fold change as colour, share of expressing cells as size."""

from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes

from kompot_scverse._data.holders import Data

from ._artist import check_keywords
from .heatmap import heatmap


def dotplot(
    data: Data,
    cell_groups: str,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    genes: str | Sequence[str] | None = None,
    n_genes: int = 20,
    cluster: bool | Literal["genes", "categories"] = True,
    exclude: object | Sequence[object] = (),
    gene_symbols: str | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    **dot_kws: Any,
) -> Axes:
    """
    Mean log fold change (colour) and share of expressing cells (size) of genes in each category.

    The same as :func:`heatmap` with `kind="dots"`.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de`.
    cell_groups
        Obs column of the categories.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    genes, n_genes
        Genes to draw; None for the `n_genes` with the largest Mahalanobis distance.
    cluster
        Order genes and categories by similarity, one of the two, or neither (then as given).
    exclude
        Categories to leave out.
    gene_symbols
        Var column with the names to write.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **dot_kws
        For the dots, for example `cmap`, `norm`, or `vmin` and `vmax`: numbers or percentiles such as "p99"; the scale
        stays centred at zero.

    Returns
    -------
    The axes. A cross stands where a condition has fewer than ten cells, and a ring around the dot where the run has a
    replicate test within these categories (`cell_groups=` of :func:`kompot_scverse.tl.de`) and calls the gene there.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> ax = kp.pl.dotplot(adata, "celltype", n_genes=10)
    """
    check_keywords(dotplot, dot_kws, "PathCollection")
    return heatmap(
        data, cell_groups, run_id=run_id, key_added=key_added, group=group, mod=mod, genes=genes, n_genes=n_genes,
        kind="dots", cluster=cluster, exclude=exclude, gene_symbols=gene_symbols, ax=ax, show=show, **dot_kws,
    )  # fmt: skip
