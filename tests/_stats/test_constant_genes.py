"""Genes of one value are known by their moments."""

import numpy as np
import pytest

from kompot_scverse._stats.constant_genes import constant_levels


@pytest.fixture(scope="module")
def phi() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([rng.uniform(0.5, 1, 400), rng.normal(size=(400, 6)) * 0.3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finds_constants_only(phi, dtype):
    y = np.full((400, 6), 1.5, dtype=dtype)
    y[:, 1] = 0
    y[:, 2] = -2e-3
    y[0, 3] = 1.7
    y[:200, 4] = 2
    y[:, 5] = np.random.default_rng(1).poisson(1, 400)
    levels = constant_levels((y.T @ phi.astype(dtype)).astype(np.float64), phi.sum(axis=0))
    np.testing.assert_allclose(levels[:3], [1.5, 0, -2e-3], rtol=1e-5)
    assert np.isnan(levels[3:]).all()


def test_without_cells():
    assert (constant_levels(np.zeros((2, 3)), np.zeros(3)) == 0).all()
