"""Features of log ratios of densities: smooth, rough, and constant over regions of the cell states."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import block_diag

from kompot_scverse._gp.basis import Basis
from kompot_scverse._gp.cell_blocks import CellBlocks
from kompot_scverse._gp.features import Features as FeaturesOfCells
from kompot_scverse._gp.features import over_features, stored
from kompot_scverse._gp.order import canonical_order
from kompot_scverse._gp.parallel import cluster_client
from kompot_scverse._gp.points import piece
from kompot_scverse._gp.region_choice import choose_regions
from kompot_scverse._gp.rough import MAX_CENTERS, rough_basis
from kompot_scverse._gp.states import States
from kompot_scverse._gp.sums_by_code import sums_by_code

from .neighborhoods import ABUNDANCE_WIDTH, Neighborhoods, fit_neighborhoods, neighborhood_tree

CELLS_PER_CENTER = 10
NEGLIGIBLE = 1e-9
"""Share of the largest information below which a combination of effects is not known."""
KEPT = 2**26
"""Bytes of features up to which they are computed once."""


def n_rough_centers(n_cells: int) -> int:
    """Number of centres of the rough basis: fewer for few cells."""
    return max(1, min(MAX_CENTERS, n_cells // CELLS_PER_CENTER))


@dataclass(frozen=True)
class RegionBasis:
    """Weights of cells in regions, as features."""

    neighborhoods: Neighborhoods
    nodes: np.ndarray
    """Regions × neighbourhoods."""

    @property
    def rank(self) -> int:
        """Number of regions."""
        return len(self.nodes)

    def features(self, x: np.ndarray) -> np.ndarray:
        """Cells × regions."""
        return self.neighborhoods.weights(x) @ self.nodes.T

    features_there = features


@dataclass(frozen=True)
class Features:
    """Features of one comparison."""

    cells: CellBlocks
    """Features of all cells."""
    blocks: np.ndarray
    """Number of the block of each: 0 smooth, 1 rough, and each region its own."""
    log_odds_change: float
    """Log odds beforehand that these regions change, and not others."""


@dataclass(frozen=True)
class RatioFeatures:
    """Features that the fields of an analysis can have: smooth, rough, and of regions."""

    states: States
    rough: Basis
    neighborhoods: Neighborhoods
    """Around the centres of the rough basis."""

    @classmethod
    def of(cls, states: States, cells: np.ndarray) -> "RatioFeatures":
        """
        From the states of the cells that take part.

        Parameters
        ----------
        states
            All cells.
        cells
            Which of them take part.
        """
        own = np.flatnonzero(cells)
        # in an order that belongs to the data
        order = own[canonical_order(states.x, own)]
        neighborhoods = fit_neighborhoods(states.x, n_rough_centers(len(own)), ABUNDANCE_WIDTH, order)
        x = states.x if cells.all() else piece(states.x, cells)
        return cls(states, rough_basis(neighborhoods.centers, x), neighborhoods)

    @cached_property
    def nodes(self) -> np.ndarray:
        """Groups of neighbourhoods that may be a region, without all of them: nodes × neighbourhoods."""
        return neighborhood_tree(self.neighborhoods)[:-1].astype(np.float64)

    @cached_property
    def _with_weights(self) -> FeaturesOfCells:
        """Smooth and rough features of all cells, and their weights in the neighbourhoods; in memory where they are small."""
        weights = RegionBasis(self.neighborhoods, np.eye(len(self.neighborhoods.centers)))
        features = self.states.features(self.rough, weights)
        small = 4 * features.shape[0] * features.shape[1] <= KEPT and cluster_client() is None
        return stored(features) if small else features

    @property
    def fields(self) -> FeaturesOfCells:
        """Smooth and rough features of all cells."""
        known = self._with_weights
        return known[:, : len(self.blocks)] if isinstance(known, np.ndarray) else self.states.features(self.rough)

    def _with_regions(self, nodes: np.ndarray) -> FeaturesOfCells:
        """Those of the fields and of regions (regions × neighbourhoods)."""
        fields, regions = self.fields, RegionBasis(self.neighborhoods, nodes)
        if isinstance(fields, np.ndarray):
            return np.hstack([fields, regions.features(self.states.x[:]).astype(np.float32)])
        return self.states.features(self.rough, regions)

    @cached_property
    def _of_fields(self) -> CellBlocks:
        return CellBlocks(self.fields, np.zeros(len(self.states.x), dtype=np.int8))

    @cached_property
    def blocks(self) -> np.ndarray:
        """Block of each of them."""
        return np.repeat([0, 1], [self.states.rank, self.rough.rank])

    def choose(self, codes: np.ndarray, design: np.ndarray) -> Features:
        """
        Features with the regions that differ.

        Parameters
        ----------
        codes
            Number of the sample of every cell, negative for cells that take no part. Two conditions without samples are two samples.
        design
            Samples × effects, without a constant.
        """
        numbers = self._differing(codes, design) if len(self.nodes) else np.empty(0, dtype=np.intp)
        if not len(numbers):
            return Features(self._of_fields, self.blocks, 0.0)
        cells = CellBlocks(self._with_regions(self.nodes[numbers]), self._of_fields.codes)
        blocks = np.append(self.blocks, 2 + np.arange(len(numbers)))
        return Features(cells, blocks, -len(numbers) * float(np.log(len(self.nodes))))

    def _differing(self, codes: np.ndarray, design: np.ndarray) -> np.ndarray:
        """Regions that differ, by the likelihood around no change: one sum over the cells."""
        gram, sums, counts = self._sums(codes, len(design))
        share = counts / counts.sum()
        total = sums.sum(axis=0)
        information = gram - np.outer(total, total) / counts.sum()
        score = sums - np.outer(share, total)
        between = np.diag(share) - np.outer(share, share)
        known, axes = np.linalg.eigh(design.T @ between @ design)
        on = known > NEGLIGIBLE * known.max()
        known, axes = known[on], axes[:, on]
        mean = known.mean()
        # combinations of the effects that are known independently, in units in which all have the mean information
        linear = (score.T @ design @ axes) * np.sqrt(mean / known)
        spread = _dispersion(information, score, counts, design, len(self.blocks))
        return choose_regions(information * (mean / spread), linear / spread, self.blocks)

    def _sums(self, codes: np.ndarray, n_samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums over the cells of the products of features, fields and nodes, and of the features of each sample."""
        parts = over_features(_sums_of, self._with_weights, codes, arguments=(n_samples,), what="regions")
        gram, sums = (sum(of_blocks) for of_blocks in zip(*parts, strict=True))
        # nodes are sums of neighbourhoods
        nodes = block_diag(np.eye(len(self.blocks)), self.nodes)
        return (
            nodes @ gram @ nodes.T,
            sums @ nodes.T,
            np.bincount(codes[codes >= 0], minlength=n_samples).astype(np.float64),
        )


