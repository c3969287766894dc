"""The replicate tests of the tools: the weights of the cells, and the tests on the sums per sample."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._data.design import Design
from kompot_scverse._data.sample_design import ContrastDesign
from kompot_scverse._gp.frame import Frame
from kompot_scverse._gp.moments import Moments, sample_grams
from kompot_scverse._gp.order import canonical_order
from kompot_scverse._stats.abundance_test import AbundanceTest, abundance_test
from kompot_scverse._stats.gene_test import LARGEST_IN_CATEGORY, GeneTest, GeneTestSettings, gene_test
from kompot_scverse._stats.neighborhoods import (
    NeighborhoodMoments,
    Neighborhoods,
    default_n_centers,
    fit_neighborhoods,
    neighborhood_tree,
)

from ._depth import SampleDepths
from ._test_sums import TestSums

__all__ = ["CellWeights", "cell_weights", "describe_tests", "test_abundance", "test_categories", "test_genes"]

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
    x: np.ndarray, design: Design, n_neighborhoods: int | None, width: float, categories: pd.Series | None = None
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
    categories
        Categories that are tested by themselves.
    """
    own = x[design.cells]
    n = n_neighborhoods or default_n_centers(len(own), int(design.usable.sum()))
    # in an order that belongs to the data, since very many cells are drawn from
    neighborhoods = fit_neighborhoods(own[canonical_order(own)], n, width)
    if categories is None:
        hard = np.empty((len(x), 0))
    else:
        hard = (categories.cat.codes.to_numpy()[:, None] == np.arange(len(categories.cat.categories))).astype(float)
    return CellWeights(neighborhoods, neighborhoods.weights(x), hard)


def test_genes(sums: TestSums, weights: CellWeights, design: Design, contrast: ContrastDesign) -> GeneTest:
    """Test the chosen genes for a change anywhere; the first nodes of the result are the single neighbourhoods."""
    moments = _neighborhood_moments(sums.moments, slice(0, weights.soft.shape[1]), weights.soft, design, contrast)
    nodes = neighborhood_tree(weights.neighborhoods)
    return gene_test(moments, nodes, contrast.matrix, reference=sums.reference).subset(sums.chosen)


def test_categories(sums: TestSums, weights: CellWeights, design: Design, contrast: ContrastDesign) -> GeneTest:
    """Test the chosen genes in every category by itself, as :func:`test_genes`; the nodes of the result are the categories."""
    m, n = weights.soft.shape[1], weights.hard.shape[1]
    moments = _neighborhood_moments(sums.moments, slice(m, m + n), weights.hard, design, contrast)
    nodes = np.eye(n, dtype=bool)
    settings = GeneTestSettings(largest_between=LARGEST_IN_CATEGORY)
    return gene_test(moments, nodes, contrast.matrix, settings, reference=sums.reference).subset(sums.chosen)


def test_abundance(weights: CellWeights, design: Design, contrast: ContrastDesign) -> AbundanceTest:
    """Test every neighbourhood for a change of its share of the sample's cells."""
    mass, gram = _weight_sums(weights.soft, design, contrast)
    return abundance_test(mass, gram, contrast.matrix)


def describe_tests(
    weights: CellWeights | None,
    frame: Frame,
    *,
    paired: bool,
    covariates: object,
    sums: TestSums | None = None,
    depths: SampleDepths | None = None,
) -> dict[str, object]:
    """Parameters of the tests as resolved, for the run; lengths in the units of the representation."""
    if weights is None:
        return {}
    of_genes: dict[str, object] = {}
    if sums is not None and depths is not None:
        of_genes = {"reference_genes": int(sums.reference.sum()), "tested_at_equal_depth": depths.known}
    return {
        "paired": paired,
        "covariates": [] if covariates is None else listed("covariates", covariates),
        "n_neighborhoods": len(weights.neighborhoods.centers),
        "neighborhood_width": weights.neighborhoods.width * frame.scale,
    } | of_genes


def _weight_sums(weights: np.ndarray, design: Design, contrast: ContrastDesign) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the weights and of their products over the cells of each sample of the contrast."""
    codes = np.full(len(design.samples) + 1, -1)
    codes[contrast.members] = np.arange(len(contrast.members))
    # code -1 (takes no part) finds the last entry, which is -1
    of_cells = codes[design.sample_codes]
    mass = np.stack([weights[of_cells == sample].sum(axis=0) for sample in range(len(contrast.members))])
    return mass, sample_grams(weights, of_cells, len(contrast.members))


def _neighborhood_moments(
    moments: Moments, columns: slice, weights: np.ndarray, design: Design, contrast: ContrastDesign
) -> NeighborhoodMoments:
    """The sums over the samples of a contrast, for some of the weights."""
    mass, gram = _weight_sums(weights, design, contrast)
    return NeighborhoodMoments(
        mass=mass,
        gram=gram,
        sums=moments.sums[contrast.members, :, columns].transpose(0, 2, 1),
        squares=moments.squares[contrast.members, :, columns].sum(axis=0).T,
    )
