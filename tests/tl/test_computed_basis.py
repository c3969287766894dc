"""Features that are not kept are computed again from the representation, wherever they are needed."""

import anndata
import mudata
import numpy as np
import pytest

import kompot_scverse as kp
from kompot_scverse._gp.mellon import load_mellon

NONE = kp.StorageSettings(basis=None)
DESIGN = {"reference": "Young", "groups": "Old", "layer": "logged_counts"}
K = "kompot_de_Young_to_Old"
STATISTICS = ("imputed_group", "std_group", "fold_change", "fold_change_std", "lfsr", "lfc_zscore")


@pytest.fixture(scope="module")
def kept(simulated):
    adata = simulated.copy()
    kp.tl.de(adata, "Age", sample_key="Replicate", **DESIGN)
    return adata


@pytest.fixture(scope="module")
def computed_once(simulated):
    adata = simulated.copy()
    kp.tl.de(adata, "Age", sample_key="Replicate", storage=NONE, **DESIGN)
    return adata


@pytest.fixture
def computed(computed_once):
    return computed_once.copy()


def same(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-4, atol=2e-5)


def test_results_are_those_of_kept_features(kept, computed):
    assert "kompot_de_basis" not in computed.obsm
    assert "kompot_de_basis" in kept.obsm
    assert set(computed.var) == set(kept.var)
    for column in ("mean_lfc", "pvalue", "mahalanobis_sample_var"):
        np.testing.assert_allclose(computed.var[f"{K}_{column}"], kept.var[f"{K}_{column}"], rtol=1e-4, atol=1e-7)
    for key in ("fold_change", "fold_change_std_sample_var", "lfsr_sample_var"):
        same(computed.layers[f"{K}_{key}"], kept.layers[f"{K}_{key}"])
    cells = computed.obs["Age"] == "Old"
    for statistic in STATISTICS:
        same(kp.get.layer(computed, statistic, cells=cells), kp.get.layer(kept, statistic, cells=cells))
    same(*(kp.get.sample_covariance(one, "Gene0001", cells=[3, 4]) for one in (computed, kept)))
    part = computed[cells, 5:20].copy()
    same(kp.get.layer(part, "fold_change"), kp.get.layer(kept, "fold_change")[cells][:, 5:20])


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_layers_come_back_from_a_file(kept, computed, tmp_path, kind):
    kp.tl.cleanup(computed)
    getattr(computed, f"write_{kind}")(tmp_path / "data")
    read = getattr(anndata, f"read_{kind}")(tmp_path / "data")
    same(kp.get.layer(read, "fold_change"), kp.get.layer(kept, "fold_change"))
    kp.tl.restore_layers(read)
    assert hasattr(read.layers[f"{K}_fold_change"], "dask")
    same(read.layers[f"{K}_fold_change"], kept.layers[f"{K}_fold_change"])
    # written and read again with their values
    getattr(read, f"write_{kind}")(tmp_path / "whole")
    same(
        getattr(anndata, f"read_{kind}")(tmp_path / "whole").layers[f"{K}_fold_change"], kept.layers[f"{K}_fold_change"]
    )


def test_modalities_share_the_representation_of_the_whole(citeseq, tmp_path):
    expected = citeseq.copy()
    few = kp.TestSettings(null_genes=0)
    for data, storage in ((citeseq, NONE), (expected, None)):
        kp.tl.de(data, "Age", reference="Young", groups="Old", test=few, storage=storage)
    kp.tl.cleanup(citeseq)
    citeseq.write(tmp_path / "data.h5mu")
    read = mudata.read(tmp_path / "data.h5mu")
    assert "kompot_de_basis" not in read["rna"].obsm
    kp.tl.restore_layers(read)
    for mod in ("rna", "prot"):
        same(read[mod].layers[f"{K}_fold_change"], expected[mod].layers[f"{K}_fold_change"])
        same(kp.get.layer(read, "std_group", mod=mod), kp.get.layer(expected, "std_group", mod=mod))


def test_another_representation_is_no_basis(computed):
    changed = computed.copy()
    changed.obsm["DM_EigenVectors"] = changed.obsm["DM_EigenVectors"][::-1] + 1e-3
    with pytest.raises(ValueError, match=r"is not, or not only, what run 0 .* was made on"):
        kp.get.layer(changed, "fold_change")
    changed.obsm["DM_EigenVectors"] = computed.obsm["DM_EigenVectors"][:, :2]
    with pytest.raises(ValueError, match="is not, or not only"):
        kp.get.layer(changed, "fold_change")
    del changed.obsm["DM_EigenVectors"]
    with pytest.raises(LookupError, match=r"keeps no basis .* is gone"):
        kp.tl.restore_layers(changed)


def test_further_genes_join_the_others_without_a_basis(computed, recwarn):
    other = computed.var[f"{K}_mean_lfc"].copy()
    kp.tl.de(computed, "Age", sample_key="Replicate", genes=["Gene0003"], storage=NONE, overwrite=True, **DESIGN)
    assert not [one for one in recwarn if "lose" in str(one.message)]
    np.testing.assert_allclose(computed.var[f"{K}_mean_lfc"], other, rtol=1e-6)


def test_smoothing_keeps_none_either(adata):
    expected = adata.copy()
    for data, storage in ((adata, NONE), (expected, None)):
        kp.tl.smooth(data, "Age", group="Old", layer="logged_counts", genes=["Gene0001"], storage=storage)
    assert not [key for key in adata.obsm if key.startswith("kompot") and key.endswith("_basis")]
    same(kp.get.layer(adata, "imputed", analysis="smooth"), kp.get.layer(expected, "imputed", analysis="smooth"))


def test_a_kernel_of_ones_own_is_refused_before_anything_is_computed(adata, unchanged):
    gp = kp.GPSettings(kernel=load_mellon().cov.Matern52(ls=2.0))
    with unchanged(adata), pytest.raises(ValueError, match="kernel of your own"):
        kp.tl.de(adata, "Age", storage=NONE, gp=gp, **DESIGN)
