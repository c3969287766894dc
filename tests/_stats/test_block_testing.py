"""Tests of blocked samples whose correlation differs between genes."""

import numpy as np
import pytest

from kompot_scverse._stats.block_correlation import block_correlation, block_covariance
from kompot_scverse._stats.block_testing import fit_blocks
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear
from kompot_scverse._stats.moderated import moderated_test

DONORS = np.repeat(np.arange(8), 3)
DAYS, BETWEEN = np.tile([0.0, 3, 7], 8), (DONORS >= 4).astype(float)


def design(column: np.ndarray, block: np.ndarray | None = DONORS) -> SampleDesign:
    return SampleDesign(np.column_stack([np.ones(24), column]), np.array([0.0, 1.0]), block)


def draw(n: int, seed: int = 0) -> np.ndarray:
    """Unchanged genes, of which half have a donor effect: it is 80 % of their variance."""
    rng = np.random.default_rng(seed)
    share = np.where(np.arange(n) % 2 == 0, 0.8, 0.0)
    donors = rng.normal(size=(8, n))[DONORS] * np.sqrt(share)
    return (donors + rng.normal(size=(24, n)) * np.sqrt(1 - share)) * rng.uniform(0.5, 2, n)


@pytest.mark.parametrize("column", [DAYS, BETWEEN], ids=["within", "between"])
def test_null_p_is_uniform_where_correlations_differ(column: np.ndarray) -> None:
    y = draw(12_000)
    found = fit_blocks(y, np.eye(24), design(column), np.arange(12_000.0))
    p = found.test(np.zeros(12_000), "limma").pvalue
    assert found.correlation == pytest.approx(0.4, abs=0.05)
    for half in (p[::2], p[1::2]):
        assert 0.03 < np.mean(half < 0.05) < 0.062
        assert np.mean(half < 0.001) < 0.002
    # one correlation for all does not
    shared = block_covariance(np.eye(24), DONORS, found.correlation)
    single = moderated_test(fit_linear(y, shared, design(column)), np.zeros(12_000), "limma").pvalue
    assert max(np.mean(single[::2] < 0.001), np.mean(single[1::2] < 0.001)) > 0.0025


def test_few_genes_share_one_correlation() -> None:
    y = draw(40)
    found = fit_blocks(y, np.eye(24), design(DAYS), np.arange(40.0))
    assert len(found.fits) == 1
    assert found.correlation == block_correlation(y, np.eye(24), design(DAYS))
    witness = moderated_test(
        fit_linear(y, block_covariance(np.eye(24), DONORS, found.correlation), design(DAYS)), np.zeros(40)
    )
    np.testing.assert_array_equal(found.test(np.zeros(40)).pvalue, witness.pvalue)


def test_without_blocks_it_is_the_plain_test() -> None:
    y = draw(300)
    found = fit_blocks(y, np.eye(24), design(DAYS, None), np.arange(300.0))
    witness = moderated_test(fit_linear(y, np.eye(24), design(DAYS, None)), np.zeros(300))
    np.testing.assert_array_equal(found.test(np.zeros(300)).pvalue, witness.pvalue)
    assert found.correlation == 0


def test_where_all_genes_are_alike_the_average_is_the_consensus() -> None:
    """Much data about one correlation: the average is over next to one point of the grid."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(8, 3000))[DONORS] * np.sqrt(0.55) + rng.normal(size=(24, 3000)) * np.sqrt(0.45)
    found = fit_blocks(y, np.eye(24), design(DAYS), np.arange(3000.0))
    witness = fit_linear(y, block_covariance(np.eye(24), DONORS, 0.55), design(DAYS))
    expected = moderated_test(witness, np.zeros(3000), "limma")
    test = found.test(np.zeros(3000), "limma")
    assert np.median(np.abs(np.log(test.pvalue / expected.pvalue))) < 0.1
    np.testing.assert_allclose(found.probability.sum(axis=0), 1)
    assert found.subset(np.arange(5)).test(np.zeros(5)).effect.shape == (5,)
    np.testing.assert_allclose(test.effect, expected.effect, rtol=0.1, atol=0.01)
