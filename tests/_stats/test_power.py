"""Studies that are drawn have the variances and changes that were asked for."""

import numpy as np
import pytest

from kompot_scverse._stats import power
from kompot_scverse._stats.power import Components, draw_study, two_groups
from kompot_scverse._stats.power_abundance import CellPool, draw_abundance, excess_variance, scaled_to

M, N_GENES = 3, 300


def components(**changes) -> Components:
    mass = np.full((4, M), 40.0)
    parts = {
        "level": np.tile(np.linspace(1, 3, N_GENES), (M, 1)),
        "features": np.array([[1.0, 0], [0, 1.0], [-1.0, -1.0]]),
        "constant": np.full(N_GENES, 0.3),
        "field": np.full(N_GENES, 0.2),
        "noise": np.full(N_GENES, 0.8),
        "mass": mass,
        "gram": np.stack([np.diag(own) for own in mass]),
        "groups": np.array([False, False, True, True]),
        "nodes": np.vstack([np.eye(M, dtype=bool), np.ones((1, M), dtype=bool)]),
        "unit": None,
    }
    return Components(**parts | changes)


def drawn_moments(monkeypatch, parts: Components, n: int, lfc: float, seed: int = 0, **arguments):
    """What is tested, and what comes of it."""
    seen = {}
    tested = power.gene_test

    def record(moments, *rest):
        seen["moments"] = moments
        return tested(moments, *rest)

    monkeypatch.setattr(power, "gene_test", record)
    options = {"n_genes": N_GENES, "share": 0.2, "threshold": 0.05, "cells": 1.0} | arguments
    found = draw_study(parts, n, np.full(M, lfc), rng=np.random.default_rng(seed), **options)
    return seen["moments"], found


def test_samples_differ_as_much_as_they_should(monkeypatch) -> None:
    parts = components()
    moments, _ = drawn_moments(monkeypatch, parts, 40, 0.0)
    means = moments.sums / moments.mass[:, :, None]
    # constant, field and cells
    expected = 0.3**2 + 0.2**2 * np.square(parts.features).sum(axis=1) + 0.8**2 / 40
    np.testing.assert_allclose(means.var(axis=0, ddof=1).mean(axis=1), expected, rtol=0.05)
    covariance = np.mean([np.cov(means[:, 0, g], means[:, 2, g])[0, 1] for g in range(N_GENES)])
    assert covariance == pytest.approx(0.3**2 + 0.2**2 * parts.features[0] @ parts.features[2], rel=0.1)
    # squares are those of cells
    cells = moments.squares.sum(axis=0) / moments.mass.sum() - np.square(
        moments.sums.sum(axis=(0, 1)) / moments.mass.sum()
    )
    assert cells.mean() == pytest.approx(0.8**2 + 0.3**2 + 0.2**2 * np.square(parts.features).sum() / 3, rel=0.05)


def test_changes_are_those_asked_for_and_more_is_found_with_more(monkeypatch) -> None:
    moments, found = drawn_moments(monkeypatch, components(), 20, 0.7)
    means = moments.sums.sum(axis=1) / moments.mass.sum(axis=1)[:, None]
    change = means[20:].mean(axis=0) - means[:20].mean(axis=0)
    assert found.changed.sum() == 60
    assert np.abs(change[found.changed]).mean() == pytest.approx(0.7, rel=0.1)
    assert np.sign(change[found.changed]).sum() == pytest.approx(0, abs=6)
    assert found.called[found.changed].mean() > 0.95
    assert (found.called & ~found.changed).sum() / found.called.sum() < 0.15
    shares = [drawn_moments(monkeypatch, components(), n, 0.5)[1] for n in (3, 6, 12)]
    rates = [one.called[one.changed].mean() for one in shares]
    assert rates == sorted(rates)
    assert rates[-1] > rates[0] + 0.3


