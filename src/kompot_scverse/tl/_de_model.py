"""The computation behind `kp.tl.de`: moments, posteriors, distances, null genes."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from kompot_scverse._gp.feature_sums import sample_sums
from kompot_scverse._gp.features import CellFeatures, Features, stored
from kompot_scverse._gp.moments import collect_moments
from kompot_scverse._gp.noise_floor import check_noise
from kompot_scverse._gp.parallel import return_freed_memory
from kompot_scverse._gp.posterior import posterior
from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._gp.states import States
from kompot_scverse._gp.varying_coefficients import with_constant
from kompot_scverse._results.disk import DiskStore
from kompot_scverse._stats.combine import cauchy_combination
from kompot_scverse._stats.component_fit import ComponentFit, ComponentModel, FieldDesign
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.design_matrix import with_unit_columns
from kompot_scverse._stats.effect import Effect
from kompot_scverse._stats.expression import ExpressionFit, fit_expression
from kompot_scverse._stats.fdr import compare_with_null
from kompot_scverse._stats.null_genes import choose_null_genes, residual_null_moments
from kompot_scverse._stats.sample_covariance import CHUNK
from kompot_scverse._stats.score_testing import score_test
from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings

from ._genes_read import GenesRead
from ._null_moments import ShuffledMoments, shuffled_moments

N_PLACES = 128
"""Pivots on which the table of variances is built."""


@dataclass(frozen=True)
class DEModel:
    """Fits of the genes and of the null genes."""

    genes: ExpressionFit | ComponentFit
    nulls: ExpressionFit | ComponentFit | None
    cell_pvalues: list[np.ndarray] | None = None
    """p of every gene in every contrast, about cells; None where there are replicates, or with given amplitudes."""


def model_features(states: States, gp: GPSettings) -> CellFeatures:
    """What the functions are linear in: the features, and before them a constant where amplitudes are estimated."""
    return states.features(constant=True) if gp.estimated else states.features(scale=float(gp.amplitude))


def kept_features(states: States, gp: GPSettings, storage: StorageSettings) -> Features:
    """The same in memory, if they are kept there."""
    features = model_features(states, gp)
    return features if storage.basis is None else stored(features)


def fit_model(
    genes: GenesRead,
    states: States,
    features: Features,
    design: Design,
    gp: GPSettings,
    test: TestSettings,
    keep: Callable[[ExpressionFit], ExpressionFit] = lambda fit: fit,
) -> DEModel:
    """
    Fit every condition (and replicate) to the expression and to shuffled genes.

    Parameters
    ----------
    genes
        Expression of the features asked for, and of those that the prior is learnt from.
    states
        Cell states; the representation gives the cells an order that does not depend on the file.
    features
        From :func:`model_features`.
    design
        Conditions and samples.
    gp, test
        Settings.
    keep
        Computes the variance between replicates of the genes and keeps it, see :func:`factor_keeper`.
    """
    n_null, rng = test.null_genes if test.null_mahalanobis is None else 0, np.random.default_rng(test.rng)
    chosen = genes.chosen[choose_null_genes(len(genes.chosen), n_null, rng)] if n_null else None
    # sums of y² are weighted sums with weight 1
    ones, codes, n_samples = np.ones((len(features), 1)), design.sample_codes, len(design.samples)
    moments = collect_moments(
        genes.y, features, codes, n_samples, weights=ones, extract=chosen, grams=True, what="expression"
    )
    genes = genes.check(moments.squares[:, :, 0])
    gram = moments.grams
    shuffled = None
    if chosen is not None:
        shuffled = shuffled_moments(moments, len(chosen), states.x, features, design, rng)
    try:
        if gp.estimated:
            sums = SampleSums(gram, moments.cross, moments.squares[:, :, 0], genes.rounding)
            return _estimated(sums, genes, states, design, shuffled)
        sigma = float(gp.sigma)
        check_noise(gram, sigma)
        sums_of_features = sample_sums(features, codes, n_samples)
        nulls = None
        if shuffled is not None and chosen is not None:
            cross = shuffled.cross
            if test.null == "residuals":
                pooled = posterior(gram.sum(axis=0), moments.cross[:, chosen].sum(axis=0), sigma).weights
                cross = residual_null_moments(
                    cross, pooled, features, codes, gram, shuffled.cells, shuffled.permutations
                )
            nulls = _fit(gram, cross, sigma, design, sums_of_features).computed()
        cross = moments.cross if _is_all(genes) else moments.cross[:, genes.chosen]
        return DEModel(keep(_fit(gram, cross, sigma, design, sums_of_features)), nulls)
    finally:
        return_freed_memory()


def _is_all(genes: GenesRead) -> bool:
    return np.array_equal(genes.chosen, np.arange(genes.y.shape[1]))


def _estimated(
    sums: SampleSums, genes: GenesRead, states: States, design: Design, shuffled: ShuffledMoments | None
) -> DEModel:
    """The varying-coefficient model, its amplitudes and noise estimated for every gene."""
    samples = design.sample_key is not None
    model = ComponentModel(sums.gram, _field_design(design), samples=samples, points=_places(states))
    own = sums if _is_all(genes) else sums.genes(genes.chosen)
    fit = model.learn_and_fit(sums, genes.reference, genes.chosen)
    nulls = (
        None if shuffled is None else model.fit(SampleSums(sums.gram, shuffled.cross, shuffled.square, sums.rounding))
    )
    if samples:
        return DEModel(fit, nulls)
    return DEModel(fit, nulls, [_cell_test(own, design, number) for number in range(1, len(design.conditions))])


def _field_design(design: Design) -> FieldDesign:
    """Columns of the fields: the conditions, or the coefficients of a formula."""
    if design.formula is None:
        return FieldDesign.of_conditions(design.sample_conditions)
    contrasts = [effect.contrast for effect in design.formula.directed]
    return FieldDesign.of_matrix(design.formula.matrix, contrasts, design.formula.blocks)


def _fit(gram: np.ndarray, cross: np.ndarray, sigma: float, design: Design, sums: np.ndarray) -> ExpressionFit:
    """Every condition by itself, with given amplitude and noise."""
    conditions = range(len(design.conditions))
    replicates = None if design.sample_key is None else [design.members(number, usable=True) for number in conditions]
    return fit_expression(gram, cross, sigma, [design.members(number) for number in conditions], replicates, sums)


def _cell_test(sums: SampleSums, design: Design, number: int) -> np.ndarray:
    """The score test of a condition against the first, or of an effect of a formula."""
    effect = design.effect(number)
    if effect is not None:
        return _effect_test(sums, design, effect)
    members = np.concatenate([design.members(0), design.members(number)])
    if len(members) == len(sums.gram):
        # in their own order: a choice of all would be a copy
        return score_test(sums, design.sample_conditions == number)
    own = SampleSums(sums.gram[members], sums.cross[members], sums.square[members], sums.rounding)
    return score_test(own, design.sample_conditions[members] == number)


def _effect_test(sums: SampleSums, design: Design, effect: Effect) -> np.ndarray:
    """The score test of an effect, adjusted for the rest of the design; several contrasts are combined."""
    assert design.formula is not None
    matrix = with_unit_columns(design.formula.matrix)
    contrasts = effect.contrast / np.linalg.norm(design.formula.matrix, axis=0).reshape(
        -1, *[1] * (effect.contrast.ndim - 1)
    )
    cells = sums.gram[:, 0, 0]
    # what least squares takes of each row for the contrasts; orthogonal to all that is not tested
    rows = (matrix @ np.linalg.solve((matrix.T * cells) @ matrix, contrasts)).reshape(len(matrix), -1)
    root = np.sqrt(cells)[:, None]
    directions = np.linalg.qr(rows * root)[0] / root
    # as far apart as two conditions of the same number of cells
    scaled = directions * np.sqrt(cells.sum()) / 2
    return cauchy_combination(np.stack([score_test(sums, column) for column in scaled.T]))


def _places(states: States) -> np.ndarray:
    """Features of the first pivots, which differ most: they cover the cell states."""
    basis = states.model.basis
    return with_constant(basis.features(basis.pivots[:N_PLACES]))


def factor_keeper(storage: StorageSettings, disk: DiskStore, mod: str = "") -> Callable[[ExpressionFit], ExpressionFit]:
    """What computes the variance between replicates once and keeps it, in float32, in memory or on disk."""
    if storage.sample_covariance != "disk":
        return lambda fit: fit.computed(lambda shape: np.empty(shape, dtype=np.float32))
    number = count()

    def keep(fit: ExpressionFit) -> ExpressionFit:
        def create(shape: tuple[int, ...]) -> Any:
            return disk.create(f"{f'{mod}.' if mod else ''}replicates_{next(number)}", shape, (CHUNK, *shape[1:]))

        with disk.writing():
            return fit.computed(create)

    return keep


def significance(model: DEModel, distances: np.ndarray, group: int, test: TestSettings):
    """Compare the distances of a contrast with those of the null genes; None without any."""
    if test.null_mahalanobis is not None:
        null = np.asarray(test.null_mahalanobis, dtype=np.float64)
    elif model.nulls is not None:
        null = model.nulls.distance(group)
    else:
        return None
    return compare_with_null(distances, null)
