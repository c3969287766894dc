"""Log densities of samples: effects of their design, and a field that each sample has of its own."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from kompot_scverse._messages import logger

from .amplitudes import GRID, choose_amplitudes, chosen_variances, prior_mode, solve_prior
from .cell_blocks import CellBlocks
from .features import Features
from .mass_level import mass_level
from .multinomial import Cells, Fields, State
from .ratio import RatioFit, fit_ratio
from .sample_expansion import Expansion, Information, integrate, typical

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

    effects: np.ndarray
    """Of the effects: effects · rank."""
    own: np.ndarray
    """Of the samples' fields: rank."""

    def log_density(self, fields: Fields) -> float:
        """Log prior density up to constants; weights of variance 0 are 0."""
        parts = ((fields.delta.ravel(), self.effects), (fields.own, self.own))
        return -sum(float(np.sum(np.square(w[..., v > 0]) / v[v > 0])) for w, v in parts) / 2

    def slope(self, fields: Fields, step: Fields) -> float:
        """Derivative of the log prior density along a step."""
        parts = ((fields.delta.ravel(), step.delta.ravel(), self.effects), (fields.own, step.own, self.own))
        return -sum(float(np.sum(w[..., v > 0] * d[..., v > 0] / v[v > 0])) for w, d, v in parts)


@dataclass(frozen=True)
class EffectsFit:
    """Posterior of the effects of a design of the samples on their log densities."""

    cells: CellBlocks
    """Features of the cells: cells × rank."""
    weights: np.ndarray
    """Effects × rank."""
    covariance: np.ndarray
    """Of all of them: (effects · rank) squared."""
    information: np.ndarray
    linear: np.ndarray
    """Information about the effects and linear term, around the mode."""
    variances: np.ndarray
    """Prior variances of the weights: effects · rank."""
    amplitudes: np.ndarray
    """Prior variance of every block of weights."""
    sample_amplitudes: np.ndarray | None
    """Prior variance of the samples' own fields, by block; None where they do not differ."""
    levels: np.ndarray
    """Log levels of the samples."""

    def contrast(self, coefficients: np.ndarray, share: float = 0.5, log_odds_change: float = 0.0) -> RatioFit:
        r"""
        The log ratio of two densities that differ by a combination of the effects.

        The probability that it is zero is against the evidence without this combination, other ones being as they are.

        Parameters
        ----------
        coefficients
            a of :math:`\sum_j a_j \delta_j`.
        share
            Share of the pooled cells that is of the second density; it decides on the level at which both have mass one.
        log_odds_change
            Log odds beforehand that anything changes.
        """
        rank = self.cells.shape[1]
        weights = coefficients @ self.weights
        map_ = np.kron(coefficients[None], np.eye(rank))
        changes = bool(weights.any())
        offset, center, level = mass_level(self.cells, weights, share * len(self.cells))
        return RatioFit(
            offset=offset if changes else 0.0,
            weights=weights,
            center=center,
            covariance=map_ @ self.covariance @ map_.T,
            level_variance=level if changes else 0.0,
            amplitudes=self.amplitudes,
            null_probability=float(expit(-self._evidence(coefficients) - log_odds_change)) if changes else 1.0,
            sample_amplitudes=self.sample_amplitudes,
        )

    def _evidence(self, coefficients: np.ndarray) -> float:
        """Log evidence of a combination of the effects, against its being zero."""
        n_effects, rank = self.weights.shape
        # a rotation of the effects, which have one prior, with the combination first
        rotation = np.linalg.qr(np.column_stack([coefficients, np.eye(n_effects)]))[0].T
        turn = np.kron(rotation, np.eye(rank))
        information, linear = turn @ self.information @ turn.T, turn @ self.linear
        without = self.variances.copy()
        without[:rank] = 0.0
        return solve_prior(information, linear, self.variances)[2] - solve_prior(information, linear, without)[2]


