"""The tree of neighbourhoods of a run: which cells a node has."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from kompot_scverse._data.matrix import in_memory
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._stats.neighborhoods import nodes_of

from .view import RunView

INSIDE = 0.5
"""Weight above which a cell counts as of a region."""


@dataclass(frozen=True)
class Regions:
    """Nodes of the tree over the neighbourhoods: first the single ones, the last is everything."""

    view: RunView
    soft: csr_array
    """Weights of the cells in the neighbourhoods: cells × m."""
    nodes: np.ndarray
    """Nodes × m."""

    def weights(self, region: int) -> np.ndarray:
        """Weight of every cell; NaN for cells without a state."""
        return self.soft[:, self.nodes[region]].sum(axis=1)

    def cells(self, region: int) -> np.ndarray:
        """Which cells of the contrast are of a region."""
        return self.compared & (self.weights(region) > INSIDE)

    @cached_property
    def compared(self) -> np.ndarray:
        """Cells of the contrast."""
        if self.view.run.contrast.get("reference") is None:
            return self._with_state
        return np.logical_or(*self.view.conditions()) & self._with_state

    @property
    def _with_state(self) -> np.ndarray:
        return np.isfinite(self.soft.sum(axis=1))

    def composition(self, region: int, labels: pd.Series) -> tuple[str, float]:
        """Category that most of the cells of a region have, and its share; empty and NaN without cells."""
        counts = labels[self.cells(region)].value_counts()
        if counts.sum() == 0:
            return "", np.nan
        return str(counts.index[0]), float(counts.iloc[0] / counts.sum())

    def described(self, region: int, labels: pd.Series) -> str:
        """What most of its cells are; "all cells" of the region that is everything."""
        return "all cells" if region == len(self.nodes) - 1 else described(*self.composition(region, labels))


def find_regions(view: RunView) -> Regions:
    """
    The regions of a run of differential expression with replicates.

    Raises
    ------
    LookupError
        If the run has none, or the weights of the cells are gone.
    """
    merges = view.run.diagnostics.get("neighborhood_tree")
    if merges is None:
        raise LookupError(f"No regions of {view.name}; call `{view.call('region')}`.")
    soft = csr_array(in_memory(view.read("neighborhoods")), dtype=np.float64)
    return Regions(view, soft, nodes_of(merges, soft.shape[1]))


def described(category: str, share: float) -> str:
    """A category and its share as text."""
    return f"{category}, {share:.0%}".replace("%", " %") if category else ""


def region_labels(view: RunView, annotate: str) -> pd.Series:
    """The obs column that regions are described by."""
    return obs_column(view.data, annotate, "annotate").reset_index(drop=True)
