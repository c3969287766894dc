"""The replicate tests of the tools: the weights of the cells, and the tests on the sums per sample."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kompot_scverse._data.design import Design
from kompot_scverse._data.sample_design import ContrastDesign
from kompot_scverse._gp.moments import Moments, sample_grams
from kompot_scverse._stats.abundance_test import AbundanceTest, abundance_test
from kompot_scverse._stats.combine import GeneTest, GeneTestSettings, gene_test
from kompot_scverse._stats.neighborhoods import (
    NeighborhoodMoments,
    Neighborhoods,
    default_n_centers,
    fit_neighborhoods,
    neighborhood_tree,
)

__all__ = [
    "CellWeights",
    "ReplicateSums",
    "cell_weights",
    "describe_tests",
    "test_abundance",
    "test_categories",
    "test_genes",
]

logger = logging.getLogger("kompot_scverse")


@dataclass(frozen=True)
class CellWeights:
    """Weights of the cells in soft neighbourhoods and in categories."""

    neighborhoods: Neighborhoods
    soft: np.ndarray
    """Weights in the neighbourhoods, which sum to one: cells × m; NaN for cells without a state."""
    hard: np.ndarray
    """1 for the cells of each category: cells × categories."""

    @property
    def columns(self) -> np.ndarray:
        """Both side by side: cells × (m + categories)."""
        return np.hstack([self.soft, self.hard])


def cell_weights(
    x: np.ndarray, design: Design, n_neighborhoods: int | None, categories: pd.Series | None = None
) -> CellWeights:
    """
    Place neighbourhoods over the cells of the analysis and weigh all cells.

    Parameters
    ----------
    x
        Representation: cells × dimensions.
    design
        Conditions and samples.
    n_neighborhoods
        Their number; None for one that suits the number of cells.
    categories
        Categories that are tested by themselves.
    """
    own = x[design.cells]
    n = n_neighborhoods or default_n_centers(len(own), int(design.usable.sum()))
    # in an order that belongs to the data, since very many cells are drawn from
    neighborhoods = fit_neighborhoods(own[np.lexsort(own.T[:2][::-1])], n)
    if categories is None:
        hard = np.empty((len(x), 0))
    else:
        hard = (categories.cat.codes.to_numpy()[:, None] == np.arange(len(categories.cat.categories))).astype(float)
    return CellWeights(neighborhoods, neighborhoods.weights(x), hard)


@dataclass(frozen=True)
class ReplicateSums:
    """What the tests of the genes of one contrast rest on."""

    moments: Moments
    """Sums over the cells of every sample with the weights."""
    weights: CellWeights
    phi: np.ndarray
    """Features: cells × rank."""
    pooled: np.ndarray
    """Weights of the fit over all conditions: genes × rank."""
    design: Design
    contrast: ContrastDesign

    def sums(self, weights: np.ndarray, columns: slice) -> NeighborhoodMoments:
        """The sums with some of the weights, adjusted for where the cells of the samples lie."""
        of_cells, n_samples = _sample_codes(self.design, self.contrast), len(self.contrast.members)
        mass, gram = _weight_sums(weights, of_cells, n_samples)
        features = [weights[rows].T @ self.phi[rows] for rows in (of_cells == sample for sample in range(n_samples))]
        sums = self.moments.sums[self.contrast.members, :, columns].transpose(0, 2, 1)
        squares = self.moments.squares[self.contrast.members, :, columns].sum(axis=0).T
        return NeighborhoodMoments(mass, gram, sums, sums.sum(axis=0), squares).adjusted(
            np.stack(features), self.pooled
        )


def test_genes(tested: ReplicateSums, *, all_genes: bool) -> GeneTest:
    """
    Test all genes for a change anywhere; the first nodes of the result are the single neighbourhoods.

    `all_genes` says that the genes were not chosen: what genes of one level of expression share is then depth.
    """
    soft = tested.weights.soft
    tree = neighborhood_tree(tested.weights.neighborhoods)
    sums = tested.sums(soft, slice(0, soft.shape[1]))
    return gene_test(sums, tree, tested.contrast.matrix, GeneTestSettings(level_trend=all_genes))


def test_categories(tested: ReplicateSums, *, all_genes: bool) -> GeneTest:
    """Test all genes in every category by itself, as :func:`test_genes`; the nodes of the result are the categories."""
    first, n = tested.weights.soft.shape[1], tested.weights.hard.shape[1]
    sums = tested.sums(tested.weights.hard, slice(first, first + n))
    settings = GeneTestSettings(level_trend=all_genes)
    return gene_test(sums, np.eye(n, dtype=bool), tested.contrast.matrix, settings)


def test_abundance(weights: CellWeights, design: Design, contrast: ContrastDesign) -> AbundanceTest:
    """Test every neighbourhood for a change of its share of the sample's cells."""
    mass, gram = _weight_sums(weights.soft, _sample_codes(design, contrast), len(contrast.members))
    return abundance_test(mass, gram, contrast.matrix)


def describe_tests(weights: CellWeights | None, *, paired: bool, covariates: object) -> dict[str, object]:
    """Parameters of the tests as resolved, for the run."""
    if weights is None:
        return {}
    names = [covariates] if isinstance(covariates, str) else list(covariates or [])  # type: ignore[call-overload]
    return {
        "paired": paired,
        "covariates": names,
        "n_neighborhoods": len(weights.neighborhoods.centers),
        "neighborhood_width": weights.neighborhoods.width,
    }


def _sample_codes(design: Design, contrast: ContrastDesign) -> np.ndarray:
    """Number of the sample of the contrast that each cell is of, -1 for none."""
    codes = np.full(len(design.samples) + 1, -1)
    codes[contrast.members] = np.arange(len(contrast.members))
    # code -1 (takes no part) finds the last entry, which is -1
    return codes[design.sample_codes]


def _weight_sums(weights: np.ndarray, codes: np.ndarray, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the weights and of their products over the cells of each sample."""
    mass = np.stack([weights[codes == sample].sum(axis=0) for sample in range(n_samples)])
    return mass, sample_grams(weights, codes, n_samples)
