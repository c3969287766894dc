"""Sums over blocks of cells are sums over cells, here and on the workers of a cluster, also where a worker is lost."""

from contextlib import contextmanager

import numpy as np
import pytest
from two_sets import two_sets

from kompot_scverse import GPSettings
from kompot_scverse._gp import cell_blocks, over_cells
from kompot_scverse._gp.cell_blocks import CellBlocks
from kompot_scverse._gp.features import stored
from kompot_scverse._gp.multinomial import Cells, Fields
from kompot_scverse._gp.over_cells import over_cells as every_block
from kompot_scverse._gp.ratio import fit_ratio
from kompot_scverse._gp.states import fit_states

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
CODES = RNG.integers(0, 3, 200)


@contextmanager
def on_threads(n_workers=2):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": n_workers, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def features():
    return fit_states(X, np.ones(200, dtype=bool), "X_pca", GPSettings()).features(constant=True)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(cell_blocks, "BLOCK", 17)
    monkeypatch.setattr(over_cells, "BLOCK", 23)
    monkeypatch.setattr(over_cells, "BLOCK_ON_WORKER", 60)


def moments(phi, codes, weight):
    return (codes == 1).sum() * weight, phi.T @ phi


def product(phi, codes, weights):
    return phi @ weights + codes


def of_held(phi, codes, held):
    return (held @ phi,)


def first_larger(first, second):
    return (max(first[0], second[0]),)


def largest(phi, codes):
    return (phi[:, 1].max(),)


def check(features):
    phi = features[:].astype(np.float64)
    blocks = CellBlocks(features, CODES)
    assert (len(blocks), blocks.shape) == (200, phi.shape)
    count, gram = blocks.sum(moments, 2.0)
    assert count == 2 * (CODES == 1).sum()
    np.testing.assert_allclose(gram, phi.T @ phi, rtol=1e-12, atol=1e-12)
    weights = np.arange(phi.shape[1])
    np.testing.assert_allclose(blocks.map(product, weights), phi @ weights + CODES)
    held = blocks.hold(product, weights)
    np.testing.assert_allclose(blocks.sum(of_held, held=held)[0], (phi @ weights + CODES) @ phi, rtol=1e-10)
    assert blocks.reduce(first_larger, largest)[0] == phi[:, 1].max()
    np.testing.assert_array_equal(blocks.rows(np.array([5, 150])), phi[[5, 150]])
    own = CODES > 0
    np.testing.assert_allclose(blocks.chosen(own, CODES[own]).sum(moments, 1.0)[1], phi[own].T @ phi[own], atol=1e-12)
    assert blocks.chosen(CODES >= 0, CODES)._blocks is blocks._blocks


def lengths(x, codes, power):
    return np.square(x).sum(axis=1) ** power + codes


@pytest.mark.usefixtures("small_blocks")
def test_blocks_change_nothing(features, monkeypatch):
    check(features)
    check(features[:].astype(np.float64))
    monkeypatch.setattr(cell_blocks, "KEPT", 10)
    check(features)
    expected = np.square(X).sum(axis=1) ** 2 + CODES
    parts = every_block(lengths, X, CODES, arguments=(2,))
    assert len(parts) == 9
    np.testing.assert_allclose(np.concatenate(parts), expected)


@pytest.mark.usefixtures("small_blocks", "on_jax")
def test_a_device_gives_the_same(features, monkeypatch):
    """Also where the features do not fit there, and on workers that have one."""
    check(features)
    check(features[:].astype(np.float64))
    monkeypatch.setattr(cell_blocks, "free_memory", lambda: 0)
    blocks = CellBlocks(features, CODES)
    np.testing.assert_allclose(blocks.sum(moments, 1.0)[1], features[:].T.astype(float) @ features[:], atol=1e-12)
    assert blocks._blocks._kept == {}
    held = blocks.hold(product, weights := np.arange(blocks.shape[1]))
    assert all(isinstance(one, np.ndarray) for one in held)
    np.testing.assert_allclose(blocks.sum(of_held, held=held)[0], blocks.map(product, weights) @ features[:], rtol=1e-6)
    with on_threads(1):
        check(features)


@pytest.mark.usefixtures("small_blocks")
def test_workers_give_the_same(features):
    late = CODES > 0
    here = fit_ratio(*two_sets(features, late), np.zeros(features.shape[1], dtype=int), np.ones(1))
    fields = Fields(np.full((1, features.shape[1]), 0.1), np.zeros((3, features.shape[1])))
    design = np.array([[1.0], [0.0], [-1.0]])
    state = Cells(features, CODES, design).at(fields, np.zeros(3))
    expected = np.square(X).sum(axis=1) ** 2 + CODES
    with on_threads() as client:
        check(features)
        np.testing.assert_allclose(stored(features), features[:])
        for _ in range(2):
            parts = every_block(lengths, X, CODES, arguments=(2,))
            assert len(parts) == 4
            np.testing.assert_allclose(np.concatenate(parts), expected)
        there = fit_ratio(*two_sets(features, late), np.zeros(features.shape[1], dtype=int), np.ones(1))
        np.testing.assert_allclose(there.weights, here.weights, atol=1e-9)
        again = Cells(features, CODES, design).at(fields, np.zeros(3))
        np.testing.assert_allclose(again.score, state.score, atol=1e-9)
        assert again.value == pytest.approx(state.value)
        blocks = CellBlocks(features, CODES)
        before = blocks.sum(moments, 1.0)[1]
        lost, *_ = client.scheduler_info()["workers"]
        client.retire_workers([lost])
        np.testing.assert_allclose(blocks.sum(moments, 1.0)[1], before)


def test_passes_are_counted(features, small_blocks, monkeypatch):
    seen = []
    monkeypatch.setattr(cell_blocks, "note_pass", seen.append)
    CellBlocks(features, CODES).sum(moments, 1.0)
    assert sum(seen) == 200
    assert len(seen) == 12
