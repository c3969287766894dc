"""The computation behind `kp.tl.de`: moments, posteriors, distances, null genes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from kompot_scverse._gp.feature_sums import sample_sums
from kompot_scverse._gp.features import CellFeatures, Features, stored
from kompot_scverse._gp.gene_blocks import collect_in_passes, gene_blocks
from kompot_scverse._gp.joined_components import joined_components
from kompot_scverse._gp.moments import collect_moments
from kompot_scverse._gp.noise_floor import check_noise
from kompot_scverse._gp.parallel import return_freed_memory
from kompot_scverse._gp.posterior import posterior_weights, spectrum
from kompot_scverse._gp.representative import representative
from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._gp.states import States
from kompot_scverse._gp.varying_coefficients import with_constant
from kompot_scverse._results.disk import DiskStore
from kompot_scverse._stats.component_fit import ComponentFit, ComponentModel, FieldDesign
from kompot_scverse._stats.constant_genes import share_constant
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.fdr import compare_with_null
from kompot_scverse._stats.null_genes import choose_null_genes, residual_null_moments
from kompot_scverse._stats.sample_covariance import CHUNK, SampleCovariance, sample_covariance
from kompot_scverse._stats.variance_between import with_variance_between
from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings

from ._cell_tests import cell_tests
from ._genes_read import GenesRead
from ._null_moments import ShuffledMoments, shuffled_moments

type Keeper = Callable[[ComponentFit, list[SampleCovariance]], ComponentFit]
"""Adds the covariance between the replicates of each condition to a fit."""


@dataclass(frozen=True)
class DEModel:
    """Fits of the genes and of the null genes."""

    genes: ComponentFit
    nulls: ComponentFit | None
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
    keep: Keeper = with_variance_between,
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
        Adds the variance between replicates to the fit and keeps it, see :func:`factor_keeper`.
    """
    n_null, rng = test.null_genes if test.null_mahalanobis is None else 0, np.random.default_rng(test.rng)
    chosen = genes.chosen[choose_null_genes(len(genes.chosen), n_null, rng)] if n_null else None
    in_file = genes.y.chunks is not None
    blocks = gene_blocks(len(genes.chosen), len(design.samples), features.shape[1], in_file=in_file)
    if gp.estimated and len(blocks) > 1:
        return _in_passes(genes, blocks, states, features, design, gp, chosen, rng)
    # sums of y² are weighted sums with weight 1
    ones, codes, n_samples = np.ones((len(features), 1)), design.sample_codes, len(design.samples)
    moments = collect_moments(
        genes.y, features, codes, n_samples, weights=ones, extract=chosen, grams=True, what="expression"
    )
    genes = genes.check(moments.squares[:, :, 0])
    sums = SampleSums(moments.grams, moments.cross, moments.squares[:, :, 0], genes.rounding)
    sigma = None if gp.sigma == "evidence" else float(gp.sigma)
    if sigma is not None and not gp.estimated:
        check_noise(sums.gram, sigma)
    shuffled = None
    if chosen is not None:
        shuffled = shuffled_moments(moments, len(chosen), states.x, features, design, rng)
        if test.null == "residuals" and sigma is not None and not gp.estimated:
            shuffled = _of_residuals(shuffled, sums.genes(chosen), features, codes, sigma)
    try:
        own = sums if _is_all(genes) else sums.genes(genes.chosen)
        samples = design.sample_key is not None
        model = _model(sums.gram, states, design, gp)
        fit = model.learn_and_fit(sums, genes.reference, genes.chosen)
        nulls = None if shuffled is None else model.fit(replace(sums, cross=shuffled.cross, square=shuffled.square))
        if sigma is not None and not gp.estimated:
            of_features = sample_sums(features, codes, n_samples)
            if nulls is not None and shuffled is not None:
                nulls = _with_given_noise(nulls, replace(sums, cross=shuffled.cross), of_features, design, sigma)
            return DEModel(_with_given_noise(fit, own, of_features, design, sigma, keep), nulls)
        if samples:
            return DEModel(fit, nulls)
        return DEModel(fit, nulls, cell_tests(own, design))
    finally:
        return_freed_memory()


