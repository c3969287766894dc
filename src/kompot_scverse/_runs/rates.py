"""Which genes a run calls, and what by."""

from dataclasses import dataclass

import numpy as np

from .view import RunView

RATES = ("qvalue", "qvalue_cells", "mahalanobis_local_fdr")
"""False discovery rates, the first that a run has decides."""


@dataclass(frozen=True)
class CalledGenes:
    """The genes that a run calls."""

    called: np.ndarray
    """Mask of the genes."""
    order: np.ndarray
    """What they are ordered by, smallest first: the p-value where there is one, else the rate; NaN where not tested."""
    threshold: float
    """Largest rate."""


def called_genes(view: RunView, max_fdr: float | None = None) -> CalledGenes:
    """
    Genes with a false discovery rate up to a limit; None for those that the run itself calls.

    Raises
    ------
    LookupError
        If the run has no rates.
    """
    rate = next((name for name in RATES if view.has(name)), None)
    if rate is None:
        raise LookupError(
            f"No false discovery rates of {view.name}; call `{view.call('mahalanobis_local_fdr')}`, or with `sample_key=`."
        )
    values = view.numbers(rate)
    threshold = float(view.run.params["fdr_threshold"]) if max_fdr is None else max_fdr
    called = view.read("is_de").to_numpy(dtype=bool) if max_fdr is None else values <= max_fdr
    by = {"qvalue": "pvalue", "qvalue_cells": "pvalue_cells"}.get(rate, rate)
    return CalledGenes(called, view.numbers(by), threshold)
