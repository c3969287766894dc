"""Programs and gene sets of a run of differential expression."""

from kompot_scverse import get, pl
from kompot_scverse._runs.markup import Html

from .figures import part, plotted
from .run import ReportedRun
from .tables import data_table

PROGRAMS = {
    "n_genes": "genes", "share_up": "up", "mean_lfc": "mean LFC", "strongest": "strongest in", "genes": "first genes",
}  # fmt: skip
PROGRAM_MAPS = "Mean log fold change of the genes of each program, each gene divided by its size: 1 is as strong as in the average cell."
SETS = {"source": "set", "n_genes": "genes", "pvalue": "p", "qvalue": "q", "zscore": "z there", "annotation": "mostly"}


def programs(run: ReportedRun) -> list[Html]:
    """Genes that change alike."""
    if not run.view.run.summary.get("programs"):
        return []
    table = get.programs(run.data, **run.chosen)
    caption = "Genes that change alike over the cell states. Up: share of the genes that rise."
    return [
        plotted(run, PROGRAM_MAPS, pl.programs, run.embedding),
        data_table(table, name=f"{run.name}-programs-table", caption=caption, titles=PROGRAMS),
    ]


def gene_sets(run: ReportedRun) -> list[Html]:
    """Sets against all other genes."""
    if not run.view.run.summary.get("gene_sets"):
        return []
    table = part(get.gene_sets, run.data, annotate=run.cell_groups, **run.chosen)
    if isinstance(table, Html):
        return [table]
    if "annotation" in table:
        table["annotation"] = run.told(table["annotation"], table["region"])
    shown = table.head(run.n_genes)
    caption = "Sets against all other genes, between samples. Region: where the set stands out most."
    if len(shown) < len(table):
        caption += f" The first {len(shown)} of {len(table):,}."
    return [data_table(shown, name=f"{run.name}-sets-table", caption=caption, titles=SETS)]
