"""Draws overview.png: `uv run --group doc python docs/_static/overview.py`."""

from pathlib import Path

import matplotlib.pyplot as plt

import kompot_scverse as kp

adata = kp.datasets.simulate(3000, 1000, density_change=2.0, rng=0)
design = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
kp.tl.da(adata, "Age", **design)
kp.tl.de(adata, "Age", layer="logged_counts", **design)
found = kp.get.de_df(adata, max_fdr=0.05)
local = adata.var.loc[found.index, "effect_type"] == "local"

figure, axes = plt.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
kp.pl.embedding(adata, "umap", color="lfc", ax=axes[0])
axes[0].set_title("Abundance: log fold change of the density")
kp.pl.volcano_de(adata, labels=8, ax=axes[1])
axes[1].set_title("Expression: all genes")
gene = found.index[local][0]
kp.pl.embedding(adata, "umap", color=gene, ax=axes[2])
axes[2].set_title(f"Expression of {gene}: log fold change")
figure.savefig(Path(__file__).with_name("overview.png"), dpi=110)
