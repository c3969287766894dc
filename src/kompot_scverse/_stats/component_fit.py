"""Smoothed expression by the varying-coefficient model, and the statistics of its fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kompot_scverse._gp.block_share import block_share
from kompot_scverse._gp.components import Components, fit_components
from kompot_scverse._gp.evidence import (
    GENES,
    Grid,
    evidence_of,
    independent_grid,
    log_evidence,
    ratio_grid,
)
from kompot_scverse._gp.function_covariances import Function, Joint
from kompot_scverse._gp.grid_prior import grid_posterior, grid_prior
from kompot_scverse._gp.right_hands import RightHands
from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._gp.variance_table import VarianceTable
from kompot_scverse._gp.varying_coefficients import VaryingCoefficients, contrast_design

from .design_matrix import canonical_design
from .sample_covariance import SampleCovariance

MAX_JOINT = 6
"""Coefficients of a design up to which all their covariances are kept."""
TYPICAL_ROWS = 8


@dataclass(frozen=True)
class FieldDesign:
    """The design of the coefficient fields, and the functions to compute, each as a combination of its columns."""

    matrix: np.ndarray
    """Samples × columns; the first is 1. All other columns have effects of one prior variance."""
    levels: list[np.ndarray]
    """Smoothed expression of each condition, or of other combinations of the columns."""
    effects: list[np.ndarray]
    """Differences that are tested: the fold changes."""
    joint: Joint | None = None
    """Functions of which combinations are asked for later: the coefficients of a formula."""
    block: np.ndarray | None = None
    """Number of the block of each sample, whose fields are alike."""

    @classmethod
    def of_conditions(cls, conditions: np.ndarray) -> "FieldDesign":
        """Conditions, the first of which the others are compared with; `conditions` is that of each sample."""
        design = contrast_design(conditions)
        first = [design[conditions == condition][0] for condition in range(int(conditions.max()) + 1)]
        return cls(design, first, [row - first[0] for row in first[1:]])

    @classmethod
    def of_matrix(
        cls, matrix: np.ndarray, contrasts: Sequence[np.ndarray], block: np.ndarray | None = None
    ) -> "FieldDesign":
        """
        Any design of full rank with the constant in its span, in its canonical form.

        Parameters
        ----------
        matrix
            Samples × coefficients.
        contrasts
            Combinations of the coefficients that are tested. The levels are the coefficients one by one.
        block
            Number of the block of each sample.
        """
        design, back = canonical_design(matrix)
        effects = [contrast @ back for contrast in contrasts]
        # differences have nothing of the state, not even what rounding leaves
        rows = np.unique(np.round(matrix, 9), axis=0)
        typical = rows[np.unique(np.linspace(0, len(rows) - 1, TYPICAL_ROWS).astype(int))]
        joint = Joint(back, typical) if matrix.shape[1] <= MAX_JOINT else None
        return cls(design, list(back), [np.append(0.0, effect[1:]) for effect in effects], joint, block)


@dataclass(frozen=True)
class ComponentFit:
    """Posterior of every condition (or coefficient) and of every fold change (or tested effect)."""

    components: Components
    n_conditions: int
    gram: np.ndarray
    """Sum of FFᵀ over all cells: features × features."""
    average: np.ndarray
    """What the state is as a combination of the conditions (or coefficients): of conditions, their mean."""
    block_share: float | None = None
    """Of the variance of the samples' fields, what those of a block have in common; None without blocks."""
    between: list[SampleCovariance] | None = None
    """What the variance between samples adds to the variance of every condition, where it is no component of the model."""

    def weights(self, condition: int) -> np.ndarray:
        """Weights of the smoothed expression of a condition, or of a coefficient: genes × features."""
        return self.components.weights[condition]

    def fold_change(self, group: int) -> np.ndarray:
        """Weights of the fold change, group − reference, or of effect `group` − 1: genes × features."""
        return self.components.weights[self.n_conditions + group - 1]

    def variance_table(self, condition: int) -> VarianceTable:
        """Posterior variance of the smoothed expression of a condition."""
        return self.components.variances[condition]

    def fold_change_table(self, group: int) -> VarianceTable:
        """Posterior variance of the fold change."""
        return self.components.variances[self.n_conditions + group - 1]

    def fold_change_covariance(self, group: int) -> np.ndarray:
        """Posterior covariance of the weights of the fold change where genes share it, as with a given noise: features × features."""
        table = self.fold_change_table(group)
        return table.loads[0, 0] * table.covariances[0].dense(table.axes)

    def fold_change_variance(self, features: np.ndarray, group: int) -> np.ndarray:
        """Posterior variance of the fold change at features or at means of features: genes × places."""
        variance = self.fold_change_table(group).variances(features)
        if self.between is None:
            return variance
        return variance + self.between[0].variance(features).T + self.between[group].variance(features).T

    def distance(self, group: int) -> np.ndarray:
        """Mahalanobis distance of the fold change of every gene from zero."""
        found = self.components.distances[self.n_conditions + group - 1]
        assert found is not None
        return found

    @property
    def prior_variance(self) -> float:
        """Mean of |F|² over the cells: the prior variance of a sample's process of amplitude 1."""
        return float(np.trace(self.gram) / self.gram[0, 0])

    def standard_deviations(self, group: int | None) -> dict[str, np.ndarray]:
        """
        Standard deviation of each component over the cells, in the units of the expression.

        state
            Of the smoothed expression, averaged over the conditions (posterior mean). The amplitude of the state is no measure of it:
            a marker gene of a cluster needs only a few of the directions, and varies by several times its amplitude.
        effect
            Root mean square of the fold change over the cells (posterior mean and variance); not if `group` is None.
        sample
            Between samples of one condition, at a cell.
        noise
            Of the cells about the functions.
        """
        n = self.gram[0, 0]
        second = self.gram / n
        found = self.components
        state = sum(share * weights for share, weights in zip(self.average, found.weights, strict=False))
        about_mean = second - np.outer(second[0], second[0])
        variances = {
            "state": np.einsum("gi,gi->g", state @ about_mean, state),
            "sample": found.sample * self.prior_variance,
            "noise": found.noise,
        }
        if group is not None:
            change = self.fold_change(group)
            table = self.fold_change_table(group)
            spread_out = table.loads @ table.traces(second)
            for start in range(0, len(change), GENES):
                own = change[start : start + GENES].astype(np.float64, copy=False)
                spread_out[start : start + GENES] += np.einsum("gi,gi->g", own @ second, own)
            variances["effect"] = spread_out
        return {name: np.sqrt(np.maximum(values, 0.0)) for name, values in variances.items()}


