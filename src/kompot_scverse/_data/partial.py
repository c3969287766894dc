"""Runs on some genes: what they leave of an earlier run on others."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._keys import SAMPLE_VAR

from .design import Design
from .provenance import Run, iterate_runs, last_writer

__all__ = ["GenePlacer", "genes_covered"]

IRRELEVANT = ("n_genes", "genes", "null_genes_drawn", "updated_run", "rng", "layers", "cell_groups")
"""Parameters that do not change the results of a gene."""
REPLICATES = ("sample_key", "paired", "covariates", "n_neighborhoods", "neighborhood_width")
"""Parameters that change only what rests on replicates."""
TESTED = ("sample_weights", "pvalue", "qvalue", "neighborhood_lfc", "neighborhood_zscore")
"""Endings of the statistics that rest on replicates; so do all keys with the suffix for replicate variance."""
BASIS_TOLERANCE = 1e-5
"""Largest difference of the features, which are at most 1, of one basis."""
MAX_NAMES = 3000
"""Characters of the gene names that a run lists."""


@dataclass
class GenePlacer:
    """
    Spreads results of the analysed genes over all genes.

    Genes that were not analysed keep what an equal earlier run (same basis, cells and parameters) found, else they get
    a missing value.
    """

    adata: AnnData
    numbers: np.ndarray | None
    """The genes analysed; None for all."""
    design: Design
    basis: tuple[str, np.ndarray]
    """Key of the basis in obsm, and its values."""
    params: dict[str, Any]
    """Resolved parameters of this run."""
    updated: set[int] = field(default_factory=set)
    """Earlier runs whose other genes were kept."""

    def __post_init__(self) -> None:
        self._runs: dict[int, Run] = {}
        key, phi = self.basis
        stored = self.adata.obsm.get(key) if self.numbers is not None else None
        # the same basis computed on another machine differs in its last digits
        if (
            stored is not None
            and np.shape(stored) == phi.shape
            and np.allclose(stored, phi, rtol=0, atol=BASIS_TOLERANCE, equal_nan=True)
        ):
            self._runs = {run.run_id: run for run in iterate_runs(self.adata)}

    @property
    def names(self) -> pd.Index:
        """All genes."""
        return self.adata.var_names

    def __call__(
        self, values: np.ndarray, slot: str, key: str, fill: Any = np.nan, columns: list | None = None
    ) -> np.ndarray:
        """Values on all genes, as they go to a field; with `columns` if that is a table."""
        if self.numbers is None:
            return values
        values = np.asarray(values)
        out = np.full((len(self.names), *values.shape[1:]), fill, dtype=values.dtype)
        earlier = self._earlier(slot, key, out, columns)
        if earlier is not None:
            out[...] = earlier
        out[self.numbers] = values
        return out

    def _earlier(self, slot: str, key: str, like: np.ndarray, columns: list | None) -> np.ndarray | None:
        """What is there already, if it comes from an equal run."""
        writer = last_writer(self.adata, slot, key) if self._runs else None
        run = None if writer is None else self._runs.get(writer)
        if run is None or key not in getattr(self.adata, slot) or not self._is_equal(run, slot, key):
            return None
        stored = getattr(self.adata, slot)[key]
        if columns is not None and list(stored.columns) != columns:
            return None
        values = np.asarray(stored)
        if values.shape != like.shape or not np.can_cast(values.dtype, like.dtype, "same_kind"):
            return None
        self.updated.add(run.run_id)
        return values

    def _is_equal(self, run: Run, slot: str, key: str) -> bool:
        statistic = next(entry["statistic"] for entry in run.fields if entry["slot"] == slot and entry["key"] == key)
        names = (run.params.keys() | self.params.keys()) - set(IRRELEVANT)
        if not (statistic.endswith(TESTED) or key.endswith(SAMPLE_VAR)):
            names -= set(REPLICATES)
        sizes = dict(zip(map(str, self.design.conditions), map(int, self.design.condition_sizes()), strict=True))
        return (
            run.contrast.get("groupby") == self.design.groupby
            and all(sizes.get(name, number) == number for name, number in run.cells["conditions"].items())
            and all(_same(run.params.get(name), self.params.get(name)) for name in names)
        )


def _same(first: Any, second: Any) -> bool:
    """Whether two parameters are equal; numbers up to their last digits, which differ between machines."""
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=1e-6)
    return first == second


def genes_covered(names: pd.Index, numbers: np.ndarray | None, updated: set[int]) -> dict[str, Any]:
    """What a run on some genes remembers about them: their names, as far as they fit, and what the others are."""
    if numbers is None:
        return {}
    chosen, room = [], MAX_NAMES
    for name in names[numbers]:
        room -= len(name) + 4
        if room < 0:
            break
        chosen.append(str(name))
    more = len(numbers) - len(chosen)
    others = f"as run {', '.join(map(str, sorted(updated)))} left them" if updated else "missing"
    covered: dict[str, Any] = {"genes": chosen}
    if more:
        covered["genes_not_listed"] = more
    return covered | {"genes_covered": f"{len(numbers):,} of {len(names):,}; the others are {others}"}