def _sums_of(features: np.ndarray, codes: np.ndarray, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums over a block of cells."""
    on = codes >= 0
    rows = features[on].astype(np.float64)
    return rows.T @ rows, sums_by_code(rows, codes[on], n_samples)


def _dispersion(
    information: np.ndarray, score: np.ndarray, counts: np.ndarray, design: np.ndarray, n_fields: int
) -> float:
    """
    Dispersion of the cell numbers in regions between samples, relative to independent cells; at least 1.

    As in a quasi-likelihood (McCullagh & Nelder 1989, section 9.2): the Pearson statistic of the residuals over its degrees
    of freedom. The median over the regions is taken.
    """
    weight = np.sqrt(1 / counts)[:, None]
    effects = np.column_stack([np.ones(len(design)), design]) / weight
    basis = np.linalg.qr(effects)[0]
    degrees = len(design) - np.linalg.matrix_rank(effects)
    if degrees <= 0:
        return 1.0
    scaled = score[:, n_fields:] * weight
    left = scaled - basis @ (basis.T @ scaled)
    per_cell = np.diag(information)[n_fields:] / counts.sum()
    pearson = np.square(left).sum(axis=0)[per_cell > 0] / per_cell[per_cell > 0] / degrees
    return max(1.0, float(np.median(pearson))) if len(pearson) else 1.0
