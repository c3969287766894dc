"""The permutation test of distances: against analysis of variance and brute force, and its level with blocks and covariates."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.permanova import permanova

RNG = np.random.default_rng(0)


def design(*columns: np.ndarray) -> SampleDesign:
    """Intercept, what is tested, and other columns."""
    matrix = np.column_stack([np.ones(len(columns[0])), *columns]).astype(float)
    return SampleDesign(matrix, np.eye(matrix.shape[1])[1])


def test_of_one_value_it_is_the_analysis_of_variance_with_all_splits() -> None:
    x, late = RNG.normal(size=8), np.arange(8) >= 4
    x[late] += 1
    found = permanova(cdist(x[:, None], x[:, None]), design(late))
    assert found.pseudo_f == pytest.approx(stats.f_oneway(x[late], x[~late])[0])
    all_f = [stats.f_oneway(x[list(own)], np.delete(x, list(own)))[0] for own in combinations(range(8), 4)]
    assert found.n_permutations == 70
    assert found.exact
    assert found.pvalue == pytest.approx(np.mean(np.array(all_f) >= found.pseudo_f * (1 - 1e-9)))
    assert found.smallest == pytest.approx(2 / 70)
    centered = x - x.mean()
    within = sum(np.square(x[own] - x[own].mean()).sum() for own in (late, ~late))
    assert found.r_squared == pytest.approx(1 - within / np.square(centered).sum())


def test_covariates_are_adjusted_for() -> None:
    late, z = np.arange(10) >= 5, RNG.normal(size=10)
    x = z[:, None] * 2 + RNG.normal(size=(10, 1))
    found = permanova(cdist(x, x), design(late, z), most=199)
    # partial F of least squares
    rss = [np.linalg.lstsq(m, x[:, 0], rcond=None)[1][0] for m in (design(late, z).matrix, design(z).matrix)]
    assert found.pseudo_f == pytest.approx((rss[1] - rss[0]) / (rss[0] / 7))
    assert not found.exact
    assert found.n_permutations == 200
    # a contrast of several coefficients
    three = np.repeat(np.arange(3), 3)
    matrix = (three[:, None] == np.arange(3)).astype(float)
    both = SampleDesign(matrix, np.array([[-1.0, -1], [1, 0], [0, 1]]))
    y = RNG.normal(size=(9, 1))
    assert permanova(cdist(y, y), both).pseudo_f == pytest.approx(stats.f_oneway(y[:3], y[3:6], y[6:])[0][0])


STUDIES = 200


@pytest.mark.parametrize("kind", ["samples", "pairs", "donors", "incomplete pairs", "covariate"])
def test_p_is_uniform_where_nothing_changes(kind: str) -> None:
    rng, found = np.random.default_rng(1), []
    for _ in range(STUDIES):
        late = np.arange(10) >= 5
        donor = {"pairs": np.tile(np.arange(5), 2), "incomplete pairs": np.array([0, 1, 2, 3, 4, 0, 1, 2, 5, 6])}
        block = np.repeat(np.arange(10), 2) if kind == "donors" else donor.get(kind)
        if kind == "donors":
            late = np.repeat(late, 2)
        x = rng.normal(size=(len(late), 4))
        columns = [late]
        if block is not None:
            x += 3 * rng.normal(size=(block.max() + 1, 4))[block]
        if kind == "pairs":
            columns += list(np.eye(5)[:, 1:][block].T)
        if kind == "covariate":
            columns.append(rng.normal(size=10))
            x += 2 * columns[-1][:, None]
        found.append(permanova(cdist(x, x), design(*columns), block, most=299, rng=rng).pvalue)
    # each p has at least the probability that it says
    for level in (0.07, 0.2, 0.5, 0.8):
        share = np.mean(np.array(found) <= level)
        assert share < level + 3 * np.sqrt(level * (1 - level) / STUDIES)
        assert share > level - 0.16


def test_pairs_see_what_differences_of_donors_hide() -> None:
    rng, block, late = np.random.default_rng(2), np.tile(np.arange(7), 2), np.arange(14) >= 7
    x = 5 * rng.normal(size=(7, 3))[block] + 0.3 * rng.normal(size=(14, 3)) + late[:, None]
    paired = permanova(cdist(x, x), design(late, *np.eye(7)[:, 1:][block].T), block)
    assert paired.n_permutations == 2**7
    assert paired.pvalue == pytest.approx(2 / 2**7)
    assert permanova(cdist(x, x), design(late)).pvalue > 0.2


def test_whole_donors_are_permuted_where_the_condition_is_theirs() -> None:
    rng, block = np.random.default_rng(3), np.repeat(np.arange(6), 3)
    x = 4 * rng.normal(size=(6, 3))[block] + 0.1 * rng.normal(size=(18, 3))
    found = permanova(cdist(x, x), design(block >= 3), block)
    assert found.n_permutations == 20
    assert found.pvalue >= 0.1
    # as if samples were independent, donors look like a difference more often than not
    assert permanova(cdist(x, x), design(block >= 3), most=999).pvalue < found.pvalue


def test_what_cannot_be_tested_has_no_p() -> None:
    assert np.isnan(permanova(np.zeros((4, 4)), design(np.arange(4) >= 2)).pvalue)
    x = RNG.normal(size=(2, 1))
    assert np.isnan(permanova(cdist(x, x), design(np.array([0, 1]))).pvalue)
