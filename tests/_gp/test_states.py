"""Cell states of all cells on the basis of some."""

import numpy as np
import pytest

from kompot_scverse import GPSettings
from kompot_scverse._gp.states import N_QUANTILES, fit_states

RNG = np.random.default_rng(0)
X = 50 + 7 * RNG.normal(size=(120, 2))
CELLS = np.arange(120) < 90


@pytest.fixture(scope="module")
def states():
    return fit_states(X, CELLS, "X_pca", GPSettings())


def test_features_of_all_cells_give_the_kernel(states):
    """Φ Φᵀ is the kernel up to the tolerance of the basis, also between cells that it was not made from."""
    kernel = states.model.basis.kernel(states.x[:], states.x[:])
    phi = states.features()[:]
    assert np.abs(phi @ phi.T - kernel)[np.ix_(CELLS, CELLS)].max() < 0.02 * kernel.max()
    assert states.n_cells == 90
    assert phi.shape == (120, states.rank)
    np.testing.assert_allclose(states.model.features(X), phi, rtol=1e-7, atol=1e-7)


def test_rows_are_chosen(states):
    found = states.rows(lambda values: values[::-1])
    np.testing.assert_array_equal(found.x, states.x[::-1])
    np.testing.assert_array_equal(found.features()[:], states.features()[:][::-1])
    assert found.model is states.model


def test_diagnostics_are_quantiles_of_what_the_basis_leaves_out(states):
    null = RNG.random(500)
    found = states.diagnostics(CELLS, null)
    phi = states.model.features(X)
    left_out = 1 - np.square(phi[CELLS]).sum(axis=1) / states.model.basis.kernel.diagonal(states.x)[CELLS]
    levels = np.linspace(0, 1, N_QUANTILES)
    np.testing.assert_allclose(found["residual_quantiles"], np.quantile(left_out, levels), rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(found["null_quantiles"], np.quantile(null, levels), rtol=1e-3)
    assert list(states.diagnostics(CELLS)) == ["residual_quantiles"]


@pytest.mark.parametrize("kernel", ["Matern52", "Exponential", "Linear"])
def test_the_kernel_is_recorded_by_the_name_that_settings_take(kernel):
    gp = GPSettings(kernel=kernel, n_landmarks=5)
    assert fit_states(X, CELLS, "X_pca", gp).describe(gp)["kernel"] == kernel


def test_the_length_scale_is_in_units_of_the_representation(states):
    larger = fit_states(10 * X, CELLS, "X_pca", GPSettings())
    assert larger.describe(GPSettings())["ls"] == pytest.approx(10 * states.describe(GPSettings())["ls"], rel=1e-6)
    first, second = (one.features()[:] for one in (larger, states))
    np.testing.assert_allclose(first @ first.T, second @ second.T, atol=1e-6)
