"""How far the cells of both conditions support a fold change at a cell state."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from .neighborhoods import Neighborhoods, fit_neighborhoods

__all__ = ["SUPPORTED", "SupportMap", "fit_support", "sides_of"]

SUPPORTED = 0.1
"""Support below which a fold change counts as extrapolated: about one cell of a condition in the neighbourhood."""
EFFECT_VARIANCE = 0.1
"""Prior variance of an effect over that of the noise: a tenth of it, so that ten cells know half of it."""
CELLS_PER_NEIGHBORHOOD, MAX_NEIGHBORHOODS, WIDTH = 15, 256, 0.2
"""Cells of the smallest condition in a neighbourhood, were they spread as all others. On Kang's data without the stimulated B
cells 0 to 3 % of the cells of other types are below `SUPPORTED`, and 43 % of the remaining B cells: neighbourhoods at the border share
cells of other types. Larger neighbourhoods flag fewer of them."""
BLOCK = 8192
TINY = 1e-9
"""Share of the largest coefficient below which one is 0 but for rounding."""


class SupportMap:
    r"""
    Support of the effects in soft neighbourhoods that are much smaller than the length scale of the model.

    The model takes functions to be smooth, and is as sure of a condition far away from all its cells as the smoothness allows;
    in many dimensions, where its functions are nearly linear, that is everywhere. So support is asked of effects that
    tell nothing of each other in different neighbourhoods. With the prior variance :math:`\rho\sigma^2` and
    n cells of a condition, the posterior variance is :math:`\rho\sigma^2 / (1 + \rho n)`, and the support is one minus its
    share of the prior, :math:`\rho n / (1 + \rho n)`. That of a cell is the average over its neighbourhoods.

    Parameters
    ----------
    neighborhoods
        Where.
    n_cells
        Soft number of cells of every sample: samples × neighbourhoods.
    """

    def __init__(self, neighborhoods: Neighborhoods, n_cells: np.ndarray) -> None:
        self.neighborhoods, self.n_cells = neighborhoods, n_cells

    def at(self, x: np.ndarray, sides: Sequence[np.ndarray]) -> np.ndarray:
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
        known, found = (n / (1 + n)).T, np.empty(len(x))
        for start in range(0, len(x), BLOCK):
            rows = slice(start, start + BLOCK)
            found[rows] = (self.neighborhoods.weights(x[rows]) @ known).min(axis=1)
        return found


def fit_support(x: np.ndarray, codes: np.ndarray, contrasts: Sequence[Sequence[np.ndarray]]) -> SupportMap:
    """
    Place the neighbourhoods and count the cells of every sample.

    Parameters
    ----------
    x
        Representation of the cells of the analysis, in an order that belongs to the data: cells × dimensions.
    codes
        Sample of each cell.
    contrasts
        Numbers of the samples on each side of each contrast.
    """
    sizes = np.bincount(codes)
    smallest = int(min(sizes[members].sum() for sides in contrasts for members in sides))
    n = min(max(smallest // CELLS_PER_NEIGHBORHOOD, 1), MAX_NEIGHBORHOODS)
    neighborhoods = fit_neighborhoods(x, n, WIDTH)
    n_cells = np.zeros((len(sizes), len(neighborhoods.centers)))
    for start in range(0, len(x), BLOCK):
        own = codes[start : start + BLOCK]
        indicator = csr_array((np.ones(len(own)), (own, np.arange(len(own)))), shape=(len(sizes), len(own)))
        n_cells += indicator @ neighborhoods.weights(x[start : start + BLOCK])
    return SupportMap(neighborhoods, n_cells)


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
