"""Likelihood of the samples of cells against softmax written out, and its score against differences."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from kompot_scverse._gp import multinomial as module
from kompot_scverse._gp.multinomial import Cells, Fields

RNG = np.random.default_rng(0)
N, RANK, SAMPLES = 80, 3, 4
DESIGN = RNG.normal(size=(SAMPLES, 2))
FIELDS = Fields(0.3 * RNG.normal(size=(2, RANK)), 0.3 * RNG.normal(size=(SAMPLES, RANK)))
PHI = RNG.normal(size=(N, RANK))
CODES = np.append(np.arange(SAMPLES), RNG.integers(0, SAMPLES, N - SAMPLES))


@pytest.fixture
def cells() -> Cells:
    return Cells(PHI, CODES, DESIGN)


def test_levels_are_those_at_which_as_many_cells_are_expected_as_there_are(cells):
    found = cells.at(FIELDS, np.zeros(SAMPLES))
    eta = PHI @ (DESIGN @ FIELDS.delta + FIELDS.own).T + found.levels
    np.testing.assert_allclose(found.probability, softmax(eta, axis=1), rtol=1e-10)
    np.testing.assert_allclose(found.probability.sum(axis=0), np.bincount(CODES), rtol=1e-7)
    assert found.value == pytest.approx(log_softmax(eta, axis=1)[np.arange(N), CODES].sum())


def test_the_score_is_the_gradient_at_optimal_levels(cells):
    found = cells.at(FIELDS, np.zeros(SAMPLES))
    for sample in range(SAMPLES):
        for number in range(RANK):
            step = np.zeros((SAMPLES, RANK))
            step[sample, number] = 1e-4
            change = Fields(np.zeros((2, RANK)), step)
            up, down = (cells.at(one, found.levels).value for one in (FIELDS + change, FIELDS - change))
            assert found.score[sample, number] == pytest.approx((up - down) / 2e-4, abs=1e-5)


def test_information_is_the_covariance_of_the_features_under_the_probabilities(cells):
    weights = RNG.random((N, 2))
    for found, own in zip(cells.information(weights), weights.T, strict=True):
        expected = np.cov(PHI, rowvar=False, aweights=own, ddof=0) * own.sum()
        np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_information_from_some_cells_does_not_depend_on_their_order(cells, monkeypatch):
    monkeypatch.setattr(module, "MAX_CELLS", 40)
    weights, order = RNG.random((N, 2)), RNG.permutation(N)
    moved = Cells(PHI[order], CODES[order], DESIGN)
    for found, expected in zip(
        moved.information(weights[order][moved.spread]), cells.information(weights[cells.spread]), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_fields_add_and_scale_by_their_weights():
    np.testing.assert_allclose((FIELDS * 3 - FIELDS).of_samples(DESIGN), 2 * FIELDS.of_samples(DESIGN))
