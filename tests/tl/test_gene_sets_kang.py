"""Interferon-beta in blood cells: its genes are the first set, in every cell type."""

import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData

import kompot_scverse as kp

INTERFERON = (
    "ISG15 ISG20 IFI6 IFIT1 IFIT2 IFIT3 MX1 MX2 OAS1 OAS2 OAS3 OASL STAT1 IRF7 IFI44 IFI44L RSAD2 LY6E HERC5 IFI35 PLSCR1 EIF2AK2 "
    "XAF1 SAMD9 IFITM1 IFITM2 IFITM3 TNFSF10 EPSTI1 IFI16"
).split()
DETECTED = 0.1
ARGUMENTS = {"reference": "ctrl", "groups": "stim", "sample_key": "donor", "paired": True, "use_rep": "X_pca_harmony"}


@pytest.fixture(scope="module")
def kang(data_dir: Path) -> AnnData:
    adata = ad.read_h5ad(data_dir / "kang_pbmc_ifnb.h5ad")
    counts = sp.csr_matrix(adata.X).astype(np.float64)
    often = np.asarray((counts > 0).mean(axis=0)).ravel() >= DETECTED
    kept = often | adata.var_names.isin(INTERFERON)
    totals = np.asarray(counts.sum(axis=1)).ravel()
    y = sp.diags(1e4 / totals) @ counts[:, kept]
    y.data = np.log1p(y.data)
    found = AnnData(sp.csr_matrix(y, dtype=np.float32), obs=adata.obs[["condition", "donor", "cell_type"]].copy())
    found.var_names = adata.var_names[kept]
    found.obsm["X_pca_harmony"] = np.asarray(adata.obsm["X_pca_harmony"])
    return found


def net(genes: list[str]) -> dict[str, list[str]]:
    """The set, those that belong together otherwise, and 30 drawn from the others."""
    others = [gene for gene in genes if gene not in INTERFERON]
    families = {
        name: [gene for gene in others if gene.startswith(name)] for name in ("RPL", "RPS", "HLA-", "NDUF", "PSM")
    }
    rng = np.random.default_rng(0)
    drawn = {f"random {number}": list(rng.choice(others, 25, replace=False)) for number in range(30)}
    return {"interferon": INTERFERON} | {name: own for name, own in families.items() if len(own) >= 5} | drawn


def test_interferon_is_first_in_all_types(kang: AnnData) -> None:
    sizes = kang.obs.groupby(["cell_type", "condition", "donor"], observed=True).size().unstack([1, 2])
    # types of which most donors have ten cells in both conditions
    types = sizes.index[(sizes.fillna(0) >= 10).sum(axis=1) >= 12]
    assert len(types) >= 3
    sets = net(kang.var_names.to_list())
    found = {}
    for name in ("all", *types):
        kang.obs["own"] = True if name == "all" else (kang.obs["cell_type"] == name).to_numpy()
        with warnings.catch_warnings():
            # donors without enough cells of a type
            warnings.simplefilter("ignore", UserWarning)
            kp.tl.de(
                kang, "condition", mask_obs="own", storage=kp.StorageSettings(layers=None), overwrite=True, **ARGUMENTS
            )
            kp.tl.gene_sets(kang, sets)
            found[name] = kp.get.gene_sets(kang, run_id=-1).iloc[0]
    first = {name: (row.name, row["direction"]) for name, row in found.items()}
    assert set(first.values()) == {("interferon", "up")}, first
    assert max(row["qvalue"] for row in found.values()) < 0.05
