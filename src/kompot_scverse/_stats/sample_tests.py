"""Replicate tests of genes, of genes in categories, and of abundance, from sums over the cells of every sample."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack

from kompot_scverse._gp.feature_sums import sample_grams
from kompot_scverse._gp.moments import Moments
from kompot_scverse._gp.order import canonical_order
from kompot_scverse._gp.over_cells import over_cells
from kompot_scverse._gp.parallel import cluster_client
from kompot_scverse._gp.points import Points, piece
from kompot_scverse._gp.states import States

from .abundance_testing import AbundanceTest, abundance_test
from .between_levels import BetweenLevels, between_levels
from .design import ContrastDesign, Design
from .gene_testing import GeneTest, GeneTestSettings, gene_test
from .influence import SampleParts
from .neighborhoods import (
    Neighborhoods,
    default_n_centers,
    fit_neighborhoods,
    neighborhood_merges,
    neighborhood_tree,
    sparse_weights,
)
from .sample_distances import abundance_distances, expression_distances


@dataclass(frozen=True)
class SumsOfGenes:
    """Weighted sums of expression over the cells of every sample, of the genes asked for and of those they learn from."""

    moments: Moments
    chosen: np.ndarray
    """Columns of the genes asked for, in their order."""
    reference: np.ndarray
    """Whether a column is a gene that the prior is learnt from."""
    numbers: np.ndarray
    """Number of the gene of each column."""


@dataclass(frozen=True)
class ComputedWeights:
    """Weights of cells in neighbourhoods and categories, which are read like a csr matrix and computed for the rows asked for."""

    neighborhoods: Neighborhoods
    x: np.ndarray | Points
    """Representation: cells × dimensions."""
    hard: csr_array
    """1 for the cells of each category: cells × categories."""

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × (m + categories)."""
        return len(self.x), len(self.neighborhoods.centers) + self.hard.shape[1]

    def __getitem__(self, rows: slice | np.ndarray) -> csr_array:
        soft = sparse_weights(self.x[rows], self.neighborhoods)
        return hstack([soft, self.hard[rows]], format="csr") if self.hard.shape[1] else soft

    def piece(self, rows: slice | np.ndarray) -> "ComputedWeights":
        """Weights of these cells alone, to be sent to another process."""
        return replace(self, x=piece(self.x, rows), hard=self.hard[rows])

    def without_points(self, rows: slice | np.ndarray) -> "ComputedWeights":
        """The same for a process that has the points of these cells."""
        return replace(self, x=piece(self.x, slice(0)), hard=self.hard[rows])


@dataclass(frozen=True)
class CellWeights:
    """Weights of the cells in soft neighbourhoods and in categories."""

    neighborhoods: Neighborhoods
    x: np.ndarray | Points
    """Representation in the frame of the cell states: cells × dimensions."""
    soft: csr_array
    """Weights in the neighbourhoods, which sum to one: cells × m; NaN for cells without a state."""
    hard: csr_array
    """1 for the cells of each category: cells × categories."""

    @property
    def columns(self) -> "csr_array | ComputedWeights":
        """Both side by side: cells × (m + categories). The workers of a cluster, which have the points, compute them."""
        if cluster_client() is not None:
            return ComputedWeights(self.neighborhoods, self.x, self.hard)
        return hstack([self.soft, self.hard], format="csr") if self.hard.shape[1] else self.soft

    @property
    def merges(self) -> list[tuple[int, int]]:
        """The tree over the neighbourhoods, as pairs of nodes that are merged."""
        return neighborhood_merges(self.neighborhoods)

    def describe(self, states: States) -> dict[str, Any]:
        """For the run: number of the neighbourhoods, and their width in units of the representation."""
        return {
            "n_neighborhoods": len(self.neighborhoods.centers),
            "neighborhood_width": self.neighborhoods.width * states.model.frame.scale,
        }


