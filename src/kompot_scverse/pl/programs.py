"""Programs of genes on an embedding."""

from typing import Any

import pandas as pd

from kompot_scverse._arguments import check_at_least
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view

from ._artist import check_keywords
from ._embedding import embedding_coordinates, embedding_frame, headed
from ._panels import Panels
from ._scatter import color_scatter
from ._style import finish, grid


def programs(
    data: Data,
    basis: str = "umap",
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    ncols: int = 3,
    show: bool | None = None,
    **scatter_kws: Any,
) -> Panels:
    """
    Where the programs of :func:`kompot_scverse.tl.programs` change, and their leading genes.

    Parameters
    ----------
    data
        Annotated data with programs.
    basis
        Embedding in obsm, with or without `X_`.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData; needed if the run wrote to several.
    ncols
        Panels per row.
    show
        Whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`, for example `s`, `alpha`, `cmap`, or `vmin` and `vmax`: numbers or percentiles such as "p1". Scales
        stay centred at zero.

    Returns
    -------
    The figure and its axes by program. Colours are the mean log fold change of the genes, each first divided by its root mean square
    over the cells: 1 is as strong as in the average cell. Cells with a support below 0.1 are grey.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> kp.tl.programs(adata, 2, max_fdr=0.5)
    >>> panels = kp.pl.programs(adata)
    """
    check_keywords(programs, scatter_kws, "PathCollection")
    check_at_least(1, ncols=ncols)
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    view.check_one_modality()
    rows = view.run.summary.get("programs")
    if not rows:
        raise LookupError(f"No programs of {view.name}; call `{view.call('program')}`.")
    points, name = embedding_coordinates(view.data, basis)
    axes = grid([str(number + 1) for number in range(len(rows))], min(ncols, len(rows)), 4.3, 3.7)
    for number, row in enumerate(rows, start=1):
        ax, values = axes[str(number)], pd.Series(view.numbers(f"program_{number}"))
        color_scatter(
            ax, points, values, data=view.data, key="", label="standardised\nlog fold change", signed=True,
            unsupported=view.unsupported(), kws=scatter_kws,
        )  # fmt: skip
        embedding_frame(ax, name, "")
        headed(ax, _title(number, row), row["genes"])
    return finish(Panels(axes), show, view)


def _title(number: int, row: dict[str, Any]) -> str:
    where = f", most in {row['strongest']}" if row.get("strongest") else ""
    genes = "1 gene" if row["n_genes"] == 1 else f"{row['n_genes']} genes"
    return f"{number}: {genes} {row['direction']}{where}"
