"""Layers against the products of basis and weights."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scanpy as sc
from scipy.stats import norm

import kompot_scverse as kp
from kompot_scverse._stats import lazy_layers


@pytest.mark.parametrize("name", ["de", "de samples", "de kompot"])
def test_layers_follow_from_basis_and_weights(taken, name):
    values, model = taken(name).results.values, taken(name).fitted.model.genes
    features = taken(name).fitted.features
    phi = values["obsm", "kompot_de_basis"]
    np.testing.assert_allclose(phi, features, rtol=1e-6, atol=1e-7)
    weights = [values["varm", f"kompot_de_{age}_weights"] for age in ("Young", "Old")]
    change = values["layers", "kompot_de_Young_to_Old_fold_change"].compute()
    np.testing.assert_allclose(change, phi @ (weights[1] - weights[0]).T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(change, features @ model.fold_change(1).T, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "suffix"), [("de", ""), ("de samples", "_sample_var")])
def test_standard_deviations_are_those_of_the_mixture(taken, name, suffix):
    values, fitted = taken(name).results.values, taken(name).fitted
    std = values["layers", f"kompot_de_Young_to_Old_fold_change_std{suffix}"].compute()
    expected = np.sqrt(fitted.model.genes.fold_change_table(1).variances(fitted.features))
    np.testing.assert_allclose(std, expected.T if expected.shape != std.shape else expected, rtol=1e-3)
    change = values["layers", "kompot_de_Young_to_Old_fold_change"].compute()
    lfsr = values["layers", f"kompot_de_Young_to_Old_lfsr{suffix}"].compute()
    np.testing.assert_allclose(lfsr, norm.sf(np.abs(change) / std), rtol=1e-3, atol=1e-6)


def test_variance_between_samples_is_added_to_that_of_the_fit(taken):
    values = taken("de kompot").results.values
    phi, factor = values["obsm", "kompot_de_basis"], values["varm", "kompot_de_Old_sample_weights"]
    between = np.square(np.einsum("cr,grk->cgk", phi, np.asarray(factor))).sum(axis=2)
    std = np.asarray(values["obs", "kompot_de_Old_std"])
    layer = values["layers", "kompot_de_Old_std_sample_var"].compute()
    np.testing.assert_allclose(layer, np.sqrt(std[:, None] ** 2 + between), rtol=1e-3)


def test_scanpy_reads_lazy_layers(adata, monkeypatch):
    monkeypatch.setattr(lazy_layers, "BYTES", 4 * adata.n_vars * 250)
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", gp=kp.GPSettings(n_landmarks=9))
    key, gene = "kompot_de_Young_to_Old_fold_change", adata.var_names[3]
    assert adata.layers[key].numblocks == (3, 1)
    values, labels = np.asarray(adata.layers[key]), adata.obs["celltype"]
    means = sc.get.aggregate(adata, "celltype", "mean", layer=key)
    for number, name in enumerate(means.obs_names):
        expected = values[labels == name].mean(axis=0)
        np.testing.assert_allclose(np.asarray(means.layers["mean"])[number], expected, atol=1e-5)
    # dask has no `argsort`, which scanpy calls
    ax = sc.pl.umap(adata[:, gene].to_memory(), color=gene, layer=key, show=False)
    np.testing.assert_allclose(ax.collections[0].get_array(), np.sort(values[:, 3]), atol=1e-6)
    plt.close("all")
