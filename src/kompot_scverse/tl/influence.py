"""How much what a run calls rests on one sample."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import gene_numbers
from kompot_scverse._keys import column_name
from kompot_scverse._messages import logger
from kompot_scverse._results.extend import Extension, extend_runs
from kompot_scverse._runs.rates import called_genes
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.gene_testing import GeneTestSettings, gene_test
from kompot_scverse._stats.influence import LeftOut, genes_without

from ._influence_abundance import SAMPLE, changes, influence_of_abundance, lost_calls
from ._replay import Replay, replay

MUCH = 1 / 3
"""Share of the calls that rest on one sample from which on it is said."""
CHANGED = 0.01
"""Relative difference of log p from the stored one, in the median, from which on the data have changed."""


def influence(
    data: Data,
    *,
    analysis: Literal["de", "da"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    genes: str | Sequence[str] | np.ndarray | None = None,
) -> None:
    """
    Repeat the replicate test without each sample in turn, for what a run calls: genes, or cells of differential abundance.

    Everything is estimated again without the sample: normalisation, variances and their prior, weights of the neighbourhoods. Where the
    test blocks on donors, a donor is left out with all samples. This takes one pass over the data, and as many tests as there
    are samples.

    Parameters
    ----------
    data
        Annotated data with a run with `sample_key`; cells and expression must be those of the run. Changed in place.
    analysis
        "de" for genes (:func:`de`), "da" for the abundance of cells (:func:`da`).
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call.
    mod
        Modality of a MuData; None for all that the run wrote to.
    genes
        Names, a boolean mask, or the name of a boolean var column; None for the genes that the run calls. Not for abundance.

    Returns
    -------
    None. Added to the run, and written with its prefix:

    - var: `K_R_to_G_influence_sample`, the sample whose removal changes the p-value most, and `K_R_to_G_influence_pvalue`, the p-value
      without it; missing for other genes
    - varm: `K_R_to_G_without_pvalue` and `K_R_to_G_without_lfc`, genes × samples: p-value without each sample, and the effect in the
      region of the gene

    Of abundance: obs `K_R_to_G_influence_sample` and `K_R_to_G_influence_qvalue`, the same at each cell. After :func:`regions` also what is left
    of each region, in :func:`kompot_scverse.get.influence`.

    Raises
    ------
    LookupError
        If there is no such run, it has no replicates, or an argument of its call is not stored.
    ValueError
        If there are no genes, or the run tested several contrasts together.

    Warns
    -----
    UserWarning
        If the data have changed since the run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> kp.tl.influence(adata, genes=["Gene0001", "Gene0002"])
    >>> kp.get.influence(adata, "Gene0001").columns.to_list()
    ['lfc', 'pvalue']
    """
    if analysis == "da" and genes is not None:
        raise ValueError("`genes` has no meaning for the abundance of cells; leave it out.")
    given = locals()

    def extension_of(view: RunView, own: Any) -> Extension:
        return influence_of_abundance(view) if analysis == "da" else _of_run(view, own)

    for one in extend_runs(influence, given, analysis, extension_of):
        _say(one)


def _of_run(view: RunView, genes: Any) -> Extension:
    if view.omnibus:
        raise ValueError(f"{view.name} tests several contrasts together, which have no single effect.")
    called, pvalue = called_genes(view).called, view.numbers("pvalue")
    chosen = np.flatnonzero(called) if genes is None else gene_numbers(view.data, genes)
    numbers = np.arange(view.data.n_vars) if chosen is None else chosen
    numbers = numbers[np.isfinite(pvalue[numbers])]
    if len(numbers) == 0:
        raise ValueError(f"{view.name} calls no genes; name some with `genes=`.")
    again = replay(view, numbers)
    settings = GeneTestSettings()
    whole = gene_test(again.parts.of(), again.nodes, again.contrast.matrix, settings, again.reference)
    _check_unchanged(view, whole.pvalue[again.chosen], pvalue[numbers])
    places = np.maximum(whole.places(), 0)
    left_out = genes_without(
        again.parts, again.nodes, again.contrast.matrix, again.donors, places, settings, again.reference
    )
    own = LeftOut(
        *(values[:, again.chosen] for values in (left_out.effect, left_out.z, left_out.pvalue, left_out.qvalue))
    )
    weight = view.numbers("weight") if view.has("weight") else np.ones(len(pvalue))
    # p over its weight decides
    threshold = float((pvalue / weight)[called].max(initial=0.0)) * weight[numbers]
    fields = _fields(view, again, numbers, own, pvalue[numbers])
    return Extension(view, fields, {"influence": lost_calls(again.donor_names, own.pvalue, called[numbers], threshold)})


def _check_unchanged(view: RunView, found: np.ndarray, stored: np.ndarray) -> None:
    logs = np.log(np.maximum([found, stored], 1e-300))
    if np.nanmedian(np.abs(logs[0] - logs[1]) / np.maximum(np.abs(logs[1]), 0.1)) > CHANGED:
        logger.warning(
            "Repeating the test of %s gives other p-values: expression, labels or cells have changed since. The influence is that on the "
            "data as they are now.",
            view.name,
        )


def _fields(
    view: RunView, again: Replay, numbers: np.ndarray, own: LeftOut, pvalue: np.ndarray
) -> list[tuple[str, str, str, Any]]:
    _, most = changes(own.pvalue, pvalue)
    codes, without = np.full(view.data.n_vars, -1), np.full(view.data.n_vars, np.nan)
    codes[numbers], without[numbers] = most, own.pvalue[most, np.arange(len(numbers))]
    names = [column_name(name, view.data.var_names.name) for name in again.donor_names]
    tables = {}
    for what, values in (("pvalue", own.pvalue), ("lfc", own.effect)):
        table = np.full((view.data.n_vars, len(names)), np.nan)
        table[numbers] = values.T
        tables[what] = pd.DataFrame(table, index=view.data.var_names, columns=names)
    return [
        ("var", "influence_sample", SAMPLE, pd.Categorical.from_codes(codes, categories=pd.Index(names))),
        ("var", "influence_pvalue", "p-value without that sample", without),
        ("varm", "without_pvalue", "p-value of the replicate test without each sample", tables["pvalue"]),
        ("varm", "without_lfc", "effect in the region of the gene without each sample, natural log", tables["lfc"]),
    ]


def _say(extension: Extension) -> None:
    """Warn where a large part of the calls rests on one sample."""
    summary = extension.summary["influence"]
    for name, n in summary["n_resting"].items():
        if n > MUCH * summary["n_called"]:
            logger.warning(
                "%s: %s of %s called %s rest on %s: they are called without any other sample, but not without it. Look at "
                "`kp.get.influence` and at its cells.",
                extension.view.title, f"{n:,}", f"{summary['n_called']:,}",
                "genes" if extension.view.run.analysis == "de" else "cells", name,
            )  # fmt: skip
