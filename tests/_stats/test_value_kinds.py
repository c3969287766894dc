"""Values tell how they were made, if they were made from counts."""

import numpy as np
import pytest
import scipy.sparse as sp

from kompot_scverse._stats.value_kinds import value_kinds


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.poisson(rng.gamma(0.5, 1, size=(1, 150)) * rng.gamma(5, 0.3, size=(400, 1)))


@pytest.fixture(scope="module")
def normalised(counts: np.ndarray) -> np.ndarray:
    return (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e3).astype("f4")


@pytest.mark.parametrize("base", [2.0, np.e, 3.0, 10.0])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_matrix])
def test_base_of_logs(normalised: np.ndarray, base: float, container) -> None:
    kinds = value_kinds(container(np.log1p(normalised) / np.float32(np.log(base))))
    assert [kinds.are_logs(other) for other in (2.0, np.e, 3.0, 10.0)] == [
        base == other for other in (2.0, np.e, 3.0, 10.0)
    ]
    assert not any([kinds.are_scaled_counts(), kinds.are_logs_of_logs(), kinds.are_counts(), kinds.scaled])
    assert (kinds.n_cells, kinds.n_counts, kinds.n_negative) == (400, 0, 0)


def test_small_logs_are_of_any_base(normalised: np.ndarray) -> None:
    kinds = value_kinds(np.log1p(normalised * 1e-6))
    assert kinds.are_logs(np.e)
    assert kinds.are_logs(2)


def test_what_is_not_logged_once(counts: np.ndarray, normalised: np.ndarray) -> None:
    assert value_kinds(normalised).are_scaled_counts()
    assert value_kinds(np.log1p(np.log1p(normalised))).are_logs_of_logs()
    found = value_kinds(counts)
    assert found.are_counts()
    assert found.n_counts == (counts > 1).any(axis=1).sum()
    for odd in (normalised, np.log1p(np.log1p(normalised)), counts):
        assert not value_kinds(odd).are_logs(np.e)


def test_scaled_values_are_recognised(normalised: np.ndarray) -> None:
    logs = np.log1p(normalised)
    scaled = (logs - logs.mean(axis=0)) / np.maximum(logs.std(axis=0), 1e-6)
    found = value_kinds(scaled)
    assert found.scaled
    assert found.n_negative == 400
    assert found.smallest == pytest.approx(scaled.min())
    assert value_kinds(np.minimum(logs / np.maximum(logs.std(axis=0), 1e-6), 10)).scaled
    # a batch among others, with a centre of its own
    assert value_kinds(np.vstack([logs[:360], scaled[360:]])).scaled
    assert value_kinds(np.vstack([logs[40:], (logs[:40] - logs[:40].mean(axis=0)) * 3])).scaled
    # logs of ratios: below 0 for what is weak, but neither centred nor of one variance
    assert not value_kinds(logs - 1 - np.arange(150) % 3).scaled
    assert not value_kinds(np.vstack([logs[40:], logs[:40] - 1 - np.arange(150) % 3])).scaled


def test_nothing_to_see() -> None:
    for block in (
        np.zeros((5, 4)),
        np.full((5, 4), np.nan),
        np.ones((30, 8)),
        np.random.default_rng(0).random((99, 30)),
    ):
        kinds = value_kinds(block)
        assert not any([kinds.are_logs(np.e), kinds.are_scaled_counts(), kinds.are_logs_of_logs(), kinds.are_counts()])
        assert not kinds.scaled
