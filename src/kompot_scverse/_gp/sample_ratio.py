"""The ratio of two densities of which samples are known: every sample differs from its condition by a field of its own."""

import logging
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from .amplitudes import GRID, choose_amplitudes, solve_prior
from .multinomial import Cells, Fields, State
from .ratio import RatioFit, fit_ratio
from .sample_expansion import Expansion, Information, integrate, typical

__all__ = ["fit_sample_ratio"]

logger = logging.getLogger("kompot_scverse")

SCALES = np.concatenate([[0.0], 10.0 ** np.arange(-2, 1.6, 0.25)])
"""Prior variances of the samples' fields, in units of what their first estimate is."""
ROUNDS = 8
"""Steps at most in which the variances are still chosen."""
MAX_STEPS, REFRESHED = 100, 12
"""Steps at most, and after how many of them the curvature is computed again."""
TOLERANCE = 1e-6
"""Squared distance from the mode, in posterior standard deviations, at which to stop."""
SETTLED = 0.1
"""Largest move of a log ratio in the last step in which the variances are chosen."""
LARGEST_MOVE = 4.0
"""A step that moves a log ratio by more is shortened while the variances are chosen."""


@dataclass(frozen=True)
class _Prior:
    """Prior variances of the weights."""

    contrast: np.ndarray
    """Of the contrast: rank."""
    own: np.ndarray
    """Of the samples' fields: rank."""

    def log_density(self, fields: Fields) -> float:
        """Up to constants; weights of variance 0 are 0."""
        parts = ((fields.delta, self.contrast), (fields.own, self.own))
        return -sum(float(np.sum(np.square(w[..., v > 0]) / v[v > 0])) for w, v in parts) / 2

    def slope(self, fields: Fields, step: Fields) -> float:
        """Its derivative along a step."""
        parts = ((fields.delta, step.delta, self.contrast), (fields.own, step.own, self.own))
        return -sum(float(np.sum(w[..., v > 0] * d[..., v > 0] / v[v > 0])) for w, d, v in parts)


def fit_sample_ratio(phi: np.ndarray, codes: np.ndarray, late: np.ndarray, blocks: np.ndarray) -> RatioFit:
    r"""
    Estimate the log ratio of the densities of two conditions from their samples.

    The log density of sample s is :math:`m(x) \pm \tfrac12 \delta(x) + u_s(x) + b_s`, m being what all samples share. Given the pooled
    cells, a cell is of sample s with a probability proportional to :math:`n_s p_s(x)`: multinomial regression, levels b free,
    with Gaussian priors on the contrast :math:`\delta` and on the samples' fields :math:`u_s`, whose amplitudes are those of
    largest evidence; where they do not differ, it is :func:`fit_ratio`.

    The information about the field of a sample is :math:`E_s = \sum_i P(s \mid x_i) \Phi_i \Phi_i^\top`, and
    :math:`(E_s^{-1} + D_u)^{-1}` of it is about its condition: many cells of one sample count little where samples differ, and a
    sample of few cells counts as much as it knows. The mode is that of the exact likelihood, its curvature the expected one.

    Parameters
    ----------
    phi
        Features: cells × rank.
    codes
        Number of the sample of every cell, 0 to samples - 1.
    late
        Whether each sample is of the second condition.
    blocks
        Number of the block of each feature.
    """
    pooled = fit_ratio(phi, late[codes], blocks)
    if not pooled.amplitudes.any():
        return pooled
    cells = Cells(phi, codes, late)
    n_late = float(cells.counts[late].sum())
    now = cells.at(Fields(pooled.weights, np.zeros_like(cells.sums)), np.log(cells.counts))
    sides = np.stack([now.probability[:, own].sum(axis=1) for own in (~late, late)], axis=1)
    first, second = cells.information(sides)
    values = np.append(GRID, 0.0)  # position -1 is 0
    shape = values[choose_amplitudes(*typical((first, second), now.score, cells.counts, late), blocks)][blocks]
    if not shape.any():
        return pooled
    scale: int | None = None
    contrast: np.ndarray | None = None
    for _ in range(ROUNDS):
        known = Information.of(cells.information(now.probability), shape)
        new_scale = _choose_scale(known, now, late, scale)
        if new_scale == 0:
            return pooled
        expansion = integrate(known, SCALES[new_scale], late).at(now)
        information = expansion.curvature.contrast
        found = choose_amplitudes(information, expansion.linear, blocks, contrast)
        same = new_scale == scale and contrast is not None and (found == contrast).all()
        scale, contrast = new_scale, found
        delta = solve_prior(information, expansion.linear, values[found][blocks])[0]
        step = expansion.mode(delta) - now.fields
        move = float(np.abs(phi @ step.of_samples(late).T).max())
        now = cells.at(now.fields + step * min(1.0, LARGEST_MOVE / max(move, 1e-300)), now.levels)
        if same and move < SETTLED:
            break
    assert contrast is not None
    assert scale is not None
    prior = _Prior(values[contrast][blocks], SCALES[scale] * shape)
    fields, expansion = _newton(cells, now, prior, shape, SCALES[scale])
    _, covariance, evidence, _ = solve_prior(expansion.curvature.contrast, expansion.linear, prior.contrast)
    changes = bool(fields.delta.any())
    offset, center, level = _level(phi, fields.delta, n_late)
    return RatioFit(
        offset=offset if changes else 0.0,
        weights=fields.delta,
        center=center,
        covariance=covariance,
        level_variance=level if changes else 0.0,
        amplitudes=values[contrast],
        null_probability=float(expit(-evidence)),
        sample_amplitudes=np.array([prior.own[blocks == b][0] for b in range(blocks.max() + 1)]),
    )


