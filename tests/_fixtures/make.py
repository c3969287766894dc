"""Files as this version writes them, which later versions must still read: `python tests/_fixtures/make.py`.

Made once per version of the schema of runs; never made again for an old one.
"""

import warnings
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._runs.record import SCHEMA_VERSION

FOLDER = Path(__file__).parent


def analysed() -> AnnData:
    """80 cells × 20 genes after differential abundance (run 0), and expression without (1) and with samples (2)."""
    full = kp.datasets.simulate(80, 20, samples={"Young": 2, "Old": 2}, n_latent=5, rng=0)
    adata = AnnData(
        full.layers["logged_counts"],
        obs=full.obs[["Age", "Replicate", "celltype"]].copy(),
        var=pd.DataFrame(index=full.var_names),
        obsm={"DM_EigenVectors": full.obsm["DM_EigenVectors"].astype(np.float32)},
    )
    contrast = {"reference": "Young", "groups": "Old"}
    fdr = kp.TestSettings(null_genes=40)
    kp.tl.da(adata, "Age", **contrast, sample_key="Replicate")
    kp.tl.de(adata, "Age", **contrast, test=fdr, key_added="cells")
    kp.tl.de(adata, "Age", **contrast, test=fdr, sample_key="Replicate")
    # the layers follow from basis and weights
    kp.tl.cleanup(adata, keep="sample_weights")
    return adata


def main() -> None:
    """Write both files."""
    warnings.simplefilter("ignore")
    adata = analysed()
    adata.write_h5ad(FOLDER / f"schema{SCHEMA_VERSION}.h5ad")
    mudata.MuData({"rna": adata}).write_h5mu(FOLDER / f"schema{SCHEMA_VERSION}.h5mu")


if __name__ == "__main__":
    main()