class ComponentModel:
    """
    The model of one modality, with the prior of the variance ratios once it is learnt.

    With amplitudes that are given, too (:func:`independent_grid`), the grid has one point, so that there is nothing to learn, all that the
    cells say counts, and the means are not flat but 0: the model of Kompot.

    Parameters
    ----------
    gram
        Sum of FFᵀ of every sample, the first feature a constant if amplitudes are estimated: samples × features × features.
    design
        Design of the samples, and what is asked for.
    samples
        Whether samples have fields of their own; without them, differences between samples count as those of conditions.
    points
        Features of places that cover the cell states.
    sigma
        Standard deviation of the noise, where it is given.
    independent
        Whether conditions have independent functions of amplitude 1, with a given noise; the columns of the design are then contrasts
        of conditions.
    """

    def __init__(
        self,
        gram: np.ndarray,
        design: FieldDesign,
        *,
        samples: bool = False,
        points: np.ndarray,
        sigma: float | None = None,
        independent: bool = False,
    ) -> None:
        self.design, n_columns = design, design.matrix.shape[1]
        self.block_share: float | None = None
        if not independent:
            self.model = VaryingCoefficients(gram, design.matrix)
            noise = None if sigma is None else sigma**2
            self.grid: Grid = ratio_grid(samples=samples, effects=n_columns > 1, noise=noise)
            own_mean = gram[:, 0] / np.maximum(gram[:, :1, 0], 1)
            self.points = np.vstack([points, own_mean[gram[:, 0, 0] > 0]])
        else:
            assert sigma is not None
            self.model = VaryingCoefficients(gram, design.matrix, (0.0, 0.0), constant=False)
            self.grid, self.points = independent_grid(n_columns, sigma), points
        self.functions = [Function(columns) for columns in design.levels]
        self.functions += [Function(columns, tested=True) for columns in design.effects]
        self.n_conditions, self.joint = len(design.levels), design.joint
        self.prior: np.ndarray | None = None

    def learn_and_fit(self, sums: SampleSums, reference: np.ndarray, chosen: np.ndarray) -> ComponentFit:
        """
        Learn the prior of the variance ratios from some genes, and fit others under it.

        Parameters
        ----------
        sums
            Sums of all.
        reference, chosen
            Numbers of those to learn from, and of those to fit.
        """
        evidence = self.learn(sums.genes(reference))
        n_genes = sums.cross.shape[1]
        place = np.full(n_genes, -1)
        place[reference] = np.arange(len(reference))
        place = place[chosen]

        def evidence_once(genes: slice, hands: RightHands) -> np.ndarray:
            known = place[genes] >= 0
            found = np.empty((len(known), evidence.shape[1]))
            found[known] = evidence[place[genes][known]]
            found[~known] = evidence_of(hands, self.grid, genes=np.flatnonzero(~known), prior=self.prior)
            return found

        # a choice of all would be a copy
        everything = np.array_equal(chosen, np.arange(n_genes))
        return self._fit(sums if everything else sums.genes(chosen), evidence_once)

    def learn(self, sums: SampleSums) -> np.ndarray:
        """Learn what all genes share; returns the likelihoods of those that it is learnt from."""
        design = self.design
        if design.block is not None:
            self.block_share = block_share(sums, design.matrix, design.block, self.grid)
            self.model = VaryingCoefficients(sums.gram, design.matrix, block=design.block, share=self.block_share)
        evidence = log_evidence(self.model, sums, self.grid)
        self.prior = grid_prior(evidence)
        return evidence

    def fit(self, sums: SampleSums) -> ComponentFit:
        """Fit further genes, under the prior that has been learnt."""
        return self._fit(sums, lambda _, hands: evidence_of(hands, self.grid, prior=self.prior))

    def _fit(self, sums: SampleSums, evidence: Callable[[slice, RightHands], np.ndarray]) -> ComponentFit:
        prior = self.prior
        if prior is None:
            raise RuntimeError("The prior has not been learnt.")

        def probability(genes: slice, hands: RightHands) -> np.ndarray:
            return grid_posterior(evidence(genes, hands), prior)

        found = fit_components(self.model, sums, self.grid, probability, self.functions, self.points, self.joint)
        levels = np.stack(self.design.levels)
        average = np.linalg.solve(levels.T, np.eye(len(levels))[0])
        return ComponentFit(found, self.n_conditions, sums.gram.sum(axis=0), average, self.block_share)
