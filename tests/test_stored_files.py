"""Files that earlier versions wrote: everything that reads runs must go on to work."""

from pathlib import Path

import anndata
import matplotlib.pyplot as plt
import mudata
import numpy as np
import pytest
from anndata import AnnData

import kompot_scverse as kp

FILES = sorted((Path(__file__).parent / "_fixtures").glob("schema*.h5*"))


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def stored(request):
    """The data of a file."""
    path = request.param
    return anndata.read_h5ad(path) if path.suffix == ".h5ad" else mudata.read_h5mu(path)


def rna(data) -> AnnData:
    return data if isinstance(data, AnnData) else data["rna"]


def test_there_are_files():
    assert {path.suffix for path in FILES} == {".h5ad", ".h5mu"}
    assert sum(path.stat().st_size for path in FILES) < 400_000


def test_runs_of_earlier_versions_are_read(stored):
    table = kp.get.runs(stored)
    assert table["analysis"].to_list() == ["da", "de", "de"]
    for number in range(3):
        run = kp.RunInfo(stored, number, analysis=None)
        assert run.contrast == {"groupby": "Age", "reference": "Young", "group": "Old"}
        assert run.params["rank"] > 0
        dropped = run.fields["slot"] == "layers"
        assert (run.fields.loc[~dropped, "status"] == "present").all()
        assert run.call().startswith("kp.tl.")
        assert repr(run)
        assert run._repr_html_()
    assert "sample_key" in kp.RunInfo(stored, 1).compare_with(2).params.index


def test_tables_of_earlier_versions_are_read(stored):
    adata = rna(stored)
    genes = kp.get.de_df(stored)
    assert genes["pvalue"].dropna().is_monotonic_increasing
    np.testing.assert_allclose(
        genes["mahalanobis"],
        adata.var.loc[genes.index, "kompot_de_Young_to_Old_mahalanobis_sample_var"],
    )
    assert len(kp.get.de_df(stored, run_id=1)) == adata.n_vars
    cells = kp.get.da_df(stored)
    assert set(cells["direction"].cat.categories) == {"down", "neutral", "up"}
    np.testing.assert_allclose(cells["lfc"], adata.obs.loc[cells.index, "kompot_da_Young_to_Old_lfc"])


@pytest.mark.parametrize("run_id", [1, 2])
def test_layers_come_back(stored, run_id):
    kp.tl.restore_layers(stored, run_id)
    adata, run = rna(stored), kp.RunInfo(stored, run_id)
    assert (run.fields["status"] == "present").all()
    keys = run.fields.set_index("statistic")["key"]
    lfc = np.asarray(adata.layers[keys["fold_change"]])
    # the mean over the cells was computed in another way when the file was made
    np.testing.assert_allclose(lfc.mean(axis=0), adata.var[keys["mean_lfc"]], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(
        np.asarray(kp.get.layer(stored, "fold_change", run_id=run_id)), lfc, rtol=1e-4, atol=1e-6
    )
    if run_id == 2:
        (key,) = (key for key in keys["group_std"] if key in adata.layers)
        assert (np.asarray(adata.layers[key]) > 0).all()
        assert np.isfinite(np.asarray(adata.layers[keys["lfc_zscore"]])).any()


def test_covariance_between_replicates(stored):
    gene = rna(stored).var_names[3]
    covariance = kp.get.sample_covariance(stored, gene, cells=np.arange(5))
    assert (np.linalg.eigvalsh(covariance) > -1e-6).all()


def test_plots_find_their_fields(stored):
    adata = rna(stored)
    # with samples the volcano is of genes that were tested
    n_tested = adata.var[next(key for key in adata.var if key.endswith("_qvalue"))].notna().sum()
    for plot, n in ((kp.pl.volcano_de, n_tested), (kp.pl.volcano_da, adata.n_obs)):
        assert n > 0
        assert sum(len(points.get_offsets()) for points in plot(stored).collections) >= n
    plt.close("all")


def test_a_run_on_some_genes_does_not_trust_runs_without_a_fingerprint(stored):
    adata = rna(stored)
    key = "kompot_de_Young_to_Old_mean_lfc"
    before = adata.var[key].copy()
    with pytest.warns(UserWarning, match="other genes lose what run 2 found.* recorded no fingerprint of its data"):
        kp.tl.de(
            adata, "Age", reference="Young", groups="Old", sample_key="Replicate", test=kp.TestSettings(null_genes=40),
            gp=kp.GPSettings.kompot(), genes=[adata.var_names[0]], overwrite=True,
        )  # fmt: skip
    assert adata.var[key][1:].isna().all()
    np.testing.assert_allclose(adata.var[key].iloc[0], before.iloc[0], rtol=1e-3, atol=1e-5)
