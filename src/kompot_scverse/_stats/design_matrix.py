"""Checks of a design matrix: columns that follow from others, and contrasts that are no differences."""

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-8


def with_unit_columns(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix with columns of length 1 (or 0), so that nothing depends on the units of the variables."""
    length = np.linalg.norm(matrix, axis=0)
    return matrix / np.where(length > 0, length, 1.0)


def first_follower(matrix: NDArray[np.float64]) -> tuple[int, list[int]] | None:
    """The first column that those before it determine, and those of them that do so; None if there is none.

    Parameters
    ----------
    matrix
        Design matrix, samples x columns.
    """
    scaled = with_unit_columns(matrix)
    kept: list[int] = []
    for number, column in enumerate(scaled.T):
        weights = np.linalg.lstsq(scaled[:, kept], column, rcond=None)[0]
        if np.linalg.norm(column - scaled[:, kept] @ weights) <= TOLERANCE:
            return number, [own for own, weight in zip(kept, weights, strict=True) if abs(weight) > 1e-6]
        kept.append(number)
    return None


def is_difference(matrix: NDArray[np.float64], contrast: NDArray[np.float64]) -> bool | None:
    """Whether a contrast is unchanged if a constant is added to all samples; None where the design has no constant.

    Parameters
    ----------
    matrix
        Design matrix of full rank, samples x coefficients.
    contrast
        Coefficients, or coefficients x contrasts.
    """
    scaled = with_unit_columns(matrix)
    ones = np.ones(len(matrix))
    level = np.linalg.lstsq(scaled, ones, rcond=None)[0]
    if np.abs(scaled @ level - ones).max() > 1e-6:
        return None
    length = np.linalg.norm(matrix, axis=0)
    in_units = (contrast.T / length).T
    return bool(np.all(np.abs(level @ in_units) <= 1e-6 * np.linalg.norm(in_units, axis=0)))


def canonical_design(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Write a design so that a prior with the same variance for all effects does not depend on how the formula was written.

    Columns of length 1 that are orthogonal over the distinct rows, after the constant, span the same models; their common
    scale gives two distinct rows a difference of prior variance 1 on average. A rotation of them changes nothing. For
    conditions it is :func:`kompot_scverse._gp.varying_coefficients.contrast_design`: two have :math:`\mp 1/2`.

    Parameters
    ----------
    matrix
        X, samples x coefficients, of full rank, with the constant in its span.

    Returns
    -------
    The design, samples x coefficients, its first column 1; and the matrix R that turns its coefficients into those of X:
    :math:`\beta = R \gamma`.
    """
    scaled = with_unit_columns(matrix)
    distinct = np.unique(np.round(scaled, 9), axis=0, return_index=True)[1]
    rows = scaled[np.sort(distinct)]
    centred = rows - rows.mean(axis=0)
    rank = matrix.shape[1] - 1
    _, singular, vt = np.linalg.svd(centred, full_matrices=False)
    of_scaled = (vt[:rank] / singular[:rank, None]).T * np.sqrt((len(rows) - 1) / (2 * max(rank, 1)))
    design = np.column_stack([np.ones(len(matrix)), (scaled - rows.mean(axis=0)) @ of_scaled])
    return design, np.linalg.lstsq(matrix, design, rcond=None)[0]
