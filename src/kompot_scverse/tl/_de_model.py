"""The computation behind `kp.tl.de`: moments, posteriors, distances, null genes."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from kompot_scverse._data.design import Design
from kompot_scverse._data.disk import DiskStore
from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp.moments import Moments, collect_moments, sample_grams, sample_sums
from kompot_scverse._gp.noise_floor import check_noise, noise_floor
from kompot_scverse._gp.order import canonical_order
from kompot_scverse._gp.parallel import return_freed_memory
from kompot_scverse._gp.posterior import loo_noise, posterior
from kompot_scverse._gp.row_tasks import RowReader
from kompot_scverse._stats.expression import ExpressionFit, fit_expression
from kompot_scverse._stats.fdr import compare_with_null
from kompot_scverse._stats.null_genes import (
    choose_null_genes,
    draw_permutations,
    null_gene_batches,
    residual_null_moments,
    shuffle_cells,
)
from kompot_scverse._stats.sample_covariance import CHUNK
from kompot_scverse.settings import FDRSettings, GPSettings, StorageSettings

from ._progress import progress_bar

if TYPE_CHECKING:
    import scipy.sparse as sp

__all__ = ["DEModel", "factor_keeper", "fit_model", "significance"]


@dataclass(frozen=True)
class DEModel:
    """Fits of the genes and of the null genes."""

    genes: ExpressionFit
    nulls: ExpressionFit | None
    sigma: float | np.ndarray


def fit_model(
    y: RowReader,
    x: np.ndarray,
    phi: np.ndarray,
    design: Design,
    gp: GPSettings,
    fdr: FDRSettings,
    rng: np.random.Generator,
    keep: Callable[[ExpressionFit], ExpressionFit] = lambda fit: fit,
) -> DEModel:
    """
    Fit every condition (and replicate) to the expression and to shuffled genes.

    Parameters
    ----------
    y
        Expression reader, cells × genes.
    x
        Cell states, cells × dimensions: give the cells an order that does not depend on the file.
    phi
        Features, cells × rank.
    design
        Conditions and samples.
    gp, fdr
        Settings.
    rng
        Chooses and shuffles the null genes.
    keep
        Computes the variance between replicates of the genes and keeps it, see :func:`factor_keeper`.
    """
    n_null = fdr.null_genes if fdr.null_mahalanobis is None else 0
    chosen = choose_null_genes(y.shape[1], n_null, rng) if n_null else None
    fitter = _Fitter(phi, design, gp)
    with progress_bar(int(design.cells.sum()), "expression", "cells") as advance:
        moments = collect_moments(y, phi, fitter.codes, len(design.samples), extract=chosen, progress=advance)
    sigma = fitter.noise(y, moments.cross)
    nulls = None
    if chosen is not None:
        nulls = fitter.fit_nulls(moments, chosen, x, sigma, fdr.null, rng).computed()
    genes = keep(fitter.fit(moments.cross, sigma))
    del moments
    return_freed_memory()
    return DEModel(genes, nulls, sigma)


def factor_keeper(storage: StorageSettings, disk: DiskStore, mod: str = "") -> Callable[[ExpressionFit], ExpressionFit]:
    """What computes the variance between replicates once and keeps it, in float32, in memory or on disk."""
    if storage.sample_covariance == "memory":
        return lambda fit: fit.computed(lambda shape: np.empty(shape, dtype=np.float32))
    number = count()

    def keep(fit: ExpressionFit) -> ExpressionFit:
        def create(shape: tuple[int, ...]) -> Any:
            return disk.create(f"{f'{mod}.' if mod else ''}replicates_{next(number)}", shape, (CHUNK, *shape[1:]))

        with disk.writing():
            return fit.computed(create)

    return keep


class _Fitter:
    """Posteriors of genes, from their sums; the features and the design stay the same."""

    def __init__(self, phi: np.ndarray, design: Design, gp: GPSettings) -> None:
        self.phi, self.design, self.gp = phi, design, gp
        self.codes = design.sample_codes
        self.grams = sample_grams(phi, self.codes, len(design.samples))
        check_noise(self.grams, gp.sigma)
        self.sums = sample_sums(phi, self.codes, len(design.samples))
        self.conditions = [design.members(number) for number in range(len(design.conditions))]
        self.replicates = None
        if design.sample_key is not None:
            self.replicates = [design.members(number, usable=True) for number in range(len(design.conditions))]

    def fit(self, cross: np.ndarray, sigma: float | np.ndarray) -> ExpressionFit:
        return fit_expression(self.grams, cross, sigma, self.conditions, self.replicates, self.sums)

    def fit_nulls(
        self,
        moments: Moments,
        chosen: np.ndarray,
        x: np.ndarray,
        sigma: float | np.ndarray,
        kind: str,
        rng: np.random.Generator,
    ) -> ExpressionFit:
        """Fit genes whose values or residuals are shuffled."""
        cells = np.flatnonzero(self.design.cells)
        extracted = cast("sp.csr_array", moments.extracted)  # the chosen genes were asked for
        # cells at one point are told apart by their sample and what they express
        expressed = np.asarray(extracted[cells].sum(axis=1)).ravel()
        order = np.empty(len(cells), dtype=np.intp)
        order[canonical_order(np.column_stack([x[cells], self.codes[cells], expressed]))] = np.arange(len(cells))
        permutations = draw_permutations(cells, order, len(chosen), rng)
        found, noises = [], []
        for genes, drawn in null_gene_batches(extracted):
            values = shuffle_cells(extracted[:, genes], cells, permutations[drawn])
            shuffled = matrix_reader(values, None, "null genes")
            found.append(collect_moments(shuffled, self.phi, self.codes, len(self.design.samples)).cross)
            if kind == "shuffle":
                noises.append(np.broadcast_to(self.noise(shuffled, found[-1]), values.shape[1]))
        cross = np.concatenate(found, axis=1) if len(found) > 1 else found[0]
        if kind == "shuffle":
            return self.fit(cross, np.concatenate(noises) if self.gp.empirical_variance else self.gp.sigma)
        # residuals keep the noise of the gene they are from
        own_sigma = sigma if np.ndim(sigma) == 0 else np.asarray(sigma)[chosen]
        pooled = posterior(self.grams.sum(axis=0), moments.cross[:, chosen].sum(axis=0), own_sigma)
        moved = residual_null_moments(cross, pooled.weights, self.phi, self.codes, self.grams, cells, permutations)
        return self.fit(moved, own_sigma)

    def noise(self, y: RowReader, cross: np.ndarray) -> float | np.ndarray:
        """Noise standard deviation: the one given, or one estimated for each gene."""
        return self._noise(y, cross) if self.gp.empirical_variance else self.gp.sigma

    def _noise(self, y: RowReader, cross: np.ndarray) -> np.ndarray:
        """Noise of each gene over all conditions, from the residuals that leave each cell out."""
        fit = fit_expression(self.grams, cross, self.gp.sigma, self.conditions, None)
        total, n = np.zeros(y.shape[1]), 0
        for number, post in enumerate(fit.posteriors):
            own = self.design.condition_codes == number
            leverage = post.std(self.phi[own]) ** 2 / self.gp.sigma**2
            weight = np.zeros(len(own))
            weight[own] = 1 / (1 - leverage) ** 2
            codes = np.where(own, 0, -1)
            scaled = self.phi * weight[:, None]
            found = collect_moments(y, scaled, codes, 1, weights=weight[:, None])
            gram = self.phi[own].T @ scaled[own]
            noise = loo_noise(post.weights, gram, found.cross[0], found.squares[0, :, 0], int(own.sum()))
            total += noise**2 * own.sum()
            n += int(own.sum())
        sigma = np.sqrt(total / n)
        # a gene without any variation would make the posterior certain
        floor = 1e-3 * np.median(sigma[sigma > 0]) if (sigma > 0).any() else 1e-6
        return np.maximum(sigma, max(floor, noise_floor(self.grams)))


def significance(model: DEModel, distances: np.ndarray, group: int, fdr: FDRSettings):
    """Compare the distances of a contrast with those of the null genes; None without any."""
    if fdr.null_mahalanobis is not None:
        null = np.asarray(fdr.null_mahalanobis, dtype=np.float64)
    elif model.nulls is not None:
        null = model.nulls.distance(group)
    else:
        return None
    return compare_with_null(distances, null)
