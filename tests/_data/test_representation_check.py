"""Uninformative components are left out; pictures and very many components are warned of."""

import logging

import numpy as np
import pytest

from kompot_scverse._data.representation_check import informative_components
from kompot_scverse._data.targets import resolve_targets


def informative(name, x):
    return x[:, informative_components(name, x)]


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((50, 4))


def test_constant_components_are_left_out(x, caplog):
    with_constant = np.column_stack([x[:, 0], np.full(50, 0.14), x[:, 1:]])
    with_constant[3] = np.nan
    with caplog.at_level(logging.INFO, "kompot_scverse"):
        found = informative("DM_EigenVectors", with_constant)
    np.testing.assert_array_equal(found, np.where(np.isnan(with_constant[:, :1]), np.nan, x))
    assert "Component 1 of obsm['DM_EigenVectors']" in caplog.text
    assert len(caplog.records) == 1


def test_the_steady_state_of_scanpy_is_left_out(caplog):
    import scanpy as sc
    from anndata import AnnData

    points = np.random.default_rng(0).standard_normal((80, 2))
    weights = np.exp(-np.square(points[:, None] - points).sum(axis=2))
    adata = AnnData(np.zeros((80, 1), dtype="float32"))
    adata.obsp["connectivities"] = adata.obsp["distances"] = weights
    adata.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": {"method": "umap", "n_neighbors": 12},
    }
    sc.tl.diffmap(adata, n_comps=4)
    key = next(key for key in ("X_diffmap", "diffmap") if key in adata.obsm)
    own = np.asarray(adata.obsm[key])
    assert np.ptp(own[:, 0]) > 0.1 * np.abs(own[:, 0]).max()  # not constant: the root of the degrees
    with caplog.at_level(logging.INFO, "kompot_scverse"):
        np.testing.assert_array_equal(resolve_targets(adata, None, "diffmap").x, own[:, 1:])
    assert "Component 0 of" in caplog.text
    # of others, coordinates may have one sign
    assert informative("X_pca", own).shape == own.shape


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_an_offset_is_no_constant(x, offset):
    assert informative("X_pca", x + offset).shape == x.shape


def test_constant_in_all_components_is_left_to_the_analysis(x):
    assert informative("X_pca", np.ones((5, 3))).shape == (5, 3)
    assert informative("X_pca", x[:1]).shape == (1, 4)


@pytest.mark.parametrize("name", ["X_umap", "umap", "rna:X_tsne", "X_tSNE", "X_draw_graph_fa"])
def test_pictures_are_warned_of(x, name, caplog):
    informative(name, x[:, :2])
    assert "looks like a picture" in caplog.text


@pytest.mark.parametrize("name", ["DM_EigenVectors", "X_diffmap", "diffmap", "rna:X_diffusion"])
def test_very_many_diffusion_components_are_warned_of(name, caplog):
    x = np.random.default_rng(0).standard_normal((50, 16))
    informative(name, x)
    assert "has 16 diffusion components" in caplog.text
    caplog.clear()
    informative(name, x[:, :15])
    informative("X_pca", x)
    assert not caplog.records
