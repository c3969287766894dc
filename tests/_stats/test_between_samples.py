"""Samples of very different size, with and without variance between them."""

import numpy as np
import pytest
from scipy import stats

from kompot_scverse._stats.between_samples import LARGEST, between_samples
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear, tempered_covariance

SIZES = np.array([40, 400, 80, 150, 400, 40, 150, 80])
COVARIANCE = np.diag(1 / SIZES)
DESIGN = SampleDesign(np.column_stack([np.ones(8), np.arange(8) >= 4]).astype(float), np.array([0.0, 1.0]))


def draw(share: float, omega: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Null sample means; a share of the genes vary between samples by omega times the median sampling variance."""
    cell_variance = np.exp(rng.normal(size=1500))
    extra = np.where(rng.random(1500) < share, omega * np.median(np.diag(COVARIANCE)), 0)
    variance = cell_variance * (np.diag(COVARIANCE)[:, None] + extra)
    return rng.normal(size=(8, 1500)) * np.sqrt(variance), cell_variance


def test_nothing_between_samples_gives_the_weights_of_the_cells() -> None:
    found = [between_samples(*_split(draw(0, 0, np.random.default_rng(s)))) for s in range(5)]
    assert np.median(found) < 0.4


@pytest.mark.parametrize(("share", "omega"), [(0.2, 20.0), (1.0, 2.0)])
def test_genes_that_vary_set_the_weights_even_if_they_are_few(share: float, omega: float) -> None:
    assert between_samples(*_split(draw(share, omega, np.random.default_rng(0)))) == LARGEST


def test_order_of_genes_does_not_matter_beyond_the_drawn_ones() -> None:
    means, covariance, cell_variance, design = _split(draw(0.2, 0.5, np.random.default_rng(1)))
    order = np.random.default_rng(0).permutation(1500)
    first = between_samples(means, covariance, cell_variance, design)
    assert between_samples(means[:, order], covariance, cell_variance[order], design) == pytest.approx(first, rel=1e-9)


def test_weights_by_cells_hold_the_level_only_without_variance_between_samples() -> None:
    """Why the largest assumption counts: with few varying genes the naive weights give too many small p."""
    means, _ = draw(1.0, 20.0, np.random.default_rng(2))
    rates = []
    for between in (0.0, LARGEST):
        fit = fit_linear(means, tempered_covariance(COVARIANCE, between), DESIGN)
        p = 2 * stats.t.sf(np.abs(fit.effect) / fit.scale / np.sqrt(fit.variance), fit.df)
        rates.append(np.mean(p < 0.05))
    assert abs(rates[1] - 0.05) < 0.02
    assert rates[0] > rates[1]


def _split(data: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, SampleDesign]:
    means, cell_variance = data
    return means, COVARIANCE, cell_variance, DESIGN
