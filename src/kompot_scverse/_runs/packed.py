"""Distances between many samples as short text."""

import base64

import numpy as np
from scipy.spatial.distance import squareform

STEPS = np.iinfo(np.uint16).max


def pack_distances(distances: np.ndarray) -> dict[str, str | float]:
    """
    The largest distance, and the others in 65,535 steps of it: under three characters for each pair.

    Parameters
    ----------
    distances
        Samples × samples, symmetric, without missing values.
    """
    pairs = squareform(distances, checks=False)
    largest = float(pairs.max(initial=0.0))
    steps = np.round(pairs / (largest or 1.0) * STEPS).astype("<u2")
    return {"largest": largest, "pairs": base64.b64encode(steps.tobytes()).decode()}


def unpack_distances(packed: dict[str, str | float]) -> np.ndarray:
    """What :func:`pack_distances` was given: samples × samples, with an error of at most 1e-5 of the largest."""
    steps = np.frombuffer(base64.b64decode(str(packed["pairs"]), validate=True), dtype="<u2")
    return squareform(steps.astype(np.float64) / STEPS * float(packed["largest"]))
