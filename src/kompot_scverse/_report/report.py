"""The report of runs."""

from os import PathLike
from pathlib import Path

from kompot_scverse._arguments import check_arguments, check_at_least
from kompot_scverse._data.errors import missing
from kompot_scverse._data.holders import Data, check_data
from kompot_scverse._runs.find import all_views, listed_runs
from kompot_scverse._runs.view import RunView

from .run import ReportedRun


def report(
    data: Data,
    path: str | PathLike[str] = "kompot_report.html",
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    basis: str | None = None,
    cell_groups: str | None = None,
    gene_symbols: str | None = None,
    n_genes: int = 50,
    title: str = "Comparison of conditions",
) -> Path:
    """
    Write what runs have found as one page of HTML.

    The page needs no other file and no network: samples, what to know before believing the results, maps, volcano plots, genes
    with where they change and which sample they rest on, regions, programs, gene sets, diagnostics and provenance. Its tables
    sort and filter, and it can be printed. It names neither machine nor user, and paths by their last part only.

    Parameters
    ----------
    data
        Annotated data with runs. What :func:`kompot_scverse.tl.regions`, `programs`, `gene_sets` and `influence` have added to
        them is shown, too.
    path
        File to write; replaced if there is one.
    run_id
        Number of the only run to show; negative ones count from the end of those that match. None for all.
    key_added
        Prefix of the runs to show.
    group
        Group of the contrast of the runs to show.
    mod
        Modality of a MuData; None for all.
    basis
        Embedding in obsm to draw cells on; None for a UMAP, a t-SNE or the representation of the run, whatever there is.
    cell_groups
        Obs column of categories, such as cell types, that says what regions are; None for that of the runs, if they have one.
    gene_symbols
        Var column with the names to show.
    n_genes
        Largest number of genes and of gene sets in a table.
    title
        Heading of the page.

    Returns
    -------
    The path of the file.

    Raises
    ------
    LookupError
        If there is no such run.
    KeyError
        If there is no such column or embedding.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old", sample_key="Replicate")
    >>> kp.report(adata, cell_groups="celltype").name
    'kompot_report.html'
    """
    check_arguments(report, locals())
    check_at_least(1, n_genes=n_genes)
    views = _chosen(all_views(check_data(data, mod), mod), run_id, key_added, group)
    _check_columns(views, basis, cell_groups, gene_symbols)
    of_runs = [str(column) for view in views if (column := view.run.params.get("cell_groups"))]
    runs = [
        ReportedRun(data, view, basis, _column(view, cell_groups, of_runs), gene_symbols, n_genes) for view in views
    ]
    from .page import page  # loads matplotlib, which the help of the command line does not need

    target = Path(path)
    target.write_text(page(data, runs, title), encoding="utf-8")
    return target


def _chosen(views: list[RunView], run_id: int | None, key_added: str | None, group: object) -> list[RunView]:
    if not views:
        raise LookupError("No run in uns['kompot']; call `kp.tl.da` or `kp.tl.de` first.")
    matching = [
        view
        for view in views
        if key_added in (None, view.run.key_added) and (group is None or view.run.group == str(group))
    ]
    if run_id is not None:
        numbers = list(dict.fromkeys(view.run.run_id for view in matching))
        if run_id < 0:
            run_id = numbers[run_id] if -run_id <= len(numbers) else None
        matching = [view for view in matching if view.run.run_id == run_id]
    if not matching:
        raise LookupError(f"There is no such run; existing: {listed_runs([view.run for view in views])}.")
    return matching


def _check_columns(views: list[RunView], basis: str | None, cell_groups: str | None, gene_symbols: str | None) -> None:
    """Raise for names that none of the runs' data have."""
    for kind, name, slot in (
        ("embedding in obsm", basis, "obsm"),
        ("obs column (`cell_groups`)", cell_groups, "obs"),
        ("var column (`gene_symbols`)", gene_symbols, "var"),
    ):
        spelled = {name, f"X_{name}"} if slot == "obsm" else {name}
        if name is not None and not any(one in getattr(view.data, slot) for view in views for one in spelled):
            raise missing(kind, name, list(getattr(views[0].data, slot)))


def _column(view: RunView, asked: str | None, of_runs: list[str]) -> str | None:
    """The column of categories of a run: the one asked for, its own, or that of another run."""
    own = view.run.params.get("cell_groups")
    wanted = [asked] if asked is not None else [own, *of_runs]
    return next((str(name) for name in wanted if name and name in view.data.obs), None)
