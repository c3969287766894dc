"""How much what a differential abundance calls rests on one sample."""

from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._keys import Keys
from kompot_scverse._results.extend import Extension
from kompot_scverse._runs.da_calls import da_calls
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.abundance_influence import abundance_without
from kompot_scverse._stats.influence import rests_on

from ._replay import AbundanceReplay, replay_abundance

BLOCK = 8192
"""Cells at a time."""


def influence_of_abundance(view: RunView) -> Extension:
    """
    The test between samples without each of them, for the cells that a run calls.

    Parameters
    ----------
    view
        A run of differential abundance with replicates.
    """
    if view.omnibus:
        raise ValueError(f"{view.name} tests several contrasts together, which have no single direction.")
    again, calls = replay_abundance(view), da_calls(view)
    sign = np.nan_to_num(np.sign(view.numbers("neighborhood_lfc")))
    called = np.asarray(pd.Series(calls.direction).isin(["up", "down"]))
    pvalue, qvalue, effect = _without(again)
    # a call of the other direction is none
    lost_at = np.where(np.sign(effect) == sign, np.nan_to_num(qvalue, nan=1.0), np.inf)
    stored = np.log(np.maximum(view.numbers("lfc_pvalue"), 1e-300))
    change = np.abs(np.log(np.maximum(pvalue, 1e-300)) - stored)
    most = np.nan_to_num(change, nan=-1.0).argmax(axis=0)
    known = np.isfinite(change).any(axis=0)
    rests = rests_on(lost_at, called, calls.level)
    n_units = len(again.donor_names)
    lost = ((lost_at > calls.level) & called).sum(axis=1)
    alone = np.bincount(rests[rests >= 0], minlength=n_units)
    keys = Keys(view.run.key_added, view.run.contrast.get("reference"), view.group)
    names = pd.Index(again.donor_names)
    at_most = qvalue[most, np.arange(len(most))]
    rows: list[tuple[str, str, Any]] = [
        (
            "influence_sample",
            "sample without which the p-value changes most",
            pd.Categorical.from_codes(np.where(known, most, -1), categories=names),
        ),
        ("influence_qvalue", "q-value without that sample", np.where(known, at_most, np.nan)),
    ]
    fields = [Field("obs", keys.field(what), what, text, value=value) for what, text, value in rows]
    summary: dict[str, Any] = {
        "n_called": int(called.sum()),
        "n_lost": dict(zip(again.donor_names, map(int, lost), strict=True)),
        "n_resting": dict(zip(again.donor_names, map(int, alone), strict=True)),
    }
    if view.is_there("region"):
        summary["regions"] = _of_regions(view, again.donor_names, lost_at, effect, calls.level)
    return Extension(view, fields, {"influence": summary})


def _without(again: AbundanceReplay) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """p, q and effect at every cell without each donor or sample: units × cells."""
    tests = abundance_without(again.mass, again.gram, again.contrast.matrix, again.donors)
    x, neighborhoods = again.states.x, again.weights.neighborhoods
    out = np.full((3, len(tests), len(x)), np.nan)
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        weights = neighborhoods.weights(x[rows])
        for number, test in enumerate(tests):
            if test is not None and np.isfinite(test.qvalue).any():
                out[:, number, rows] = test.to_cells(weights)
    return out[0], out[1], out[2]


def _of_regions(
    view: RunView, names: list[str], lost_at: np.ndarray, effect: np.ndarray, level: float
) -> dict[str, dict[str, list[Any]]]:
    """Mean effect in each connected region, and the share of its cells that are called, without each."""
    labels = view.read("region")
    found: dict[str, dict[str, list[Any]]] = {}
    for name in labels.cat.categories:
        cells = (labels == name).to_numpy()
        mean = effect[:, cells].mean(axis=1)
        found[str(name)] = {
            "without": names,
            "lfc": [round(float(one), 4) if np.isfinite(one) else None for one in mean],
            "share_called": [round(float(one), 4) for one in (lost_at[:, cells] <= level).mean(axis=1)],
        }
    return found