def test_counts_make_weak_genes_change_less_and_vary_more(monkeypatch) -> None:
    level = np.tile(np.repeat([0.05, 3.0], N_GENES // 2), (M, 1))
    parts = components(level=level, unit=5.0, noise=np.full(N_GENES, 0.2), constant=np.full(N_GENES, 0.01))
    moments, found = drawn_moments(monkeypatch, parts, 15, 0.7, n_genes=N_GENES, share=1.0, cells=4.0)
    means = moments.sums.sum(axis=1) / moments.mass.sum(axis=1)[:, None]
    change = means[15:].mean(axis=0) - means[:15].mean(axis=0)
    low = level[0, found.genes] < 1
    assert change[low & (change > 0)].mean() == pytest.approx(0.05 * (np.exp(0.7) - 1), rel=0.25)
    assert change[~low & (change > 0)].mean() == pytest.approx(0.7, rel=0.15)


def test_where_a_gene_has_few_counts_cells_and_samples_vary_less(monkeypatch) -> None:
    level = np.tile([[0.1], [0.3], [0.2]], N_GENES)
    parts = components(level=level, unit=5.0, field=np.zeros(N_GENES), constant=np.full(N_GENES, 0.05))
    moments, _ = drawn_moments(monkeypatch, parts, 40, 0.0, cells=50.0)
    means = moments.sums / moments.mass[:, :, None]
    variance = means.var(axis=0, ddof=1).mean(axis=1) - 0.8**2 / 2000 * np.array([0.5, 1.5, 1.0])
    # a few counts are Poisson: mean and slope go with the level, and the mean over all cells keeps its variance
    np.testing.assert_allclose(np.sqrt(variance), 0.05 * np.array([0.5, 1.5, 1.0]), rtol=0.12)
    noise = moments.squares / moments.mass.sum(axis=0)[:, None] - np.square(means).mean(axis=0)
    np.testing.assert_allclose(np.sqrt(noise.mean(axis=1)), 0.8 * np.sqrt([0.5, 1.5, 1.0]), rtol=0.12)


def test_pairs_are_tested_within_donors() -> None:
    design = two_groups(4, paired=True)
    assert design.residual_df == 3
    assert design.estimable
    assert two_groups(4).residual_df == 6


def pool(samples: float) -> CellPool:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, 1200)
    weights = np.eye(4)[kind]
    return CellPool(weights, samples * weights, np.full(6, 200.0), np.arange(6) >= 3)


def test_cell_states_that_change_are_found_unless_samples_differ_as_much() -> None:
    inside = (pool(0.0).weights[:, 0] > 0).astype(float)
    options = {"threshold": 0.1, "cells": 1.0}

    def mean(samples: float, n: int, lfc: float) -> float:
        rng = np.random.default_rng(1)
        return float(np.mean([draw_abundance(pool(samples), n, lfc * inside, rng=rng, **options) for _ in range(20)]))

    assert mean(0.05, 6, 1.0) > 0.95
    assert mean(0.05, 6, 1e-6) < 0.1
    assert mean(0.6, 4, 1.0) < mean(0.3, 4, 1.0) < mean(0.1, 4, 1.0)
    assert mean(0.5, 4, 1.0) < mean(0.5, 12, 1.0)


def test_fields_are_as_large_as_the_shares_of_samples_differ() -> None:
    rng = np.random.default_rng(5)
    # 400 samples of 300 cells in four types, whose logits have a known variance
    logits = 0.5 * rng.normal(size=(400, 4))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.log(shares / (1 - shares)).var(axis=0, ddof=1).mean()
    mass = np.stack([rng.multinomial(300, own) for own in shares]).astype(float)
    gram = np.stack([np.diag(own) for own in mass])
    found = excess_variance(mass, gram, two_groups(200))
    assert found == pytest.approx(truth, rel=0.08)
    scaled = scaled_to(pool(0.3), found, rng)
    assert scaled.features.max() == pytest.approx(0.5, rel=0.15)
    none = np.stack([rng.multinomial(300, np.full(4, 0.25)) for _ in range(400)]).astype(float)
    assert excess_variance(none, np.stack([np.diag(own) for own in none]), two_groups(200)) < 0.01
    assert not scaled_to(pool(0.0), 0.2, rng).features.any()
