"""Parts of simulated expression against their formulas."""

import numpy as np
import pytest
from scipy import sparse

from kompot_scverse.datasets import _expression as ex
from kompot_scverse.datasets._manifold import Positions

RNG = np.random.default_rng(0)
N = 300
POSITIONS = Positions(RNG.integers(0, 4, N), RNG.random(N), RNG.normal(size=(N, 2)))
BASIS = ex.expression_basis(POSITIONS)
PROFILE, MARKED = ex.draw_profiles(80, RNG)


def effects(n_local: int = 6) -> ex.Effects:
    return ex.draw_effects(
        PROFILE[0], 20, n_local, 5, effect_size=1.0, outlier_size=2.0, outlier_candidates=np.array([1, 3]),
        rng=np.random.default_rng(1),
    )  # fmt: skip


def test_as_many_genes_change_as_asked_for_in_one_way_each():
    found = effects()
    changed = found.amplitude != 0
    assert changed.any(axis=1).sum() == 20
    assert (changed.sum(axis=1) <= 1).all()
    assert changed[:, 1:].any(axis=1).sum() == 6
    size = np.abs(found.amplitude[changed])
    assert (0.75 <= size.min()) & (size.max() <= 1.25)
    odd = found.outlier_sample >= 0
    assert odd.sum() == 5
    assert not (odd & changed.any(axis=1)).any()
    assert set(found.outlier_sample[odd]) <= {1, 3}
    np.testing.assert_array_equal(np.abs(found.outlier[odd]), 2.0)


def test_about_as_many_genes_rise_as_fall():
    found = effects(0).amplitude[:, 0]
    assert abs(np.sign(found).sum()) <= 2


def test_reference_and_group_differ_by_the_effect():
    own, rng = effects(), np.random.default_rng(2)
    coef = ex.sample_coefficients(PROFILE, own, np.array([0.0, 1.0]), 0.0, rng)
    sample = np.zeros(N, dtype=int)
    difference = ex.log_means(BASIS, coef, sample + 1) - ex.log_means(BASIS, coef, sample)
    bumps = BASIS[:, -4:]
    truth = own.amplitude[:, 0] + bumps @ own.amplitude[:, 1:].T
    truth += np.where(own.outlier_sample == 1, own.outlier, 0) - np.where(own.outlier_sample == 0, own.outlier, 0)
    np.testing.assert_allclose(difference, truth, atol=1e-5)


def test_samples_of_a_donor_share_their_deviations():
    none = ex.Effects(np.zeros((2000, 5)), np.zeros(2000), np.full(2000, -1))
    profile, donors = np.zeros((len(PROFILE), 2000)), np.array([0, 0, 1])
    rng = np.random.default_rng(3)
    coef = ex.sample_coefficients(profile, none, np.full(3, 0.5), 1.0, rng, donors=donors, share=0.5)
    found = np.corrcoef(coef[:, 0])
    assert found[0, 1] == pytest.approx(0.5, abs=0.07)
    assert found[0, 2] == pytest.approx(0.0, abs=0.07)
    # half of the variance is an offset
    assert coef[:, 0].var() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("density", [0.1, 0.6])
def test_the_level_gives_the_density_of_counts(density: float):
    rng = np.random.default_rng(4)
    coef, sample = PROFILE[None].astype(np.float32), np.zeros(N, dtype=int)
    size, dispersion = np.ones(N), np.full(80, 0.3)
    coef = coef.copy()
    coef[:, 0] += ex.level_for_density(density, BASIS, coef, sample, size, dispersion, rng)
    counts = ex.draw_counts(BASIS, coef, sample, size, dispersion, rng)
    assert counts.nnz / np.prod(counts.shape) == pytest.approx(density, abs=0.02)


def test_counts_are_normalised_with_empty_cells_left_empty():
    counts = sparse.csr_matrix(np.array([[1.0, 3, 0], [0, 0, 0], [5, 0, 0]], dtype=np.float32))
    found = ex.log_normalize(counts, 100).toarray()
    np.testing.assert_allclose(found, [[np.log1p(25), np.log1p(75), 0], [0, 0, 0], [np.log1p(100), 0, 0]], rtol=1e-6)
