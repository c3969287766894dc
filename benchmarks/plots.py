"""Seconds that each plot takes on many cells, from the call to a drawn PNG: `python benchmarks/plots.py [--cells N]`.

Wall and processor time are both printed; on a machine that does other work the second says what a plot costs.
`--profile NAME` profiles one plot instead.
"""

import argparse
import cProfile
import io
import pstats
import time
import warnings
from collections.abc import Callable
from typing import Any

FITTED = 5000
"""Cells that the analyses fit."""
LIMIT = 3.0
"""Seconds of processor time that no plot should take."""


def prepare(n_cells: int, n_genes: int) -> Any:
    """
    Simulated cells with both analyses, fitted to some of them.

    All cells get results, so the plots draw all; only the fits, which are not measured here, are quicker.
    """
    import numpy as np

    import kompot_scverse as kp

    start = time.perf_counter()
    adata = kp.datasets.simulate(n_cells, n_genes, density_change=2.5, rng=0)
    options = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
    options["mask_obs"] = np.random.default_rng(0).permutation(n_cells) < FITTED
    fdr = kp.TestSettings(null_genes=200)
    kp.tl.de(adata, "Age", layer="logged_counts", cell_groups="celltype", test=fdr, **options)
    kp.tl.da(adata, "Age", **options)
    print(f"{n_cells:,} cells x {n_genes} genes simulated and analysed in {time.perf_counter() - start:.0f} s")
    return adata


def plots(adata: Any) -> dict[str, Callable[[], Any]]:
    """Every plot, with each of its ways to draw all cells."""
    import kompot_scverse.pl as pl

    gene = adata.var_names[0]
    return {
        "volcano_de": lambda: pl.volcano_de(adata, labels=20),
        "volcano_da": lambda: pl.volcano_da(adata),
        "volcano_da, categories": lambda: pl.volcano_da(adata, color="celltype"),
        "volcano_da, numbers": lambda: pl.volcano_da(adata, color="pseudotime"),
        "multi_volcano_da": lambda: pl.multi_volcano_da(adata, "celltype"),
        "heatmap": lambda: pl.heatmap(adata, "celltype"),
        "heatmap, fold change": lambda: pl.heatmap(adata, "celltype", kind="fold_change"),
        "dotplot": lambda: pl.dotplot(adata, "celltype"),
        "direction_barplot": lambda: pl.direction_barplot(adata, "celltype"),
        "embedding": lambda: pl.embedding(adata, "umap"),
        "embedding, gene": lambda: pl.embedding(adata, "umap", color=gene),
        "embedding, highlight": lambda: pl.embedding(adata, "umap", color="celltype", highlight={"celltype": "HSC"}),
        "expression": lambda: pl.expression(adata, gene, basis="umap"),
        "diagnostics, de": lambda: pl.diagnostics(adata, analysis="de"),
        "diagnostics, da": lambda: pl.diagnostics(adata, analysis="da"),
        "replicates, categories": lambda: pl.replicates(adata, gene),
        "replicates, axis": lambda: pl.replicates(adata, gene, along="pseudotime"),
    }


def draw(plot: Callable[[], Any]) -> None:
    """Draw and write to memory."""
    import matplotlib.pyplot as plt

    plot()
    plt.gcf().savefig(io.BytesIO(), format="png", dpi=100)
    plt.close("all")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--genes", type=int, default=20)
    parser.add_argument("--profile", help="name of a plot")
    options = parser.parse_args()
    import matplotlib as mpl

    mpl.use("Agg")
    warnings.simplefilter("ignore")
    adata = prepare(options.cells, options.genes)
    every = plots(adata)
    # fonts and modules load with the first plot
    draw(every["volcano_de"])
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(draw, every[options.profile])
        pstats.Stats(profile).sort_stats("cumulative").print_stats(40)
        return
    print(f"{'plot':<24} {'wall s':>7} {'CPU s':>7}")
    for name, plot in every.items():
        start, cpu = time.perf_counter(), time.process_time()
        draw(plot)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"{name:<24} {wall:>7.2f} {cpu:>7.2f}{'  above the limit' if cpu > LIMIT else ''}", flush=True)


if __name__ == "__main__":
    main()
