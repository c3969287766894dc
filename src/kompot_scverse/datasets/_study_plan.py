"""Which samples a simulated study has, and how much of each change they have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from . import _expression as ex
from . import _settings as checks

TAKEN = (
    "sample", "celltype", "branch", "pseudotime", "size_factor", "true_log_density_lfc",
)  # fmt: skip
"""Columns of obs that a table of samples must leave free."""


@dataclass(frozen=True)
class StudyPlan:
    """Samples of a study."""

    labels: list[str]
    fraction: np.ndarray
    """How much of each change a sample has."""
    compared: np.ndarray
    """Samples over whose cells the mean true fold change is taken."""
    conditions: dict[str, int]
    """Number of samples of each condition; of a table, none."""
    table: pd.DataFrame | None
    donors: np.ndarray | None
    arguments: dict[str, Any]
    """As recorded in uns."""

    def columns(self, sample: np.ndarray) -> dict[str, Any]:
        """Columns of obs for cells of these samples."""
        if self.table is not None:
            rows = self.table.iloc[sample]
            return {"sample": ex.labelled(sample, self.labels)} | {str(name): rows[name].array for name in rows}
        condition = np.repeat(np.arange(len(self.conditions)), list(self.conditions.values()))
        return {
            "Age": ex.labelled(condition[sample], list(self.conditions), ordered=True),
            "Replicate": ex.labelled(sample, self.labels),
        }


def plan_study(
    samples: Mapping[str, int] | pd.DataFrame | None,
    n_obs: int,
    *,
    reference: str,
    group: str,
    change: str,
    donor: str | None,
) -> StudyPlan:
    """
    The samples of a study, from numbers per condition or from a table.

    Parameters
    ----------
    samples, reference, group, change, donor
        As in :func:`kompot_scverse.datasets.simulate`.
    n_obs
        Number of cells.
    """
    if isinstance(samples, pd.DataFrame):
        return _from_table(samples, n_obs, change, donor)
    n_samples = checks.check_samples(checks.DEFAULT_SAMPLES if samples is None else samples, n_obs, reference, group)
    if donor is not None:
        raise ValueError(f"`donor={donor!r}` is a column of a table; pass `samples=` as one.")
    conditions = list(n_samples)
    first, last = conditions.index(reference), conditions.index(group)
    condition = np.repeat(np.arange(len(conditions)), list(n_samples.values()))
    return StudyPlan(
        labels=[f"{label}_{i + 1}" for label, number in n_samples.items() for i in range(number)],
        fraction=np.clip((condition - first) / (last - first), 0, 1),
        compared=np.isin(condition, [first, last]),
        conditions=n_samples,
        table=None,
        donors=None,
        arguments={"samples": json.dumps(n_samples), "reference": reference, "group": group},
    )


def _from_table(table: pd.DataFrame, n_obs: int, change: str, donor: str | None) -> StudyPlan:
    for argument, name in (("change", change), ("donor", donor)):
        if name is not None and name not in table:
            raise ValueError(f"`samples` has no column {name!r} (`{argument}`), only {list(table.columns)}.")
    taken = [name for name in table.columns if name in TAKEN]
    if taken:
        raise ValueError(f"`samples` has a column {taken[0]!r}, which the simulation writes itself: rename it.")
    labels = [str(label) for label in table.index]
    if len(set(labels)) < len(labels):
        raise ValueError("The index of `samples` names its samples; two of them have the same name.")
    least = len(labels) * checks.MIN_CELLS_PER_SAMPLE
    if len(labels) < 2 or n_obs < least:
        raise ValueError(f"{len(labels)} samples need at least two rows and {least} cells, not {n_obs}: raise `n_obs`.")
    fraction = pd.to_numeric(table[change], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(fraction).all() or np.ptp(fraction) == 0:
        raise ValueError(f"`samples[{change!r}]` must hold numbers that differ: how much of each change a sample has.")
    columns = {str(name): table[name].astype(str).tolist() for name in table}
    return StudyPlan(
        labels=labels,
        fraction=fraction,
        compared=np.ones(len(labels), dtype=bool),
        conditions={},
        table=table,
        donors=None if donor is None else table[donor].astype(str).to_numpy(),
        arguments={"samples": json.dumps(columns), "change": change, "donor": donor or ""},
    )
