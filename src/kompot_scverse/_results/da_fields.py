"""The fields that a differential abundance analysis writes: first planned, then filled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._keys import DIRECTIONS, Keys
from kompot_scverse._runs.field import Field
from kompot_scverse._stats.abundance_estimate import CellResults, LevelResults
from kompot_scverse._stats.design import Design

THRESHOLDS = {
    True: {"threshold": "fdr_threshold", "min_lfc": "lfc_samples_threshold"},
    False: {"max_ptp": "ptp_threshold", "min_lfc": "lfc_threshold"},
}
"""What decides with and without replicates: the settings, and what a run calls them."""


@dataclass(frozen=True)
class DAPlan:
    """What a call will write."""

    key_added: str
    method: str
    """"ratio" or "density"."""

    @property
    def condition_statistic(self) -> str:
        """What is written of each condition."""
        return f"log_{self.method}"

    @property
    def contrast_rows(self) -> tuple[tuple[str, bool, str], ...]:
        """Name, whether the variance between replicates changes it, and description of the fields of a contrast."""
        return _CONTRAST_ROWS + (_RATIO_ROWS if self.method == "ratio" else ())

    def keys(self, design: Design, group: object) -> Keys:
        """Names of the fields of a contrast."""
        return Keys(self.key_added, design.reference, group, design.sample_key is not None)


def plan_fields(plan: DAPlan, design: Design) -> list[Field]:
    """All fields of a call, without values."""
    fields = []
    for condition in design.smoothed:
        role = "reference" if condition == design.reference else "group"
        statistic = plan.condition_statistic
        key = plan.keys(design, condition).of(condition, statistic)
        of = "density" if plan.method == "density" else "density, over the mean density of the conditions,"
        text = f"log {of} of the cells of {condition}, natural log"
        fields.append(Field("obs", key, f"{role}_{statistic}", text, condition=condition))
    for number, group in enumerate(design.groups, start=1):
        keys, effect = plan.keys(design, group), design.effect(number)
        rows = plan.contrast_rows + (_TEST_ROWS if design.sample_key is not None else ())
        if effect is not None and effect.omnibus:
            rows = _LEVEL_ROWS + (_TEST_ROWS[:2] + _LEVEL_TEST_ROWS if design.sample_key is not None else ())
        fields += [
            Field("obs", keys.field(what, varies=varies), what, text, group=group) for what, varies, text in rows
        ]
    return fields


_CONTRAST_ROWS = (
    ("lfc", False, "log fold change of the density, natural log"),
    ("lfc_zscore", True, "log fold change over its posterior standard deviation"),
    ("neg_log10_lfc_ptp", True, "-log10 of the posterior tail probability of the other sign, one-sided"),
    ("lfc_direction", True, "up or down where the thresholds are passed, else neutral"),
)
_RATIO_ROWS = (("lfsr", True, "local false sign rate: probability of no change or one of the other sign"),)
_LEVEL_ROWS = (
    ("largest_lfc", False, "largest difference of the log density between two levels, natural log"),
    (
        "highest",
        False,
        "level with the highest density, relative to its mean over the cells: of the replicate test, else of the density",
    ),
)
_LEVEL_TEST_ROWS = (
    ("neighborhood_largest_lfc", False, "largest difference between two levels by the replicate test, natural log"),
)
_TEST_ROWS = (
    ("lfc_pvalue", False, "p-value of the replicate test, combined over the neighbourhoods of the cell"),
    ("lfc_qvalue", False, "false discovery rate of the replicate test over neighbourhoods, at the cell"),
    ("neighborhood_lfc", False, "effect of the replicate test at the cell, natural log: its sign is the direction"),
)


def cell_values(
    plan: DAPlan, design: Design, conditions: np.ndarray, contrasts: Sequence[CellResults | LevelResults]
) -> dict[tuple[str, str], Any]:
    """
    Values of all fields; missing where the cell has no state.

    Parameters
    ----------
    plan
        What is written.
    design
        Conditions.
    conditions
        Log density or log ratio of every condition: conditions × cells.
    contrasts
        Results of every group.
    """
    values: dict[tuple[str, str], Any] = {}
    for condition, field in zip(design.smoothed, conditions, strict=True):
        values["obs", plan.keys(design, condition).of(condition, plan.condition_statistic)] = field
    for number, (group, results) in enumerate(zip(design.groups, contrasts, strict=True), start=1):
        if isinstance(results, LevelResults):
            values |= _level_values(plan, design, number, results)
        else:
            values |= _contrast_values(plan, design, group, results)
    return values


def _level_values(plan: DAPlan, design: Design, number: int, results: LevelResults) -> dict[tuple[str, str], Any]:
    keys, effect = plan.keys(design, design.groups[number - 1]), design.effect(number)
    assert effect is not None
    # as the direction of one contrast; where all levels are the same, none is highest
    deciding = results.levels if results.of_test is None else results.of_test
    known = np.isfinite(deciding).all(axis=0) & np.isfinite(results.levels).all(axis=0)
    known &= np.ptp(np.where(known, deciding, 0), axis=0) > 0
    codes = np.where(known, np.argmax(np.where(known, deciding, 0), axis=0), -1)
    columns: dict[str, Any] = {
        "largest_lfc": results.levels.max(axis=0) - results.levels.min(axis=0),
        "highest": pd.Categorical.from_codes(codes, categories=pd.Index(effect.levels)),
    }
    if results.pvalue is not None:
        columns |= {"lfc_pvalue": results.pvalue, "lfc_qvalue": results.qvalue}
        missing = np.full(len(codes), np.nan)
        columns["neighborhood_largest_lfc"] = missing if results.of_test is None else np.ptp(results.of_test, axis=0)
    return {("obs", keys.field(what)): column for what, column in columns.items()}


def _contrast_values(plan: DAPlan, design: Design, group: object, results: CellResults) -> dict[tuple[str, str], Any]:
    keys = plan.keys(design, group)
    codes = np.where(np.isfinite(results.lfc), results.direction, -1)
    columns: list[Any] = [
        results.lfc,
        results.zscore,
        results.neg_log10_ptp,
        pd.Categorical.from_codes(codes, categories=pd.Index(DIRECTIONS), ordered=True),
    ]
    rows = plan.contrast_rows
    if results.lfsr is not None:
        columns.append(results.lfsr)
    if results.pvalue is not None:
        columns += [results.pvalue, results.qvalue, results.neighborhood_lfc]
        rows += _TEST_ROWS
    return {
        ("obs", keys.field(what, varies=varies)): column
        for (what, varies, _), column in zip(rows, columns, strict=True)
    }
