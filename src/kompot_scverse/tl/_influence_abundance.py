"""How much what a differential abundance calls rests on one sample."""

from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._results.extend import Extension
from kompot_scverse._runs.da_calls import da_calls
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.abundance_influence import abundance_without
from kompot_scverse._stats.influence import rests_on

from ._replay import AbundanceReplay, replay_abundance

SAMPLE = "sample without which the p-value changes most"
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
    change, most = changes(pvalue, view.numbers("lfc_pvalue"))
    known = np.isfinite(change).any(axis=0)
    samples = pd.Categorical.from_codes(np.where(known, most, -1), categories=pd.Index(again.donor_names))
    at_most = np.where(known, qvalue[most, np.arange(len(most))], np.nan)
    fields = [
        ("obs", "influence_sample", SAMPLE, samples),
        ("obs", "influence_qvalue", "q-value without that sample", at_most),
    ]
    summary = lost_calls(again.donor_names, lost_at, called, calls.level)
    if view.is_there("region"):
        summary["regions"] = _of_regions(view, again.donor_names, lost_at, effect, calls.level)
    return Extension(view, fields, {"influence": summary})


def changes(pvalue: np.ndarray, stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much log p changes without each unit, and the unit with the largest change: units × cases, and a case each."""
    change = np.abs(np.log(np.maximum(pvalue, 1e-300)) - np.log(np.maximum(stored, 1e-300)))
    return change, np.nan_to_num(change, nan=-1).argmax(axis=0)


def lost_calls(
    names: list[str], rates: np.ndarray, called: np.ndarray, threshold: float | np.ndarray
) -> dict[str, Any]:
    """How many calls are lost without each unit, and how many without it only."""
    lost = (~(rates <= threshold) & called).sum(axis=1)
    alone = np.bincount(rests_on(rates, called, threshold) + 1, minlength=len(lost) + 1)[1:]
    return {
        "n_called": int(called.sum()),
        "n_lost": dict(zip(names, map(int, lost), strict=True)),
        "n_resting": dict(zip(names, map(int, alone), strict=True)),
    }


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