def _choose_scale(known: Information, now: State, late: np.ndarray, start: int | None) -> int:
    """Position of the scale of the samples' prior variances of largest evidence, whatever their conditions' fields are."""
    tried = range(len(SCALES)) if start is None else range(max(start - 2, 0), min(start + 3, len(SCALES)))
    evidence = [integrate(known, SCALES[number], late).at(now).log_evidence() for number in tried]
    return tried[int(np.argmax(evidence))]


def _newton(cells: Cells, now: State, prior: _Prior, shape: np.ndarray, scale: float) -> tuple[Fields, Expansion]:
    """The mode of the exact likelihood with given variances, in steps of the expected curvature."""
    fields = Fields(now.fields.delta * (prior.contrast > 0), now.fields.own * (prior.own > 0))
    now = cells.at(fields, now.levels)
    for number in range(MAX_STEPS):
        if number % REFRESHED == 0:
            curvature = integrate(Information.of(cells.information(now.probability), shape), scale, cells.late)
            covariance = solve_prior(curvature.contrast, np.zeros_like(prior.contrast), prior.contrast)[1]
        expansion = curvature.at(now)
        delta = covariance @ expansion.linear
        step = expansion.mode(delta) - now.fields
        decrement = float(np.sum(now.score * step.of_samples(cells.late))) + prior.slope(now.fields, step)
        if decrement <= TOLERANCE:
            return now.fields, expansion
        size, value = 1.0, now.value + prior.log_density(now.fields)
        while True:
            new = cells.at(now.fields + step * size, now.levels)
            gain = new.value + prior.log_density(new.fields) - value
            if gain >= 1e-4 * size * decrement - 1e-12 * abs(value) or size < 1e-10:
                break
            size /= 2
        now = new
    logger.warning("The fields of the samples did not converge in %d steps (decrement %.2g).", MAX_STEPS, decrement)
    return now.fields, expansion


def _level(phi: np.ndarray, weights: np.ndarray, n_late: float) -> tuple[float, np.ndarray, float]:
    """Offset that gives both conditions mass one over the pooled cells, the centre of the features, and its variance."""
    field, n = phi @ weights, len(phi)
    level = log_odds = float(np.log(n_late / (n - n_late)))
    for _ in range(MAX_STEPS):
        probability = expit(level + field)
        known = probability * (1 - probability)
        step = float((n_late - probability.sum()) / known.sum())
        level += float(np.clip(step, -1, 1))
        if abs(step) < 1e-12:
            break
    total = float(known.sum())
    return level - log_odds, known @ phi / total, max(1 / total - 1 / n_late - 1 / (n - n_late), 0.0)