def fit_sample_ratio(
    phi: Features | CellBlocks,
    codes: np.ndarray,
    late: np.ndarray,
    blocks: np.ndarray,
    *,
    log_odds_change: float = 0.0,
) -> RatioFit:
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
    log_odds_change
        Log odds beforehand that anything changes.
    """
    cells = Cells(phi, codes, np.where(late, 0.5, -0.5)[:, None])
    pooled = fit_ratio(cells.blocks, late, blocks, log_odds_change=log_odds_change)
    if not pooled.amplitudes.any():
        return pooled
    now = cells.at(Fields(pooled.weights[None], np.zeros_like(cells.sums)), np.log(cells.counts))
    found = _fit_with_samples(cells, now, blocks)
    if found is None:
        return pooled
    return found.contrast(np.ones(1), float(cells.counts[late].sum() / cells.counts.sum()), log_odds_change)


def fit_sample_effects(
    phi: Features | CellBlocks, codes: np.ndarray, design: np.ndarray, blocks: np.ndarray, *, samples: bool
) -> EffectsFit:
    r"""
    Estimate the effects of any design of the samples on their log densities.

    As :func:`fit_sample_ratio` with the log density :math:`m(x) + \sum_j z_{sj} \delta_j(x) + u_s(x) + b_s`; the effects have one
    amplitude, so that it does not matter how the design is written.

    Parameters
    ----------
    phi, codes, blocks
        As in :func:`fit_sample_ratio`.
    design
        z: samples × effects, in the canonical form without its constant.
    samples
        Whether samples differ by fields of their own.
    """
    cells = Cells(phi, codes, design)
    start = Fields(np.zeros((design.shape[1], cells.rank)), np.zeros_like(cells.sums))
    first = cells.at(start, np.log(cells.counts))
    pooled = _fit_scaled(cells, first, blocks, np.zeros(cells.rank))
    if not samples or not pooled.amplitudes.any():
        return pooled
    now = cells.at(Fields(pooled.weights, start.own), pooled.levels)
    return _fit_with_samples(cells, now, blocks) or pooled


def _fit_with_samples(cells: Cells, now: State, blocks: np.ndarray) -> EffectsFit | None:
    """The fit with fields of the samples, from one without; None where the samples do not differ."""
    everything = cells.everything()
    values = np.append(GRID, 0.0)  # position -1 is 0
    shape = values[choose_amplitudes(*typical(everything, now.score, cells.counts, cells.design), blocks)][blocks]
    if not shape.any():
        return None
    found = _fit_scaled(cells, now, blocks, shape)
    return None if found.sample_amplitudes is None else found


def _fit_scaled(cells: Cells, now: State, blocks: np.ndarray, shape: np.ndarray) -> EffectsFit:
    """Choose the amplitudes of the effects, and what `shape` is multiplied by, while going to the mode; then go on to it."""
    scale: int | None = None if shape.any() else 0
    chosen: np.ndarray | None = None
    variances = np.zeros(blocks.max() + 1)
    of_effects = np.tile(blocks, cells.design.shape[1])
    for _ in range(ROUNDS):
        known = Information.of(cells.information(now.probability), shape)
        new_scale = 0 if not shape.any() else _choose_scale(known, now, cells.design, scale)
        if new_scale == 0 and shape.any():
            return _nothing_between(cells, now, blocks)
        expansion = integrate(known, SCALES[new_scale], cells.design).at(now)
        information = expansion.curvature.effects
        found = choose_amplitudes(information, expansion.linear, of_effects, chosen)
        if (found < 0).all() and not shape.any():
            return _no_effects(cells, blocks)
        same = new_scale == scale and chosen is not None and (found == chosen).all()
        scale, chosen = new_scale, found
        variances = chosen_variances(information, expansion.linear, of_effects, found)
        delta = prior_mode(information, expansion.linear, variances[of_effects])
        step = expansion.mode(delta) - now.fields
        move = cells.largest_move(step)
        now = cells.at(now.fields + step * min(1.0, LARGEST_MOVE / max(move, 1e-300)), now.levels)
        if same and move < SETTLED:
            break
    assert scale is not None
    prior = _Prior(variances[of_effects], SCALES[scale] * shape)
    fields, expansion, levels = _newton(cells, now, prior, shape, SCALES[scale])
    information = expansion.curvature.effects
    return EffectsFit(
        cells=cells.blocks,
        weights=fields.delta,
        covariance=solve_prior(information, expansion.linear, prior.effects)[1],
        information=information,
        linear=expansion.linear,
        variances=prior.effects,
        amplitudes=variances,
        sample_amplitudes=None
        if scale == 0
        else np.array([prior.own[blocks == b][0] for b in range(blocks.max() + 1)]),
        levels=levels,
    )


def _no_effects(cells: Cells, blocks: np.ndarray) -> EffectsFit:
    """All effects zero."""
    n_effects, rank = cells.design.shape[1], cells.rank
    size, none = n_effects * rank, np.zeros(blocks.max() + 1)
    empty = np.zeros((size, size))
    return EffectsFit(
        cells.blocks,
        np.zeros((n_effects, rank)),
        empty,
        empty,
        np.zeros(size),
        np.zeros(size),
        none,
        None,
        np.log(cells.counts),
    )


def _nothing_between(cells: Cells, now: State, blocks: np.ndarray) -> EffectsFit:
    """The fit without fields of the samples, whose evidence turned out to be largest."""
    alone = cells.at(Fields(now.fields.delta, np.zeros_like(now.fields.own)), now.levels)
    return _fit_scaled(cells, alone, blocks, np.zeros(cells.rank))


def _choose_scale(known: Information, now: State, design: np.ndarray, start: int | None) -> int:
    """Position of the scale of the samples' prior variances of largest evidence, whatever the effects are."""
    tried = range(len(SCALES)) if start is None else range(max(start - 2, 0), min(start + 3, len(SCALES)))
    evidence = [integrate(known, SCALES[number], design).at(now).log_evidence() for number in tried]
    return tried[int(np.argmax(evidence))]


def _newton(
    cells: Cells, now: State, prior: _Prior, shape: np.ndarray, scale: float
) -> tuple[Fields, Expansion, np.ndarray]:
    """The mode of the exact likelihood with given variances, in steps of the expected curvature."""
    on = (prior.effects > 0).reshape(now.fields.delta.shape)
    now = cells.at(Fields(now.fields.delta * on, now.fields.own * (prior.own > 0)), now.levels)
    for number in range(MAX_STEPS):
        if number % REFRESHED == 0:
            curvature = integrate(Information.of(cells.information(now.probability), shape), scale, cells.design)
            covariance = solve_prior(curvature.effects, np.zeros_like(prior.effects), prior.effects)[1]
        expansion = curvature.at(now)
        step = expansion.mode(covariance @ expansion.linear) - now.fields
        decrement = float(np.sum(now.score * step.of_samples(cells.design))) + prior.slope(now.fields, step)
        if decrement <= TOLERANCE:
            return now.fields, expansion, now.levels
        size, value = 1.0, now.value + prior.log_density(now.fields)
        while True:
            new = cells.at(now.fields + step * size, now.levels)
            gain = new.value + prior.log_density(new.fields) - value
            if gain >= 1e-4 * size * decrement - 1e-12 * abs(value) or size < 1e-10:
                break
            size /= 2
        now = new
    logger.warning("The fields of the samples did not converge in %d steps (decrement %.2g).", MAX_STEPS, decrement)
    return now.fields, expansion, now.levels
