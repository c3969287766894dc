"""Programs of genes as a table."""

import pandas as pd

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_views
from kompot_scverse._runs.view import RunView

from ._tables import joined


def programs(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
) -> pd.DataFrame:
    """
    The programs that :func:`kompot_scverse.tl.programs` found, one row each.

    Parameters
    ----------
    data
        Annotated data with programs.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call.
    mod
        Modality of a MuData; None for all that the run wrote to, one after the other.

    Returns
    -------
    Table with the program as index, the largest first: `n_genes`; `direction`, up or down on average over the cells; `share_up`, the
    share of its genes with a mean log fold change above 0; `mean_lfc`, their mean (natural log); `strongest`, the category in which
    it is strongest (if categories were named; empty if it is hardly stronger there than elsewhere); and `genes`, the most
    significant of the genes that follow the program closely. The program of each gene is in var, as `program`.

    Raises
    ------
    LookupError
        If there is no such run, or it has no programs.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> kp.tl.programs(adata, 2, max_fdr=0.5)
    >>> kp.get.programs(adata).index.to_list()
    ['1', '2']
    """
    views = find_views(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    tables = [_of_run(view) for view in views]
    return joined(views, tables, by_mod=mod is None)


def _of_run(view: RunView) -> pd.DataFrame:
    rows = view.run.summary.get("programs")
    if not rows:
        raise LookupError(f"No programs of {view.name}; call `{view.call('program')}`.")
    names = pd.Index([str(number + 1) for number in range(len(rows))], name="program")
    return pd.DataFrame([row | {"genes": ", ".join(row["genes"])} for row in rows], index=names)