def cell_weights(
    x: np.ndarray | Points, design: Design, n_neighborhoods: int | None, width: float, hard: csr_array | None = None
) -> CellWeights:
    """
    Place neighbourhoods over the cells of the analysis and weigh all cells.

    Parameters
    ----------
    x
        Representation in the frame of the cell states: cells × dimensions.
    design
        Conditions and samples.
    n_neighborhoods
        Their number; None for one that suits the number of cells.
    width
        Their width in units of the median distance between a cell and its nearest centre.
    hard
        1 for the cells of each category that is tested by itself: cells × categories.
    """
    own = np.flatnonzero(design.cells)
    n = n_neighborhoods or default_n_centers(len(own), int(design.usable.sum()))
    # in an order that belongs to the data, since very many cells are drawn from
    neighborhoods = fit_neighborhoods(x, n, width, own[canonical_order(x, own)])
    hard = csr_array((len(x), 0)) if hard is None else hard
    return CellWeights(neighborhoods, x, neighborhoods.sparse_weights(x), hard)


def compare_genes(
    sums: SumsOfGenes,
    weights: CellWeights,
    design: Design,
    contrast: ContrastDesign,
    settings: GeneTestSettings | None = None,
) -> GeneTest:
    """Test the chosen genes for a change anywhere; the first nodes of the result are the single neighbourhoods."""
    moments = sample_parts(sums.moments, weights.soft, design, contrast).of()
    nodes = neighborhood_tree(weights.neighborhoods)
    return gene_test(moments, nodes, contrast.matrix, settings or GeneTestSettings(), sums.reference).subset(
        sums.chosen
    )


def compare_categories(sums: SumsOfGenes, weights: CellWeights, design: Design, contrast: ContrastDesign) -> GeneTest:
    """Test the chosen genes in every category by itself, as :func:`compare_genes`; the nodes of the result are the categories."""
    moments = sample_parts(sums.moments, weights.hard, design, contrast, first=weights.soft.shape[1]).of()
    nodes = np.eye(weights.hard.shape[1], dtype=bool)
    return gene_test(moments, nodes, contrast.matrix, reference=sums.reference).subset(sums.chosen)


def compare_samples(
    sums: SumsOfGenes, weights: CellWeights, design: Design, contrast: ContrastDesign
) -> tuple[np.ndarray, BetweenLevels | None]:
    """Distances between the samples of a contrast, of their fields over the neighbourhoods, and their variances by level."""
    moments = sample_parts(sums.moments, weights.soft, design, contrast).of()
    return (expression_distances(moments, sums.reference), between_levels(moments, contrast.matrix, sums.reference))


def compare_abundance(
    weights: CellWeights, design: Design, contrast: ContrastDesign
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test every neighbourhood for a change of its share of the sample's cells: p, q and effect at every cell."""
    mass, gram = weight_sums(weights.soft, design, contrast)
    test = abundance_test(mass, gram, contrast.matrix)
    # by all weights: where the nearest neighbourhoods are not tested, small ones decide
    parts = over_cells(_to_cells, weights.x, arguments=(weights.neighborhoods, test), what="tests")
    pvalue, qvalue, effect = (np.concatenate(of_blocks) for of_blocks in zip(*parts, strict=True))
    return pvalue, qvalue, effect


def _to_cells(
    x: np.ndarray, neighborhoods: Neighborhoods, test: AbundanceTest
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return test.to_cells(neighborhoods.weights(x))


def compare_compositions(weights: CellWeights, design: Design, contrast: ContrastDesign) -> np.ndarray:
    """Distances between the samples of a contrast, of their log densities over the neighbourhoods."""
    return abundance_distances(*weight_sums(weights.soft, design, contrast))


def sample_parts(
    moments: Moments, weights: csr_array, design: Design, contrast: ContrastDesign, *, first: int = 0
) -> SampleParts:
    """The sums of every sample of a contrast, for some of the weights: those from number `first` on in the moments."""
    mass, gram = weight_sums(weights, design, contrast)
    own = slice(first, first + weights.shape[1])
    sums, squares = (values[contrast.members, :, own].transpose(0, 2, 1) for values in (moments.sums, moments.squares))
    return SampleParts(mass, gram, sums, squares)


def weight_sums(weights: csr_array, design: Design, contrast: ContrastDesign) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the weights and of their products over the cells of each sample of the contrast."""
    codes = np.full(len(design.samples) + 1, -1)
    codes[contrast.members] = np.arange(len(contrast.members))
    # code -1 (takes no part) finds the last entry, which is -1
    of_cells = codes[design.sample_codes]
    own, n = np.flatnonzero(of_cells >= 0), len(contrast.members)
    indicator = csr_array((np.ones(len(own)), (of_cells[own], own)), shape=(n, len(of_cells)))
    return (indicator @ weights).toarray(), sample_grams(weights, of_cells, n)
