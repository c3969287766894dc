"""What is not kept of the samples of the model of Kompot comes back from the expression, to the last digit that is stored."""

import anndata as ad
import numpy as np
import pytest

import kompot_scverse as kp

CALL = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "sample_key": "Replicate"}
KOMPOT = kp.GPSettings.kompot()
STD = "kompot_de_Old_std_sample_var"


@pytest.fixture(scope="module")
def both(simulated, tmp_path_factory):
    """A run that keeps the factor, and one that does not, written and read."""
    kept, plain = simulated.copy(), simulated.copy()
    kp.tl.de(kept, "Age", **CALL, gp=KOMPOT, storage=kp.StorageSettings(sample_covariance="memory"))
    kp.tl.de(plain, "Age", **CALL, gp=KOMPOT)
    assert not any("sample_weights" in key for key in plain.varm)
    np.testing.assert_allclose(np.asarray(plain.layers[STD]), np.asarray(kept.layers[STD]), rtol=1e-6)
    kp.tl.cleanup(plain)
    path = tmp_path_factory.mktemp("factor") / "data.h5ad"
    plain.write_h5ad(path)
    return kept, ad.read_h5ad(path)


def test_covariance_layers_and_restored_layers_are_the_same(both):
    kept, read = both[0], both[1].copy()
    gene, cells = kept.var_names[7], kept.obs_names[::40]
    for function in (
        kp.get.sample_covariance,
        lambda data, gene, cells: kp.get.layer(data, "std_group", genes=gene, cells=cells),
    ):
        np.testing.assert_allclose(
            function(read, gene, cells=cells), function(kept, gene, cells=cells), rtol=1e-3, atol=1e-7
        )
    kp.tl.restore_layers(read)
    np.testing.assert_allclose(np.asarray(read.layers[STD]), np.asarray(kept.layers[STD]), rtol=1e-4)


def test_influence_samples_and_regions_do_not_need_it(both):
    kept, read = both[0].copy(), both[1].copy()
    for data in (kept, read):
        kp.tl.influence(data, genes=list(data.var_names[:5]))
    assert kp.get.influence(read).equals(kp.get.influence(kept))
    assert kp.get.sample_distances(read).equals(kp.get.sample_distances(kept))
    assert kp.get.regions(read, annotate="celltype").equals(kp.get.regions(kept, annotate="celltype"))


def test_other_data_are_said(both):
    read = both[1].copy()
    values = read.layers["logged_counts"].copy()
    read.layers["logged_counts"] = values * 2
    with pytest.warns(UserWarning, match="samples of run 0 .* have changed"):
        kp.get.layer(read, "std_group", genes=[read.var_names[0]])


def test_some_genes_again_say_that_others_lose_the_layer(both):
    kept = both[0].copy()
    del kept.varm["kompot_de_Old_sample_weights"], kept.varm["kompot_de_Young_sample_weights"]
    genes = list(kept.var_names[:4])
    with pytest.warns(
        UserWarning, match=r"56 other genes lose what run 0 found, in 2 fields .*Old_std_sample_var.*sample_covariance"
    ):
        kp.tl.de(kept, "Age", **CALL, gp=KOMPOT, genes=genes)
    found = np.asarray(kept.layers[STD])
    np.testing.assert_allclose(found[:, :4], np.asarray(both[0].layers[STD])[:, :4], rtol=1e-4)
    assert np.isnan(found[:, 4:]).all()
    # which the expression gives again
    kp.tl.restore_layers(kept)
    np.testing.assert_allclose(np.asarray(kept.layers[STD]), np.asarray(both[0].layers[STD]), rtol=1e-3)


def test_modalities(citeseq):
    call = {
        "reference": "Young",
        "groups": "Old",
        "sample_key": "Replicate",
        "use_rep": "X_joint",
        "mod": ["rna", "prot"],
        "gp": KOMPOT,
    }
    kp.tl.de(citeseq, "Age", **call, storage=kp.StorageSettings(sample_covariance="memory"), key_added="kept")
    kp.tl.de(citeseq, "Age", **call)
    gene = citeseq["prot"].var_names[3]
    found, expected = (
        kp.get.sample_covariance(citeseq, gene, mod="prot", key_added=key, cells=[0, 200, 500])
        for key in ("kompot_de", "kept")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)
    kp.tl.cleanup(citeseq, keep="sample_weights", run_ids=1)
    kp.tl.restore_layers(citeseq, 1)
    for mod in ("rna", "prot"):
        layers = citeseq[mod].layers
        expected = np.asarray(layers["kept_Old_std_sample_var"])
        np.testing.assert_allclose(np.asarray(layers["kompot_de_Old_std_sample_var"]), expected, rtol=1e-3)
