"""How far the cells of both conditions support a fold change at a cell state."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from kompot_scverse._gp.order import canonical_order
from kompot_scverse._gp.over_cells import over_cells
from kompot_scverse._gp.points import Points

from .neighborhoods import Neighborhoods, fit_neighborhoods

SUPPORTED = 0.1
"""Support below which a fold change counts as extrapolated: about one cell of a condition in the neighbourhood."""
EFFECT_VARIANCE = 0.1
"""Prior variance of an effect over that of the noise: a tenth of it, so that ten cells know half of it."""
CELLS_PER_NEIGHBORHOOD, MAX_NEIGHBORHOODS, WIDTH = 15, 256, 0.2
"""Cells of the smallest condition in a neighbourhood, were they spread as all others. On Kang's data without the stimulated B
cells 0 to 3 % of the cells of other types are below `SUPPORTED`, and 43 % of the remaining B cells: neighbourhoods at the border share
cells of other types. Larger neighbourhoods flag fewer of them."""
TINY = 1e-9
"""Share of the largest coefficient below which one is 0 but for rounding."""


class SupportMap:
    r"""
    Support of the effects in soft neighbourhoods that are much smaller than the length scale of the model.

    The model takes functions to be smooth, so it extrapolates with confidence: in many dimensions, where its functions are nearly
    linear, even far from all cells of a condition. Support must not rest on that. It is therefore computed for effects that are
    independent in different neighbourhoods. With the prior variance :math:`\rho\sigma^2` and
    n cells of a condition, the posterior variance is :math:`\rho\sigma^2 / (1 + \rho n)`, and the support is one minus its
    share of the prior, :math:`\rho n / (1 + \rho n)`. That of a cell is the average over its neighbourhoods.

    Parameters
    ----------
    neighborhoods
        Neighbourhoods.
    n_cells
        Soft number of cells of every sample: samples × neighbourhoods.
    """

    def __init__(self, neighborhoods: Neighborhoods, n_cells: np.ndarray) -> None:
        self.neighborhoods, self.n_cells = neighborhoods, n_cells

    def at(self, x: np.ndarray | Points, sides: Sequence[np.ndarray]) -> np.ndarray:
        """
        The least support that the sides of a contrast have at every cell; NaN for cells without a state.

        Parameters
        ----------
        x
            Representation in the frame of the model: cells × dimensions.
        sides
            Numbers of the samples on each side.
        """
        n = EFFECT_VARIANCE * np.stack([self.n_cells[members].sum(axis=0) for members in sides])
        return np.concatenate(over_cells(_least, x, arguments=(self.neighborhoods, (n / (1 + n)).T), what="support"))


def _least(x: np.ndarray, neighborhoods: Neighborhoods, known: np.ndarray) -> np.ndarray:
    """Least weighted mean over the sides of a block of cells; `known` is neighbourhoods × sides."""
    return (neighborhoods.weights(x) @ known).min(axis=1)


def _counts(x: np.ndarray, codes: np.ndarray, neighborhoods: Neighborhoods, n_samples: int) -> np.ndarray:
    """Soft number of cells of every sample in a block of cells."""
    own = np.flatnonzero(codes >= 0)
    indicator = csr_array((np.ones(len(own)), (codes[own], np.arange(len(own)))), shape=(n_samples, len(own)))
    return indicator @ neighborhoods.weights(x[own])


def fit_support(x: np.ndarray | Points, codes: np.ndarray, contrasts: Sequence[Sequence[np.ndarray]]) -> SupportMap:
    """
    Place the neighbourhoods and count the cells of every sample.

    Parameters
    ----------
    x
        Representation: cells × dimensions.
    codes
        Sample of each cell; -1 for cells that take no part.
    contrasts
        Numbers of the samples on each side of each contrast.
    """
    cells = np.flatnonzero(codes >= 0)
    # in an order that belongs to the data
    cells = cells[canonical_order(x, cells)]
    sizes = np.bincount(codes[cells])
    smallest = int(min(sizes[members].sum() for sides in contrasts for members in sides))
    n = min(max(smallest // CELLS_PER_NEIGHBORHOOD, 1), MAX_NEIGHBORHOODS)
    neighborhoods = fit_neighborhoods(x, n, WIDTH, cells)
    counts = over_cells(_counts, x, codes, arguments=(neighborhoods, len(sizes)), what="support")
    return SupportMap(neighborhoods, np.sum(counts, axis=0))


def sides_of(matrix: np.ndarray, contrast: np.ndarray) -> list[np.ndarray]:
    """
    Samples on the sides of a contrast of coefficients: those that its estimate adds, and those that it takes off.

    Parameters
    ----------
    matrix
        Design: samples × coefficients.
    contrast
        Coefficients, or coefficients × contrasts, each with two sides.
    """
    found = []
    for column in np.atleast_2d(contrast.T):
        own = np.linalg.pinv(matrix).T @ column
        least = TINY * np.abs(own).max()
        found += [np.flatnonzero(own > least), np.flatnonzero(own < -least)]
    return [members for members in found if len(members)]
