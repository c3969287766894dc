"""Where the points of a swarm stand."""

import numpy as np

BINS = 60
"""Bins of the density."""


def swarm_offsets(values: np.ndarray) -> np.ndarray:
    """
    Offsets of points to the side of their line, at most 1, as wide as the values are dense.

    The offsets of neighbouring values follow a van der Corput sequence, which fills the width evenly without chance.
    """
    n = len(values)
    if n < 2:
        return np.zeros(n)
    low, high = values.min(), values.max()
    # equal but for rounding
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        width = np.ones(n)
    else:
        counts, edges = np.histogram(values, bins=BINS)
        smooth = np.convolve(np.pad(counts.astype(float), 2, mode="edge"), [0.1, 0.2, 0.4, 0.2, 0.1], mode="valid")
        density = np.interp(values, (edges[1:] + edges[:-1]) / 2, smooth)
        width = density / density.max()
        # few points need no width
        width *= min(1.0, n / 30)
    rank = np.empty(n, dtype=np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(n)
    return (2 * _van_der_corput(rank) - 1) * width


def _van_der_corput(numbers: np.ndarray) -> np.ndarray:
    """The numbers' bits behind the point in reverse order."""
    out, unit, rest = np.zeros(len(numbers)), 0.5, numbers.copy()
    while rest.any():
        out += unit * (rest & 1)
        rest >>= 1
        unit /= 2
    return out
