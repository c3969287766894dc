"""What an installed package must be able to do; run outside the checkout, in an environment without the test packages."""

import sys
import tempfile
import warnings
from importlib.metadata import entry_points, version
from pathlib import Path

warnings.simplefilter("ignore")

import anndata as ad  # noqa: E402
import matplotlib as mpl  # noqa: E402
import mudata as md  # noqa: E402
import numpy as np  # noqa: E402
import scanpy as sc  # noqa: E402

import kompot_scverse as kp  # noqa: E402

mpl.use("agg")
assert kp.__version__ == version("kompot-scverse")
assert (Path(kp.__file__).parent / "py.typed").is_file()

adata = kp.datasets.simulate(600, 80, rng=0)
design = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
assert kp.pp.plan(adata, "de", "Age", layer="logged_counts", **design).status
kp.tl.da(adata, "Age", **design)
kp.tl.de(adata, "Age", layer="logged_counts", cell_groups="celltype", **design)
kp.tl.smooth(adata, "Age", group="Old", layer="logged_counts")
kp.tl.rank_genes_groups(adata)
assert len(sc.get.rank_genes_groups_df(adata, "Old", key="kompot_rank_genes_groups")) == 80
assert len(kp.get.runs(adata)) == 3
assert kp.RunInfo(adata, analysis="de")._repr_html_()

sc.pp.pca(adata, layer="logged_counts", n_comps=10)
sc.pp.neighbors(adata, use_rep="DM_EigenVectors")
kp.pl.volcano_de(adata)
kp.pl.embedding(adata, "umap", color="lfc_zscore", analysis="da")
kp.pl.heatmap(adata, "celltype", n_genes=5)

with tempfile.TemporaryDirectory() as folder:
    for suffix, read in (("h5ad", ad.read_h5ad), ("zarr", ad.read_zarr)):
        path = Path(folder) / f"data.{suffix}"
        getattr(adata, f"write_{suffix}")(path)
        again = read(path)
        fold_change = kp.get.layer(again, "fold_change")
        np.testing.assert_allclose(
            fold_change, np.asarray(adata.layers["kompot_de_Young_to_Old_fold_change"]), rtol=1e-4, atol=1e-5
        )
    mdata = md.MuData({"rna": adata[:, :40].copy(), "other": adata[:, 40:].copy()})
    mdata.write_h5mu(Path(folder) / "data.h5mu")

    (command,) = entry_points(group="console_scripts", name="kompot-scverse")
    main = command.load()
    for arguments in (["--version"], ["--help"], ["de", "--help"], ["runs", str(Path(folder) / "data.h5ad")]):
        sys.argv = ["kompot-scverse", *arguments]
        try:
            main()
        except SystemExit as done:
            assert not done.code, arguments  # noqa: PT017
print("The installed package works.")
