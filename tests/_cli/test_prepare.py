"""What a user's data lack is computed, and said."""

import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData

from kompot_scverse._cli.prepare import LAYER, choose_representation, log_normalized, principal_components


@pytest.fixture
def counts() -> AnnData:
    rng = np.random.default_rng(0)
    rate = np.exp(rng.normal(size=(40, 1)) * [1.0] * 12 + rng.normal(size=12))
    return AnnData(sp.csr_matrix((1 + rng.poisson(rate)).astype(np.float32)))


def test_counts_are_normalised_into_a_layer_of_their_own(counts, capsys, unchanged) -> None:
    x = counts.X.toarray()
    assert log_normalized(counts, None) == LAYER
    sums = np.maximum(x.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(counts.layers[LAYER].toarray(), np.log1p(x / sums * 1e4), rtol=1e-5)
    np.testing.assert_array_equal(counts.X.toarray(), x)
    assert "X looks like raw counts" in capsys.readouterr().out


def test_what_is_normalised_is_taken_as_it_is(counts, capsys) -> None:
    counts.layers["mine"] = np.log1p(counts.X.toarray()) + 0.25
    assert log_normalized(counts, "mine") == "mine"
    assert capsys.readouterr().out == ""
    with pytest.raises(KeyError, match="layer"):
        log_normalized(counts, "other")


def test_components_are_those_of_a_singular_value_decomposition(counts) -> None:
    counts.layers["log"] = np.log1p(counts.X.toarray())
    found = principal_components(counts, "log")
    centred = counts.layers["log"] - counts.layers["log"].mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False)[: found.shape[1]]
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), values, rtol=1e-3)
    shared = centred @ np.linalg.svd(centred)[2][: found.shape[1]].T
    np.testing.assert_allclose(found @ found.T, shared @ shared.T, rtol=1e-3, atol=1e-2)


def test_the_representation_is_what_exists_else_a_pca(counts, capsys) -> None:
    counts.layers["log"] = np.log1p(counts.X.toarray())
    assert choose_representation(counts, None, "log") == "X_pca"
    assert "No representation found: PCA computed, 11 components." in capsys.readouterr().out
    counts.obsm["X_diffmap"] = counts.obsm["X_pca"][:, :3]
    assert choose_representation(counts, None, "log") == "X_diffmap"
    assert choose_representation(counts, "X_pca", "log") == "X_pca"
