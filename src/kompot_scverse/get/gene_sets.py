"""Gene sets as a table."""

import pandas as pd

from kompot_scverse._arguments import check_fraction
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_views
from kompot_scverse._runs.regions import find_regions, region_labels
from kompot_scverse._runs.view import RunView

from ._tables import joined


def gene_sets(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    annotate: str | None = None,
    max_fdr: float | None = None,
) -> pd.DataFrame:
    """
    The sets that :func:`kompot_scverse.tl.gene_sets` tested, the most significant first.

    Parameters
    ----------
    data
        Annotated data after :func:`kompot_scverse.tl.gene_sets`.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call, one below the other.
    mod
        Modality of a MuData; None for all that the run wrote to, one after the other.
    annotate
        Obs column, such as the cell type, that says what the region of a set is.
    max_fdr
        Keep sets with at most this q-value.

    Returns
    -------
    Table with the set as index (`source`, as in decoupler): `n_genes` (tested genes), `pvalue` (combined over the cell states), `qvalue`, `zscore` and
    `direction` in the `region` where the set stands out most (see :func:`regions`), and `annotation` if asked for.

    Raises
    ------
    LookupError
        If there is no such run, or it has no sets.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> kp.tl.gene_sets(adata, {"first": list(adata.var_names[:10])})
    >>> len(kp.get.gene_sets(adata, annotate="celltype"))
    1
    """
    check_fraction("max_fdr", max_fdr)
    views = find_views(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    # of a MuData, sets may have been tested in one of the modalities
    views = [view for view in views if view.run.summary.get("gene_sets")] or views
    tables = [_of_run(view, annotate, max_fdr) for view in views]
    return joined(views, tables, by_mod=mod is None)


def _of_run(view: RunView, annotate: str | None, max_fdr: float | None) -> pd.DataFrame:
    rows = view.run.summary.get("gene_sets")
    if not rows:
        raise LookupError(f"No gene sets of {view.name}; call `{view.call('gene_sets')}`.")
    table = pd.DataFrame(rows).set_index("source")
    table = table.astype({"pvalue": float, "qvalue": float, "zscore": float, "region": "Int64"})
    table = table.sort_values("pvalue", kind="stable")
    if max_fdr is not None:
        table = table[table["qvalue"] <= max_fdr]
    if annotate is not None:
        regions, labels = find_regions(view), region_labels(view, annotate)
        known = {number: regions.described(number, labels) for number in table["region"].dropna().unique()}
        table = table.assign(annotation=table["region"].map(known))
    return table
