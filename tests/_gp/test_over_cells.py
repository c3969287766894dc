"""Functions of blocks of cells, in their order."""

import numpy as np
import pytest

from kompot_scverse._gp import over_cells as module
from kompot_scverse._gp.over_cells import over_cells


def scaled(x: np.ndarray, codes: np.ndarray, factor: float) -> np.ndarray:
    return factor * x.sum(axis=1) + codes


@pytest.mark.parametrize("n", [0, 1, 7, 8, 30])
def test_blocks_together_are_the_whole(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 8)
    x, codes = np.random.default_rng(0).normal(size=(n, 3)), np.arange(n)
    parts = over_cells(scaled, x, codes, arguments=(2.0,))
    assert len(parts) == max(-(-n // 8), 1)
    assert max(map(len, parts)) <= 8
    np.testing.assert_allclose(np.concatenate(parts), 2 * x.sum(axis=1) + codes)
