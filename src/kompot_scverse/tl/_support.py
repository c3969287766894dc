"""How far the cells of both sides of each contrast support its fold changes."""

from typing import Any

import numpy as np

from kompot_scverse._messages import logger
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.support import SUPPORTED, fit_support, sides_of

from ._de_prepare import DETask
from ._steps import Job


def supports(job: Job) -> list[np.ndarray]:
    """Support of every contrast at all cells, NaN for cells without a state."""
    design, x = job.task.design, job.states.x
    contrasts = [_sides(design, number) for number in range(1, len(design.conditions))]
    found = fit_support(x, np.where(design.cells, design.sample_codes, -1), contrasts)
    return [found.at(x, sides) for sides in contrasts]


def _sides(design: Design, number: int) -> list[np.ndarray]:
    """Numbers of the samples on each side of a contrast."""
    effect = design.effect(number)
    if effect is None or design.formula is None:
        return [design.members(0), design.members(number)]
    return sides_of(design.formula.matrix, effect.contrast)


def describe_support(task: DETask, number: int, support: np.ndarray) -> dict[str, Any]:
    """Numbers of supported cells of a contrast, and of each category, for the run."""
    supported = task.design.compared(number) & (support >= SUPPORTED)
    found: dict[str, Any] = {"n_supported": int(supported.sum())}
    if task.categories is not None:
        counts = task.categories[supported].value_counts()
        names = task.categories.cat.categories
        found["n_supported_in_categories"] = {str(name): int(counts.get(name, 0)) for name in names}
    return found


def warn_of_support(task: DETask, summaries: list[dict[str, Any]], keys: list[str]) -> None:
    """Say once how many cells have hardly any cells of one side around them."""
    for number, (summary, key) in enumerate(zip(summaries, keys, strict=True), start=1):
        n = int(task.design.compared(number).sum())
        without = n - summary["n_supported"]
        if without:
            logger.warning(
                "%s: %s of %s cells are in states with hardly any cells on one side of the contrast (obs[%r] below %g). Fold "
                "changes there are extrapolated.",
                task.design.title(number), f"{without:,}", f"{n:,}", key, SUPPORTED,
            )  # fmt: skip
