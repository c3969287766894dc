"""Features that are computed where they are used are those of the basis, and single precision does no harm."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from given_noise import fit_cells
from two_sets import two_sets

from kompot_scverse import GPSettings
from kompot_scverse._gp import features as module
from kompot_scverse._gp import over_cells
from kompot_scverse._gp.features import blocks_of, over_features, stored
from kompot_scverse._gp.ratio import fit_ratio
from kompot_scverse._gp.rough import rough_basis
from kompot_scverse._gp.states import fit_states

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
X[7] = np.nan


@pytest.fixture(scope="module")
def states():
    return fit_states(X, np.isfinite(X[:, 0]), "X_pca", GPSettings())


def test_rows_are_those_of_the_bases_with_a_constant_and_a_scale(states, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 70)
    known = np.isfinite(X[:, 0])
    rough = rough_basis(states.x[[0, 50, 100]], states.x[known])
    found = states.features(rough, constant=True, scale=0.5)
    assert found.shape == (300, 1 + states.rank + 3)
    assert len(found) == 300
    whole = np.hstack([np.ones((300, 1)), *(0.5 * basis.features(states.x) for basis in (states.model.basis, rough))])
    for rows in (slice(None), slice(20, 200), np.array([3, 250, 9]), known):
        np.testing.assert_allclose(found[rows][:, 1:], whole[rows][:, 1:], rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(found.piece(rows)[:], found[rows])
    assert np.isnan(found[7:8]).all()
    assert (found[known][:, 0] == 1).all()
    assert stored(found).dtype == np.float32
    blocks = list(blocks_of(found))
    assert [rows.start for rows, _ in blocks] == [0, 70, 140, 210, 280]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), found[:])


def test_features_of_a_device_are_the_same(states, monkeypatch, request):
    """In pieces, too; those that stay there have copies of the last row."""
    rough = rough_basis(states.x[[0, 50, 100]], states.x[np.isfinite(X[:, 0])])
    features = states.features(rough, constant=True, scale=0.5)
    expected = features[:]
    request.getfixturevalue("on_jax")
    np.testing.assert_allclose(features[:], expected, rtol=1e-6, atol=1e-9)
    monkeypatch.setattr(module, "VALUES", 256 * features.shape[1])
    there = replace(features, stay=True)[:]
    assert there.shape == (512, features.shape[1])
    np.testing.assert_allclose(
        there, np.concatenate([expected, np.repeat(expected[-1:], 212, axis=0)]), rtol=1e-6, atol=1e-9
    )


def test_single_precision_changes_posteriors_and_log_ratios_less_than_they_are_uncertain(states):
    """To 1e-5 of a posterior standard deviation, though the smallest eigenvalues of the Gram matrix are far below 1."""
    known = np.isfinite(X[:, 0])
    exact, rounded = states.model.basis.features(states.x[known]), states.features()[known].astype(np.float64)
    assert np.abs(exact - rounded).max() < 1e-7
    y = RNG.normal(size=(len(exact), 4)) + 2 * np.sin(X[known, :1])
    fits = [fit_cells([phi], [y], 0.3) for phi in (exact, rounded)]
    means = [phi @ fit.weights(0).T for phi, fit in zip((exact, rounded), fits, strict=True)]
    assert np.abs(means[0] - means[1]).max() < 1e-5 * fits[0].variance_table(0).shared_std(exact).min()
    late = X[known, 0] + RNG.normal(size=len(exact)) > 0
    ratios = [fit_ratio(*two_sets(phi, late), np.zeros(phi.shape[1], dtype=int)) for phi in (exact, rounded)]
    assert ratios[0].amplitudes[0] == ratios[1].amplitudes[0] > 0
    apart = np.abs(ratios[0].log_ratio(exact) - ratios[1].log_ratio(rounded))
    assert (apart < 1e-5 * np.sqrt(ratios[0].variance(exact))).all()


def test_blocks_of_features_in_memory_are_counted(monkeypatch):
    done = []
    monkeypatch.setattr(over_cells, "progress_bar", lambda *of: nullcontext(lambda n: done.append((n, *of))))
    monkeypatch.setattr(module, "BLOCK", 4)
    values = np.arange(20.0).reshape(10, 2)
    found = over_features(np.multiply, values, np.ones((10, 1)), what="variances")
    np.testing.assert_array_equal(np.concatenate(found), values)
    assert done == [(4, 10, "variances", "cells"), (4, 10, "variances", "cells"), (2, 10, "variances", "cells")]