def _in_passes(
    genes: GenesRead,
    blocks: list[slice],
    states: States,
    features: Features,
    design: Design,
    gp: GPSettings,
    null: np.ndarray | None,
    rng: np.random.Generator,
) -> DEModel:
    """The same where the sums of all genes would not fit: what genes share is learnt from a first pass, and each block has one of its own."""
    codes, n_samples = design.sample_codes, len(design.samples)
    own: dict[str, Any] = {"weights": np.ones((len(features), 1)), "what": "expression"}
    learnt = genes.reference if null is None else np.union1d(genes.reference, null)
    extract = None if null is None else np.searchsorted(learnt, null)
    y = genes.y.of_genes(learnt)
    moments = collect_in_passes(y, features, codes, n_samples, extract=extract, grams=True, **own)
    sums = SampleSums(moments.grams, moments.cross, moments.squares[:, :, 0], genes.rounding)
    finite = np.isfinite(sums.square).all(axis=0)
    model = _model(sums.gram, states, design, gp)
    model.learn(sums.genes(np.flatnonzero(finite & np.isin(learnt, genes.reference))))
    nulls = None
    if null is not None:
        shuffled = shuffled_moments(moments, len(null), states.x, features, design, rng)
        nulls = model.fit(replace(sums, cross=shuffled.cross, square=shuffled.square))
    del moments
    fits, pvalues = [], []
    for block in blocks:
        y = genes.y.of_genes(genes.chosen[block])
        found = collect_moments(y, features, codes, n_samples, **own)
        sums = replace(sums, cross=found.cross, square=found.squares[:, :, 0])
        if not np.isfinite(sums.square).all():
            raise genes.every.not_finite()
        fits.append(model.fit(sums))
        pvalues.append([] if design.sample_key is not None else cell_tests(sums, design))
    joined = joined_components([fit.components for fit in fits])
    of_cells = [np.concatenate(of_blocks) for of_blocks in zip(*pvalues, strict=True)] or None
    return DEModel(replace(fits[0], components=joined), nulls, of_cells)


def _model(gram: np.ndarray, states: States, design: Design, gp: GPSettings) -> ComponentModel:
    places = states.model.basis.features(representative(states, design.cells))
    if gp.estimated:
        places = with_constant(places)
    sigma, samples = None if gp.sigma == "evidence" else float(gp.sigma), design.sample_key is not None
    return ComponentModel(
        gram, _field_design(design), samples=samples, points=places, sigma=sigma, independent=not gp.estimated
    )


def _is_all(genes: GenesRead) -> bool:
    return np.array_equal(genes.chosen, np.arange(genes.y.shape[1]))


def _of_residuals(
    shuffled: ShuffledMoments, sums: SampleSums, features: Features, codes: np.ndarray, sigma: float
) -> ShuffledMoments:
    """The sums of genes of which the residuals from a fit to all conditions are shuffled."""
    pooled = posterior_weights(spectrum(sums.gram.sum(axis=0)), sums.cross.sum(axis=0), sigma)
    cross = residual_null_moments(
        shuffled.cross, pooled, features, codes, sums.gram, shuffled.cells, shuffled.permutations
    )
    return replace(shuffled, cross=cross)


def _with_given_noise(
    fit: ComponentFit,
    sums: SampleSums,
    of_features: np.ndarray,
    design: Design,
    sigma: float,
    keep: Keeper = with_variance_between,
) -> ComponentFit:
    """A fit with the variance between samples that is no component of it, and one function of genes that are constant."""
    share_constant(fit, sums.gram, sums.cross, of_features, design.sample_conditions, sigma)
    if design.sample_key is None:
        return fit
    replicates = [design.members(number, usable=True) for number in range(len(design.conditions))]
    return keep(fit, [sample_covariance(sums.gram, sums.cross, sigma, members) for members in replicates])


def _field_design(design: Design) -> FieldDesign:
    """Columns of the fields: the conditions, or the coefficients of a formula."""
    if design.formula is None:
        return FieldDesign.of_conditions(design.sample_conditions)
    contrasts = [effect.contrast for effect in design.formula.directed]
    return FieldDesign.of_matrix(design.formula.matrix, contrasts, design.formula.blocks)


def factor_keeper(storage: StorageSettings, disk: DiskStore, mod: str = "") -> Keeper:
    """What computes the variance between replicates once and keeps it, in float32, in memory or on disk."""
    if storage.sample_covariance != "disk":
        return partial(with_variance_between, create=lambda shape: np.empty(shape, dtype=np.float32))
    number = count()

    def create(shape: tuple[int, ...]) -> Any:
        return disk.create(f"{f'{mod}.' if mod else ''}replicates_{next(number)}", shape, (CHUNK, *shape[1:]))

    def keep(fit: ComponentFit, covariances: list[SampleCovariance]) -> ComponentFit:
        with disk.writing():
            return with_variance_between(fit, covariances, create)

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
