"""Fitted against plain mean fold changes of the categories of `cell_groups`."""

from typing import Any

import numpy as np

from kompot_scverse._gp.moments import Moments, collect_moments
from kompot_scverse._messages import logger
from kompot_scverse._results.de_values import GeneResults
from kompot_scverse._stats.category_agreement import PlainMeans, disagreement, plain_means
from kompot_scverse._stats.design import MIN_CELLS
from kompot_scverse._stats.lazy_layers import ratio

from ._de_prepare import DETask

SHOWN = 3
"""Genes that the warning names."""
CHANCE = 1 / 2000
"""Share of the cases that may disagree without a warning: eight times what normal errors would give."""


def category_sums(task: DETask) -> Moments | None:
    """Sums of expression over the cells of every condition in every category, where no replicates are summed."""
    if task.membership is None or task.contrasts is not None or task.formula is not None:
        return None
    codes = np.where(task.design.cells, task.design.condition_codes, -1)
    nothing = np.empty((len(codes), 0))
    return collect_moments(task.y, nothing, codes, len(task.design.conditions), weights=task.membership)


def describe_agreement(
    task: DETask, found: GeneResults, sums: Moments | None, use_rep: str, number: int
) -> dict[str, Any]:
    """
    Warn where the fit and the plain means of a category disagree by more than their errors; count for the run.

    Parameters
    ----------
    task
        What is analysed.
    found
        Results of a contrast.
    sums
        From :func:`category_sums`.
    use_rep
        Key of the representation.
    number
        Of the contrast.
    """
    plain = _plain(task, found, sums, number)
    if plain is None or found.groups is None or task.categories is None:
        return {}
    fitted = found.groups.mean_lfc
    errors = disagreement(fitted, found.groups.std_error, plain)
    n, cases = int((errors > 0).sum()), int(np.isfinite(plain.effect).sum())
    if n > CHANCE * cases:
        names = task.frame.var_names if task.numbers is None else task.frame.var_names[task.numbers]
        worst = (np.unravel_index(i, errors.shape) for i in np.argsort(-errors, axis=None)[: min(n, SHOWN)])
        shown = ", ".join(
            f"{names[g]} in {task.categories.cat.categories[c]} (fitted {fitted[g, c]:.2f}, plain {plain.effect[g, c]:.2f})"
            for g, c in worst
        )
        logger.warning(
            "%s: fitted and plain mean fold changes of %s disagree by far more than their errors in %s of %s cases, most for %s. "
            "Cells of the two sides in one state may lie apart in obsm[%r], which should have the conditions integrated; or the "
            "length scale is too long (`GPSettings(ls_factor=...)`).",
            task.design.title(number), task.categories.name, f"{n:,}", f"{cases:,}", shown, use_rep,
        )  # fmt: skip
    return {"n_category_disagreements": n}


def _plain(task: DETask, found: GeneResults, sums: Moments | None, number: int) -> PlainMeans | None:
    if found.group_test is not None and found.levels is None:
        effect = found.group_test.effect.T
        return PlainMeans(effect, ratio(np.abs(effect), np.abs(found.group_test.z.T)))
    if sums is None or task.membership is None:
        return None
    sizes = np.stack(
        [
            np.asarray(task.membership[task.design.condition_codes == code].sum(axis=0))
            for code in range(len(task.design.conditions))
        ]
    )
    return plain_means(sums, sizes, number, MIN_CELLS)
