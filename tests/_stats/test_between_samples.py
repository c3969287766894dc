"""Samples of very different size, with and without variance between them."""

import numpy as np
import pytest
from scipy import stats

from kompot_scverse._stats.between_samples import LARGEST, STEPS, between_samples
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear, tempered_covariance

SIZES = np.array([40, 400, 80, 150, 400, 40, 150, 80])
COVARIANCE = np.diag(1 / SIZES)
DESIGN = SampleDesign(np.column_stack([np.ones(8), np.arange(8) >= 4]).astype(float), np.array([0.0, 1.0]))
UNIT = np.median(np.diag(COVARIANCE))


def draw(omega: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Null sample means of genes that vary between samples by omega times the median sampling variance; their variance between cells."""
    cell_variance = np.exp(rng.normal(size=len(omega)))
    variance = cell_variance * (np.diag(COVARIANCE)[:, None] + omega * UNIT)
    return rng.normal(size=(8, len(omega))) * np.sqrt(variance), cell_variance


def found(omega: np.ndarray, seed: int = 0, reference: np.ndarray | None = None) -> np.ndarray:
    """Where the level ascends with the number of the gene."""
    means, cell_variance = draw(omega, np.random.default_rng(seed))
    return between_samples(means, COVARIANCE, cell_variance, np.arange(len(omega)) / 100, DESIGN, reference)


def test_nothing_between_samples_gives_the_weights_of_the_cells() -> None:
    assert np.median([np.median(found(np.zeros(1500), seed)) for seed in range(5)]) <= 0.1


@pytest.mark.parametrize("omega", [0.4, 2.0])
def test_the_mean_of_what_varies_is_found_up_to_the_next_step(omega: float) -> None:
    values = found(np.full(3000, omega))
    assert set(values) <= set(STEPS)
    assert omega <= np.median(values) <= 3 * omega


def test_it_grows_with_the_level_and_never_falls() -> None:
    omega = np.where(np.arange(2000) < 1700, 0.1, 8.0)
    values = found(omega)
    assert np.median(values[:1000]) <= 0.25
    assert np.median(values[-150:]) >= 5
    assert (np.diff(values) >= 0).all()


def test_few_genes_have_one_that_is_not_too_small() -> None:
    omega = np.where(np.arange(90) % 5 == 0, 20.0, 0.0)
    np.testing.assert_array_equal(found(omega), LARGEST)


def test_genes_beside_the_reference_change_nothing() -> None:
    omega = np.where(np.arange(1200) < 800, 0.1, 3.0)
    reference = np.arange(1200) % 3 > 0
    means, cell_variance = draw(omega, np.random.default_rng(1))
    level = np.arange(1200) / 100
    both = between_samples(means, COVARIANCE, cell_variance, level, DESIGN, reference)
    order = np.random.default_rng(0).permutation(np.flatnonzero(reference))
    alone = between_samples(means[:, order], COVARIANCE, cell_variance[order], level[order], DESIGN)
    np.testing.assert_array_equal(both[order], alone)
    # a gene beside it has the variance of its level
    assert (np.diff(both) >= 0).all()


def test_weights_by_cells_hold_the_level_only_without_variance_between_samples() -> None:
    """Why too small an assumption does more harm: with varying genes the naive weights give too many small p."""
    means, _ = draw(np.full(1500, 20.0), np.random.default_rng(2))
    rates = []
    for between in (0.0, STEPS[-1]):
        fit = fit_linear(means, tempered_covariance(COVARIANCE, between), DESIGN)
        p = 2 * stats.t.sf(np.abs(fit.effect) / fit.scale / np.sqrt(fit.variance), fit.df)
        rates.append(np.mean(p < 0.05))
    assert abs(rates[1] - 0.05) < 0.02
    assert rates[0] > rates[1]
