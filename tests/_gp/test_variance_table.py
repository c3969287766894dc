"""Variances as combinations of a few covariances."""

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.optimize import nnls

import kompot_scverse._gp.variance_table as module
from kompot_scverse._gp.variance_table import TOLERANCE, Covariance, VarianceTable, compress


def forms() -> np.ndarray:
    """Variances of a Gaussian process at 200 places for 20 ratios, as a run has them."""
    spread = np.geomspace(100, 0.01, 30)
    features = np.random.default_rng(0).normal(size=(200, 30))
    ratios = np.geomspace(1e-4, 10, 20)
    return np.square(features) @ (ratios / (1 + spread[:, None] * ratios))


def assert_close(values: np.ndarray, chosen: np.ndarray, weights: np.ndarray) -> None:
    assert (weights >= 0).all()
    assert len(chosen) < values.shape[1]
    error = np.sqrt(np.square((values[:, chosen] @ weights.T) / values - 1).mean(axis=0))
    assert error.max() < 2 * TOLERANCE


def test_few_columns_give_all() -> None:
    assert_close(forms(), *compress(forms()))


def test_a_solver_that_does_not_end_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise RuntimeError("Maximum number of iterations reached.")

    columns, target = forms()[:, ::6], forms()[:, 3]
    expected = nnls(columns, target)[0]
    monkeypatch.setattr(module, "nnls", never)
    np.testing.assert_allclose(columns @ module._not_negative(columns, target), columns @ expected, rtol=1e-4)
    assert_close(forms(), *compress(forms()))


def test_forms_are_quadratic_forms_of_the_features() -> None:
    rng = np.random.default_rng(1)
    factors = [rng.normal(size=(n, rank)) for n, rank in [(6, 6), (4, 4), (5, 1)]]
    covariances = [Covariance(factor @ factor.T, rng.random(6 - len(factor))) for factor in factors]
    # one of them singular
    assert [one.root[0].shape[1] for one in covariances] == [6, 4, 1]
    axes = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    table = VarianceTable(axes, covariances, rng.random((5, 3)))
    features = rng.normal(size=(40, 6))
    matrices = [axes @ block_diag(one.first, np.diag(one.rest)) @ axes.T for one in covariances]
    dense = np.einsum("ci,gk,kij,cj->gc", features, table.loads, np.stack(matrices), features)
    np.testing.assert_allclose(table.variances(features), dense, rtol=1e-10)
    np.testing.assert_allclose([one.dense(axes) for one in covariances], matrices, atol=1e-12)
    single = table.forms(features.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, table.forms(features), rtol=1e-4)
    np.testing.assert_allclose(table.traces(features.T @ features), table.forms(features).sum(axis=0), rtol=1e-10)
