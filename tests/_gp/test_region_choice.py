"""Regions chosen by evidence: the best of all single regions by brute force, planted ones found, and few by chance."""

from itertools import combinations, product

import numpy as np
import pytest

from kompot_scverse._gp import region_choice
from kompot_scverse._gp.amplitudes import GRID, log_evidence
from kompot_scverse._gp.region_choice import choose_regions

N, N_REGIONS = 400, 6
BLOCKS = np.array([0, 0, 0, 1, 1])
ON = np.arange(N)[:, None] // 70 == np.arange(N_REGIONS)
RNG = np.random.default_rng(0)
FIELDS = RNG.normal(size=(N, 5))
PHI = np.hstack([FIELDS, ON])


def likelihood(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H and b of the regression of y on the features, noise 1."""
    return PHI.T @ PHI, PHI.T @ y.reshape(N, -1)


def evidence(y: np.ndarray, fields: tuple[float, float], regions: dict[int, float]) -> float:
    variances = np.append(np.array(fields)[BLOCKS], np.zeros(N_REGIONS))
    for region, value in regions.items():
        variances[len(BLOCKS) + region] = value
    return log_evidence(*likelihood(y), variances) - len(regions) * np.log(N_REGIONS)


@pytest.mark.parametrize("columns", [1, 2])
def test_the_end_is_the_best_of_all_pairs_of_regions(monkeypatch, columns):
    """Over a grid of three values, so that all can be tried."""
    monkeypatch.setattr(region_choice, "GRID", np.array([0.01, 0.1, 1.0]))
    monkeypatch.setattr(region_choice, "choose_amplitudes", lambda *_: np.array([1, 1]))
    grid = [0.0, 0.01, 0.1, 1.0]
    y = RNG.normal(size=(N, columns)) + 0.6 * ON[:, [2]] - 0.8 * ON[:, [4]]
    every = {}
    for size in range(3):
        for chosen in combinations(range(N_REGIONS), size):
            for fields in product(grid, repeat=2):
                for values in product(grid[1:], repeat=size):
                    every[chosen, fields, values] = evidence(y, fields, dict(zip(chosen, values, strict=True)))
    best = max(every, key=lambda key: every[key])
    assert choose_regions(*likelihood(y), BLOCKS).tolist() == list(best[0]) == [2, 4]


def test_what_fields_explain_needs_no_region():
    y = FIELDS @ np.array([1.0, -1, 0.5, 0.8, 0]) + RNG.normal(size=N)
    assert choose_regions(*likelihood(y), BLOCKS).tolist() == []


def test_a_region_comes_in_by_chance_about_once_in_their_number():
    """With more evidence asked for than log n, by the prior of its own amplitude: well below it."""
    draws = [len(choose_regions(*likelihood(RNG.normal(size=N)), BLOCKS)) for _ in range(60)]
    assert sum(draws) <= 60 / N_REGIONS


def test_no_more_regions_than_most(monkeypatch):
    monkeypatch.setattr(region_choice, "MOST", 2)
    y = RNG.normal(size=N) + ON @ np.array([2.0, -2, 1.5, -1.5, 3, 0])
    assert len(choose_regions(*likelihood(y), BLOCKS)) == 2
    monkeypatch.setattr(region_choice, "MOST", 12)
    assert choose_regions(*likelihood(y), BLOCKS).tolist() == [0, 1, 2, 3, 4]


def test_positions_on_the_grid_are_those_of_the_amplitudes():
    y = RNG.normal(size=N) + 3 * ON[:, 1]
    problem = region_choice._Problem(*likelihood(y), BLOCKS, N_REGIONS)
    start = problem._weighed(region_choice._Choice((-1, -1), {}))
    (found,) = problem._further(start)
    assert start.evidence == 0
    assert list(found.regions) == [1]
    assert found.evidence == pytest.approx(evidence(y, (0.0, 0.0), {1: GRID[found.regions[1]]}))
    assert found.evidence == pytest.approx(max(evidence(y, (0.0, 0.0), {1: value}) for value in GRID))
