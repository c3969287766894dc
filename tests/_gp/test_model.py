"""Length scale and basis of the pooled cells."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from kompot_scverse._gp import model as module
from kompot_scverse._gp.mellon import load_mellon
from kompot_scverse._gp.model import fit_cell_states
from kompot_scverse._gp.neighbor_choice import NeighborRequest
from kompot_scverse.settings import GPSettings

X = np.random.default_rng(0).normal(size=(150, 2))
EVERY = NeighborRequest(0)
NEAREST = cKDTree(X).query(X, k=2)[0][:, 1]


def test_the_length_scale_is_mellons_times_the_factor():
    found = fit_cell_states(X, GPSettings(ls_factor=2.0, rtol=1e-2), distances=EVERY)
    assert found.ls == pytest.approx(2 * np.exp(np.log(NEAREST).mean() + 3), rel=1e-6)
    assert found.ls_error == 0
    np.testing.assert_allclose(found.neighbors.pooled * found.frame.scale, NEAREST, rtol=1e-6)


def test_some_cells_stand_for_all_with_an_error(monkeypatch):
    monkeypatch.setattr(module, "MAX_QUERIES", 60)
    assert module.n_queries(150) == 60
    exact = np.exp(np.log(NEAREST).mean() + 3)
    found = fit_cell_states(X, GPSettings(ls_factor=1.0, rtol=1e-2))
    assert found.neighbors is None
    assert found.ls_error == pytest.approx(np.log(NEAREST).std() * np.sqrt(1 / 60 - 1 / 150), rel=0.3)
    assert abs(np.log(found.ls / exact)) < 3 * found.ls_error


def test_more_cells_are_asked_where_they_differ_much(monkeypatch):
    for name, value in (("MIN_QUERIES", 20), ("COMPARED", 1)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "MAX_ERROR", 0.1)
    assert module.n_queries(150) == 20
    found = fit_cell_states(X, GPSettings(rtol=1e-2))
    assert 0 < found.ls_error <= 0.11
    monkeypatch.setattr(module, "MAX_ERROR", 1e-6)
    assert fit_cell_states(X, GPSettings(rtol=1e-2)).ls_error == 0


def test_copies_have_the_distance_of_their_cell_and_no_weight_in_the_length_scale():
    copies = np.concatenate([X, np.repeat(X[:1], 300, axis=0)])
    gp = GPSettings(rtol=1e-2)
    found, expected = fit_cell_states(copies, gp, distances=EVERY), fit_cell_states(X, gp, distances=EVERY)
    assert found.ls == pytest.approx(expected.ls, rel=1e-6)
    np.testing.assert_allclose(found.neighbors.pooled[150:] * found.frame.scale, NEAREST[0], rtol=1e-6)


def test_features_of_new_points_give_the_kernel():
    gp, new = GPSettings(ls=1.0, rtol=1e-4), np.random.default_rng(1).normal(size=(20, 2))
    found = fit_cell_states(X, gp)
    distance = np.linalg.norm(X[:, None] - new, axis=2) * np.sqrt(5)
    expected = (1 + distance + distance**2 / 3) * np.exp(-distance)
    np.testing.assert_allclose(found.features(X) @ found.features(new).T, expected, atol=0.02)


def test_a_kernel_with_a_scale_of_its_own_keeps_it():
    found = fit_cell_states(X, GPSettings(kernel=load_mellon().cov.Matern52(ls=1.0), rtol=1e-4))
    named = fit_cell_states(X, GPSettings(ls=1.0, rtol=1e-4))
    assert found.ls is None
    np.testing.assert_allclose(
        found.features(X) @ found.features(X).T, named.features(X) @ named.features(X).T, atol=1e-2
    )


def test_too_few_landmarks_are_complained_of(caplog):
    found = fit_cell_states(X, GPSettings(n_landmarks=5, ls=1.0, rtol=1e-4))
    assert found.basis.rank == 5
    assert "largest rank, 5" in caplog.text
