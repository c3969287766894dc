"""Results of kompot on the data of tutorial 5, for comparison.

    python tutorials/run_kompot.py STUDY.h5ad tutorials/kompot_genes.csv tutorials/kompot_cells.csv

runs in an environment of its own with kompot 0.8.0. STUDY.h5ad is what the tutorial's `study()` writes.
"""

import logging
import sys
import warnings

import anndata as ad
import kompot
import pandas as pd

NULL_GENES = 300
CONDITIONS = {"Young_to_Old": ("Young", "Old"), "Old_to_Young": ("Old", "Young")}


def main(study: str, genes_file: str, cells_file: str) -> None:
    """Run, collect the columns, write two tables."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    adata = ad.read_h5ad(study)
    genes, cells = pd.DataFrame(index=adata.var_names), pd.DataFrame(index=adata.obs_names)
    storage = kompot.StorageSettings(store_additional_stats=True, overwrite=True)
    for name, (first, second) in CONDITIONS.items():
        collect(
            kompot.de, adata, "Age", first, second, name, genes,
            layer="logged_counts", storage=storage, fdr=kompot.FDRSettings(null_genes=NULL_GENES),
        )  # fmt: skip
        collect(kompot.da, adata, "Age", first, second, name, cells, storage=storage)
    collect(
        kompot.de, adata, "Age", "Young", "Old", "samples", genes,
        layer="logged_counts", sample_col="Replicate", storage=storage,
    )  # fmt: skip
    collect(kompot.da, adata, "Age", "Young", "Old", "samples", cells, sample_col="Replicate", storage=storage)
    # two random halves of one condition: nothing differs
    half = adata[adata.obs["half"] != "none"].copy()
    halves = pd.DataFrame(index=half.obs_names)
    collect(kompot.da, half, "half", "first", "second", "halves", halves, storage=storage)
    cells.join(halves).to_csv(cells_file, float_format="%.5g")
    genes.to_csv(genes_file, float_format="%.6g")


def collect(tool, adata, groupby, first, second, name, table, **arguments) -> None:
    """Numeric columns that a call adds to obs or var, under a short name."""
    slot = "var" if tool is kompot.de else "obs"
    before = [column for column in getattr(adata, slot) if not column.startswith("kompot_")]
    setattr(adata, slot, getattr(adata, slot)[before])
    tool(adata, groupby, first, second, **arguments)
    axis = getattr(adata, slot)
    for column in axis:
        if column not in before and pd.api.types.is_numeric_dtype(axis[column].dtype):
            statistic = column.split(f"{first}_to_{second}_")[-1]
            table[f"{name}:{statistic}"] = axis[column].astype(float)


if __name__ == "__main__":
    main(*sys.argv[1:])
