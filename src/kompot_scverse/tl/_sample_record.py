"""What a run keeps of the samples of a contrast: names, donors, design, and the distances between them."""

from typing import Any

import numpy as np

from kompot_scverse._runs.packed import pack_distances
from kompot_scverse._stats.between_levels import BetweenLevels
from kompot_scverse._stats.design import ContrastDesign, Design

MAX_SAMPLES = 400
"""Samples of which a run keeps the distances: up to 79,800 numbers in 210 kB."""


def sample_record(design: Design, contrast: ContrastDesign, distances: np.ndarray, *, paired: bool) -> dict[str, Any]:
    """
    As diagnostics of a run, which :func:`kompot_scverse._runs.sample_distances.stored_distances` reads.

    Parameters
    ----------
    design
        Conditions and samples.
    contrast
        Samples that are compared, and their design.
    distances
        Samples × samples.
    paired
        Whether samples of one label are of one donor.
    """
    matrix, labels = contrast.matrix, [str(design.samples[sample]) for sample in contrast.members]
    conditions = [str(design.conditions[design.sample_conditions[sample]]) for sample in contrast.members]
    blocked = matrix.block is not None or paired
    return {
        "samples": {
            "labels": labels,
            "conditions": conditions if design.formula is None else None,
            "block": donors_of(design, contrast, paired=paired)[0].tolist() if blocked else None,
            "matrix": _rounded(matrix.matrix, 6),
            "contrast": _rounded(matrix.contrast, 6),
            "distances": pack_distances(distances),
        }
    }


def between_record(between: BetweenLevels) -> dict[str, Any]:
    """As diagnostics of a run, for :func:`kompot_scverse.pp.power`."""
    named = {"level": between.level, "whole": between.whole, "local": between.local}
    return {name: _rounded(values, 4) for name, values in named.items()} | {"scatter": round(between.scatter, 4)}


def _rounded(values: np.ndarray, digits: int) -> Any:
    """Nested lists of numbers with so many digits."""
    if values.ndim > 1:
        return [_rounded(row, digits) for row in values]
    return [float(f"{value:.{digits}g}") for value in values]


def donors_of(design: Design, contrast: ContrastDesign, *, paired: bool) -> tuple[np.ndarray, list[str]]:
    """Number of the donor of each sample, and what donors are called; samples where the test does not block on donors."""
    block = contrast.matrix.block
    if block is None and not paired:
        return np.arange(len(contrast.members)), sample_names(design, contrast)
    labels = np.array([str(design.samples[sample]) for sample in contrast.members])
    numbers = np.unique(labels if block is None else block, return_inverse=True)[1]
    return numbers, [", ".join(dict.fromkeys(labels[numbers == one])) for one in range(numbers.max() + 1)]


def sample_names(design: Design, contrast: ContrastDesign) -> list[str]:
    """Names of the samples; with their condition where one label is in both."""
    labels = [str(design.samples[sample]) for sample in contrast.members]
    if len(set(labels)) == len(labels):
        return labels
    conditions = [design.conditions[design.sample_conditions[sample]] for sample in contrast.members]
    return [f"{label} ({condition})" for label, condition in zip(labels, conditions, strict=True)]
