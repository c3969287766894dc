"""What a result is without each sample."""

from typing import Literal

import pandas as pd

from kompot_scverse._data.errors import missing
from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import name_numbers, own_names
from kompot_scverse._runs.find import find_views
from kompot_scverse._runs.view import RunView

from ._tables import joined


def influence(
    data: Data,
    gene: str | None = None,
    *,
    analysis: Literal["de", "da"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    region: str | None = None,
) -> pd.DataFrame:
    """
    Results without each sample, from :func:`kompot_scverse.tl.influence`: of one gene, or how many calls are lost.

    Parameters
    ----------
    data
        Annotated data after :func:`kompot_scverse.tl.influence`.
    gene
        Name of a gene; None for all genes together.
    analysis
        "da" is about the cells that a differential abundance calls.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call, one below the other.
    mod
        Modality of a MuData; None for all that the run wrote to, one after the other.
    region
        Of abundance: one of the regions of :func:`kompot_scverse.tl.regions`, such as "up 1"; None for all called cells.

    Returns
    -------
    Table with the sample (or donor, where the test blocks on them) that is left out as index. For a gene: `lfc`, the effect in its
    region, and `pvalue`, with the empty index for nothing left out. For all genes: `n_lost`, called genes that are not called without
    the sample, and `n_resting`, those of them that are lost only without this sample.

    Raises
    ------
    LookupError
        If there is no such run, or it has not been asked for influence.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> kp.tl.influence(adata, genes=["Gene0001", "Gene0002"])
    >>> kp.get.influence(adata).columns.to_list()
    ['n_lost', 'n_resting']
    """
    if gene is not None and analysis == "da":
        raise ValueError("`gene` is for differential expression; of abundance, name a `region=`.")
    if region is not None and analysis == "de":
        raise ValueError('`region` is for differential abundance: pass `analysis="da"`.')
    views = find_views(data, analysis, run_id=run_id, key_added=key_added, group=group, mod=mod)
    if mod is None:
        views = _those_asked_for(views, gene)
    tables = []
    for view in views:
        if region is not None:
            tables.append(_of_region(view, region))
        else:
            tables.append(_of_run(view) if gene is None else _of_gene(view, gene))
        view.warn()
    return joined(views, tables, by_mod=mod is None)


def _those_asked_for(views: list[RunView], gene: str | None) -> list[RunView]:
    """The modalities that have the gene, or whose genes have been asked for influence; all if there are none."""
    if gene is None:
        return [view for view in views if "influence" in view.run.summary] or views
    return [view for view in views if own_names(view.data, [gene])[0] in view.data.var_names] or views


def _of_run(view: RunView) -> pd.DataFrame:
    found = view.run.summary.get("influence")
    if found is None:
        raise LookupError(f"No influence of samples on {view.name}; call `{view.call('influence_sample')}`.")
    table = pd.DataFrame({name: found[name] for name in ("n_lost", "n_resting")})
    return table.rename_axis(index="without").sort_values("n_resting", ascending=False, kind="stable")


def _of_region(view: RunView, region: str) -> pd.DataFrame:
    _of_run(view)
    found = view.run.summary["influence"].get("regions")
    if not found:
        raise LookupError(
            f"No influence on regions of {view.name}; call `{view.call('region')}` and then `{view.call('influence_sample')}`."
        )
    if region not in found:
        raise missing("region", region, found)
    return pd.DataFrame(found[region]).set_index("without")


def _of_gene(view: RunView, gene: str) -> pd.DataFrame:
    number = name_numbers(view.data.var_names, own_names(view.data, [gene]))[0]
    columns = {name: view.read(f"without_{name}").iloc[number] for name in ("lfc", "pvalue")}
    every = pd.DataFrame(
        {"lfc": [view.numbers("region_lfc")[number]], "pvalue": [view.numbers("pvalue")[number]]}, index=[""]
    )
    return pd.concat([every, pd.DataFrame(columns)]).rename_axis(index="without")
