"""Features of log ratios of densities: smooth, rough, and constant over regions of the cell states."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from kompot_scverse._gp.region_choice import choose_regions
from kompot_scverse._gp.rough import MAX_CENTERS, rough_basis

from .neighborhoods import ABUNDANCE_WIDTH, Neighborhoods, fit_neighborhoods, neighborhood_tree

if TYPE_CHECKING:
    from kompot_scverse._gp.basis import Basis
    from kompot_scverse._gp.states import States

__all__ = ["Features", "RatioFeatures", "n_rough_centers"]

CELLS_PER_CENTER = 10
BLOCK = 16_384
"""Cells whose products are formed at a time."""
NEGLIGIBLE = 1e-9
"""Share of the largest information below which a combination of effects is not known."""


def n_rough_centers(n_cells: int) -> int:
    """Number of centres of the rough basis: fewer for few cells."""
    return max(1, min(MAX_CENTERS, n_cells // CELLS_PER_CENTER))


@dataclass(frozen=True)
class Features:
    """Features of one comparison."""

    phi: np.ndarray
    """Cells × features."""
    blocks: np.ndarray
    """Number of the block of each: 0 smooth, 1 rough, and each region its own."""
    log_odds_change: float
    """Log odds beforehand that these regions change, and not others."""


@dataclass(frozen=True)
class RatioFeatures:
    """What the fields of an analysis can be made of."""

    states: States
    rough: Basis
    neighborhoods: Neighborhoods
    """Around the centres of the rough basis."""

    @classmethod
    def of(cls, states: States, cells: np.ndarray) -> RatioFeatures:
        """
        From the states of the cells that take part.

        Parameters
        ----------
        states
            All cells.
        cells
            Which of them take part.
        """
        own = states.x[cells].astype(np.float64)
        # in an order that belongs to the data
        neighborhoods = fit_neighborhoods(own[np.lexsort(own.T[::-1])], n_rough_centers(len(own)), ABUNDANCE_WIDTH)
        return cls(states, rough_basis(neighborhoods.centers, own), neighborhoods)

    @cached_property
    def nodes(self) -> np.ndarray:
        """Groups of neighbourhoods that may be a region, without all of them: nodes × neighbourhoods."""
        return neighborhood_tree(self.neighborhoods)[:-1].astype(np.float64)

    @cached_property
    def fields(self) -> np.ndarray:
        """Smooth and rough features of all cells."""
        return np.hstack([self.states.phi, self.rough.features(self.states.x)])

    @cached_property
    def blocks(self) -> np.ndarray:
        """Block of each of them."""
        return np.repeat([0, 1], [self.states.phi.shape[1], self.rough.rank])

    def regions(self, numbers: np.ndarray) -> np.ndarray:
        """How far every cell belongs to some of the nodes: cells × nodes."""
        x, chosen = self.states.x, self.nodes[numbers].T
        out = np.empty((len(x), len(numbers)))
        for start in range(0, len(x), BLOCK):
            out[start : start + BLOCK] = self.neighborhoods.weights(x[start : start + BLOCK]) @ chosen
        return out

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
            return Features(self.fields, self.blocks, 0.0)
        phi = np.hstack([self.fields, self.regions(numbers)])
        blocks = np.append(self.blocks, 2 + np.arange(len(numbers)))
        return Features(phi, blocks, -len(numbers) * float(np.log(len(self.nodes))))

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
        size = len(self.blocks) + len(self.nodes)
        gram, sums = np.zeros((size, size)), np.zeros((n_samples, size))
        for start in range(0, len(codes), BLOCK):
            own = codes[start : start + BLOCK]
            on = own >= 0
            weights = self.neighborhoods.weights(self.states.x[start : start + BLOCK][on]) @ self.nodes.T
            rows = np.hstack([self.fields[start : start + BLOCK][on], weights])
            gram += rows.T @ rows
            sums += _sum_by(own[on], n_samples, rows)
        return gram, sums, np.bincount(codes[codes >= 0], minlength=n_samples).astype(np.float64)


def _sum_by(codes: np.ndarray, n: int, rows: np.ndarray) -> np.ndarray:
    """Sums of the rows of each code."""
    one_hot = csr_array((np.ones(len(codes)), codes, np.arange(len(codes) + 1)), shape=(len(codes), n))
    return one_hot.T @ rows


def _dispersion(
    information: np.ndarray, score: np.ndarray, counts: np.ndarray, design: np.ndarray, n_fields: int
) -> float:
    """
    By how much more the numbers of cells in regions vary between samples than those of independent cells, at least 1.

    As in a quasi-likelihood (McCullagh & Nelder 1989, section 9.2): the mean Pearson statistic of what the effects leave, in
    the typical region.
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
