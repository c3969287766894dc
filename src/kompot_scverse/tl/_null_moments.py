"""Sums of null genes: genes whose values are shuffled over the cells."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp.features import Features
from kompot_scverse._gp.moments import Moments, collect_moments
from kompot_scverse._gp.order import canonical_order
from kompot_scverse._gp.points import Points
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.null_genes import draw_permutations, null_gene_batches, shuffle_cells


@dataclass(frozen=True)
class ShuffledMoments:
    """Sums of shuffled genes over the cells of every sample."""

    cross: np.ndarray
    """Sum of y Φᵀ: samples × genes × features."""
    square: np.ndarray
    """Sum of y²: samples × genes."""
    cells: np.ndarray
    """Numbers of the cells shuffled."""
    permutations: np.ndarray


def shuffled_moments(
    moments: Moments, n_null: int, x: np.ndarray | Points, features: Features, design: Design, rng: np.random.Generator
) -> ShuffledMoments:
    """
    Shuffle the extracted genes over the cells and sum them.

    Parameters
    ----------
    moments
        With the values of the chosen genes.
    n_null
        Their number.
    x
        Representation, cells × dimensions: gives the cells an order that does not depend on the file.
    features
        Cells × features.
    design
        Samples.
    rng
        Draws the permutations.
    """
    cells = np.flatnonzero(design.cells)
    extracted: Any = moments.extracted  # the chosen genes were asked for
    # cells at one point are told apart by their sample and what they express
    expressed = np.asarray(extracted[cells].sum(axis=1)).ravel()
    order = np.empty(len(cells), dtype=np.intp)
    order[canonical_order(np.column_stack([x[cells], design.sample_codes[cells], expressed]))] = np.arange(len(cells))
    permutations = draw_permutations(cells, order, n_null, rng)
    ones, found = np.ones((len(features), 1)), []
    for genes, drawn in null_gene_batches(extracted):
        values = shuffle_cells(extracted[:, genes], cells, permutations[drawn])
        shuffled = matrix_reader(values, None, "null genes")
        found.append(collect_moments(shuffled, features, design.sample_codes, len(design.samples), weights=ones))
    cross = np.concatenate([one.cross for one in found], axis=1) if len(found) > 1 else found[0].cross
    square = np.concatenate([one.squares[:, :, 0] for one in found], axis=1)
    return ShuffledMoments(cross, square, cells, permutations)
