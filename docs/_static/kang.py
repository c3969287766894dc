"""
Draws kang.png and prints what the README says: `uv run python docs/_static/kang.py`, or with a file of yours.

Blood cells of eight donors, with and without interferon-β (Kang et al. 2018).
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import scanpy as sc

import kompot_scverse as kp

adata = kp.datasets.kang(path=sys.argv[1] if len(sys.argv) > 1 else None)
sc.pp.normalize_total(adata, target_sum=1e4)
sc.pp.log1p(adata)
integrated = "X_pca_harmony" if "X_pca_harmony" in adata.obsm else "X_pca"
adata.obsm["X_states"] = adata.obsm[integrated][:, :10]
sc.pp.neighbors(adata, use_rep="X_states")
sc.tl.umap(adata)

design = {"reference": "ctrl", "groups": "stim", "sample_key": "donor", "paired": True, "use_rep": "X_states"}
kp.tl.da(adata, "condition", **design)
kp.tl.de(adata, "condition", cell_groups="cell_type", **design)
genes = kp.get.de_df(adata)
print(f"{adata.n_obs:,} cells, {genes['qvalue'].notna().sum():,} genes tested, {genes['is_de'].sum():,} called")
print("cells called by abundance:", (kp.get.da_df(adata)["direction"] != "neutral").sum())

figure, axes = plt.subplots(2, 2, figsize=(11, 8.4), layout="constrained")
kp.pl.volcano_de(adata, labels=8, ax=axes[0, 0])
axes[0, 0].set_title("Which genes respond to interferon")
for ax, gene in zip((axes[0, 1], axes[1, 0]), ("ISG15", "CXCL10"), strict=True):
    kp.pl.embedding(adata, "umap", color=gene, ax=ax)
    ax.set_title(f"Where: log fold change of {gene}")
kp.pl.replicates(adata, "CXCL10", along="cell_type", ax=axes[1, 1])
axes[1, 1].set_title("In which donors: CXCL10")
figure.savefig(Path(__file__).with_name("kang.png"), dpi=90)
