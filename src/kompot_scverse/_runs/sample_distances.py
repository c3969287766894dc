"""Distances between the samples of a run, as it stored them, and whether they go with what it tested."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._data.resolve import obs_column
from kompot_scverse._data.tables import column_of
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.permanova import Permanova, permanova

from .packed import unpack_distances
from .view import RunView


@dataclass(frozen=True)
class SampleDistances:
    """Samples of a contrast that counted as replicates."""

    labels: list[str]
    """Of obs[sample_key]."""
    conditions: list[str] | None
    """None with a formula."""
    distances: np.ndarray
    """Samples × samples."""
    block: np.ndarray | None
    """Number of the donor of each sample, where the test blocked on donors."""
    design: SampleDesign

    @property
    def names(self) -> list[str]:
        """Labels; with the condition where one label is in both."""
        if self.conditions is None or len(set(self.labels)) == len(self.labels):
            return self.labels
        return [f"{label} ({condition})" for label, condition in zip(self.labels, self.conditions, strict=True)]

    def test(self) -> Permanova:
        """Whether the distances go with what the run tested."""
        return permanova(self.distances, self.design, self.block)

    def values(self, view: RunView, column: str) -> pd.Series:
        """
        An obs column by sample: the category that its cells share, or the mean of numbers.

        Raises
        ------
        ValueError
            If a sample has several categories.
        """
        values, cells = self._column(view, column), self.cells(view)
        found: list[Any] = []
        for name, own in zip(self.names, cells, strict=True):
            inside = values[own].dropna()
            if values.dtype.kind in "fiu":
                found.append(inside.mean() if len(inside) else np.nan)
                continue
            several = inside.unique()
            if len(several) > 1:
                raise ValueError(
                    f"obs[{column!r}] differs between the cells of sample {name!r} ({several[0]!r}, {several[1]!r}); samples can be coloured by what "
                    "is the same in all of their cells, or by numbers, of which the mean is taken."
                )
            found.append(several[0] if len(several) else None)
        if values.dtype.kind in "fiu":
            return pd.Series(found, index=self.names, name=column, dtype=np.float64)
        categories = [one for one in values.cat.categories if one in found]
        return pd.Series(pd.Categorical(found, categories=categories), index=self.names, name=column)

    def _column(self, view: RunView, column: str) -> pd.Series:
        if column in view.data.obs:
            found = column_of(view.data.obs, column)
            # whole numbers are codes where they are few, as in batches
            if found.dtype.kind == "f":
                return found.reset_index(drop=True)
        return obs_column(view.data, column, "color").reset_index(drop=True)

    def cells(self, view: RunView) -> list[np.ndarray]:
        """Cells of each sample."""
        key = view.run.params["sample_key"]
        labels = obs_column(view.data, key, "sample_key").astype(str).to_numpy()
        if self.conditions is None:
            return [labels == label for label in self.labels]
        conditions = obs_column(view.data, view.groupby, "groupby").astype(str).to_numpy()
        pairs = zip(self.labels, self.conditions, strict=True)
        return [(labels == label) & (conditions == condition) for label, condition in pairs]


def stored_distances(view: RunView) -> SampleDistances:
    """
    The distances of a run.

    Raises
    ------
    LookupError
        If the run has no samples, or has too many of them or was made before distances were kept.
    """
    view.check_one_modality()
    if view.run.params.get("sample_key") is None:
        raise LookupError(f"No samples of {view.name}; call `{view.call('sample_distances')}`.")
    kept = view.run.diagnostics.get("samples")
    if kept is None:
        raise LookupError(
            f"No distances between the samples of {view.name}: it is of an earlier version, or has more than 400 samples. "
            f"`{view.call('sample_distances')}` keeps those of fewer."
        )
    block = kept["block"]
    design = SampleDesign(np.array(kept["matrix"]), np.array(kept["contrast"]))
    return SampleDistances(
        labels=kept["labels"],
        conditions=kept["conditions"],
        distances=unpack_distances(kept["distances"]),
        block=None if block is None else np.unique(block, return_inverse=True)[1],
        design=design,
    )
