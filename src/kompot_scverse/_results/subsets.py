"""Runs on a subset of the genes: their results are merged with those of an earlier run on other genes."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._gp.features import Features
from kompot_scverse._keys import SAMPLE_VAR
from kompot_scverse._messages import warn
from kompot_scverse._runs.fingerprint import DESCRIPTIONS
from kompot_scverse._runs.history import last_writer, readable_runs
from kompot_scverse._runs.run import Run
from kompot_scverse._stats.design import Design

IRRELEVANT = (
    "n_genes", "genes", "null_genes_drawn", "updated_run", "rng", "layers", "cell_groups", "fdr_threshold",
)  # fmt: skip
"""Parameters that do not change the results of a gene; what the threshold decides is decided again for all genes."""
REPLICATES = ("sample_key", "paired", "covariates", "samples")
"""Parameters and parts of the fingerprint that change only results of the replicate test or of the variance between replicates."""
NEIGHBORHOODS = ("n_neighborhoods", "neighborhood_width", "reference_genes", "tested_at_equal_depth", "gene_weights")
"""Those that change only results of the replicate test."""
SAMPLES = ("sample_key", "samples")
"""Of these, those that change all results if the variance between samples is a component of the model."""
TESTED = (
    "pvalue", "qvalue", "weight", "neighborhood_lfc", "neighborhood_zscore", "region", "region_probability", "region_lfc",
)  # fmt: skip
"""Endings of the statistics that the replicate test gives."""
OF_SAMPLES = (*TESTED, "sample_weights")
"""Endings of the statistics that rest on replicates; so do all keys with the suffix for replicate variance."""
NULLS = ("null_genes", "null", "null_mahalanobis")
"""Parameters and parts of the fingerprint that change only the significance of the distance."""
BASIS_TOLERANCE = 1e-5
"""Largest difference of the features, which are at most 1, of one basis."""
FOLLOWING = (
    "ls", "rank", "residual", "prior_variance", "n_neighborhoods", "neighborhood_width", "reference_genes", "tested_at_equal_depth",
)  # fmt: skip
"""Parameters that differ as a consequence of other data, and are therefore not named beside them."""
MAX_FIELDS = 6
"""Fields that a warning names."""
MAX_NAMES = 3000
"""Characters of the gene names that a run lists."""


@dataclass
class SubsetMerger:
    """
    Puts the results of the analysed genes into fields of all genes.

    The other genes keep the results of an earlier run if its cells, cell states, expression and parameters were the same.
    Otherwise they become missing.
    """

    adata: AnnData
    numbers: np.ndarray | None
    """The genes analysed; None for all."""
    design: Design
    basis: tuple[str, Features]
    """Key of the basis in obsm, and its values."""
    params: dict[str, Any]
    """Resolved parameters of this run."""
    fingerprint: dict[str, str]
    """Of this run."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """What this run keeps in place of the basis; nothing where that is kept."""
    updated: set[int] = field(default_factory=set)
    """Earlier runs whose other genes were kept."""
    lost: dict[str, tuple[int, int, tuple[str, ...]]] = field(default_factory=dict)
    """Fields in which other genes lose what an earlier run found: how many, which run, and how it differs."""
    replaced: dict[str, tuple[int, int, tuple[str, ...]]] = field(default_factory=dict)
    """Fields in which the analysed genes get values of other data or parameters, likewise."""
    announces: bool = False
    """Whether to warn about what is replaced, too."""

    def __post_init__(self) -> None:
        self._runs: dict[int, Run] = {}
        if self.numbers is not None:
            self._runs = {run.run_id: run for run in readable_runs(self.adata)}
        self._same_basis = bool(self._runs) and self._has_same_basis()

    def _has_same_basis(self) -> bool:
        key, phi = self.basis
        if not isinstance(phi, np.ndarray):
            return any(self.recipe.items() <= run.diagnostics.items() for run in self._runs.values())
        stored = self.adata.obsm.get(key)
        # the same basis computed on another machine differs in its last digits
        return (
            stored is not None
            and np.shape(stored) == phi.shape
            and np.allclose(stored, phi, rtol=0, atol=BASIS_TOLERANCE, equal_nan=True)
        )

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

    def alone(self, values: np.ndarray, layer: str) -> np.ndarray:
        """Values of a layer on all genes, of which nothing is kept that others could be merged from."""
        if self.numbers is None:
            return values
        out = np.full((len(self.names), *values.shape[1:]), np.nan, dtype=values.dtype)
        out[self.numbers] = values
        writer = last_writer(self.adata, "layers", layer)
        if writer is not None and layer in self.adata.layers:
            reason = "`StorageSettings(sample_covariance=None)`, which keeps no variance between samples of other genes"
            self.lost[f"layers[{layer!r}]"] = len(self.names) - len(self.numbers), writer, (reason,)
        return out

    def chosen(self, values: np.ndarray) -> np.ndarray:
        """Of values on all genes, those of the genes analysed."""
        return values if self.numbers is None else values[self.numbers]

    def warn(self) -> None:
        """Warn about the fields in which other genes lose their results, or these genes get different ones, and say why."""
        if not self.lost:
            self._warn_of_replaced()
            return
        counts = sorted({count for count, _, _ in self.lost.values()}, reverse=True)
        fields = {n: [name for name, (count, _, _) in self.lost.items() if count == n] for n in counts}
        first, *others = (f"in {len(names)} fields ({_listed(names)})" for names in fields.values())
        also = "".join(f"; {n:,} {text}" for n, text in zip(counts[1:], others, strict=True))
        runs, reasons = _origin(self.lost)
        warn(
            f"{counts[0]:,} other {self._features} lose what run {runs} found, {first}{also}; since this run differs in {reasons}. They are now missing; call `kp.tl.{self.analysis}` "
            "without `genes=` for all, or with another `key_added=` to keep both."
        )

    def _warn_of_replaced(self) -> None:
        if not (self.replaced and self.announces):
            return
        runs, reasons = _origin(self.replaced)
        n = max(count for count, _, _ in self.replaced.values())
        warn(
            f"{n:,} {self._features} get other values than run {runs} found, in {len(self.replaced)} fields "
            f"({_listed(list(self.replaced))}), since this run differs in {reasons}. Pass `overwrite=True` to silence this, or another "
            "`key_added=` to keep both."
        )

    @property
    def _features(self) -> str:
        mod = getattr(self.adata, "modality", "")
        return f"features of {mod}" if mod else "genes"

    @property
    def analysis(self) -> str:
        """Tool whose results are placed."""
        return "smooth" if len(self.design.conditions) == 1 else "de"

    def _earlier(self, slot: str, key: str, like: np.ndarray, columns: list | None) -> np.ndarray | None:
        """The values that a field has already, if they come from an equal run."""
        writer = last_writer(self.adata, slot, key) if self._runs else None
        run = None if writer is None else self._runs.get(writer)
        if run is None or key not in getattr(self.adata, slot):
            return None
        stored = getattr(self.adata, slot)[key]
        values = np.asarray(stored)
        reasons = self._differences(run, slot, key, table=columns is not None)
        if columns is not None and list(stored.columns) != columns:
            reasons.append("the categories of `cell_groups`")
        if not reasons and (values.shape != like.shape or not np.can_cast(values.dtype, like.dtype, "same_kind")):
            reasons.append(f"the shape of {slot}[{key!r}]")
        if not reasons:
            self.updated.add(run.run_id)
            return values
        self._note_loss(run, slot, key, values, reasons)
        return None

    def _note_loss(self, run: Run, slot: str, key: str, values: np.ndarray, reasons: list[str]) -> None:
        rows = values.reshape(len(self.names), -1)
        found = (rows if rows.dtype == bool else ~pd.isna(rows)).any(axis=1)
        others = np.ones(len(self.names), dtype=bool)
        others[self.numbers] = False
        for genes, noted in ((others, self.lost), (~others, self.replaced)):
            n = int(found[genes].sum())
            if n:
                noted[f"{slot}[{key!r}]"] = n, run.run_id, tuple(reasons)

    def _differences(self, run: Run, slot: str, key: str, *, table: bool) -> list[str]:
        """How this run differs from an earlier one, in what the values of a field depend on."""
        if not run.fingerprint:
            return [f"that run {run.run_id} recorded no fingerprint of its data (an earlier version made it)"]
        statistic = next(entry["statistic"] for entry in run.fields if entry["slot"] == slot and entry["key"] == key)
        ignored = set(IRRELEVANT)
        if not statistic.endswith(TESTED):
            ignored |= set(NEIGHBORHOODS)
        if not (statistic.endswith(OF_SAMPLES) or key.endswith(SAMPLE_VAR)):
            ignored |= set(REPLICATES)
            if self.params.get("amplitude") == "evidence":
                ignored -= set(SAMPLES)
        if not statistic.startswith("mahalanobis_"):
            ignored |= set(NULLS)
        if run.contrast.get("groupby") != self.design.groupby:
            return [f"`groupby` ({run.contrast.get('groupby')!r}, now {self.design.groupby!r})"]
        found = [
            text
            for name, text in DESCRIPTIONS.items()
            if (table if name == "cell_groups" else name not in ignored)
            and run.fingerprint.get(name) != self.fingerprint.get(name)
        ]
        if found:
            ignored |= set(FOLLOWING)
        found += [
            f"`{name}` ({run.params.get(name)!r}, now {self.params.get(name)!r})"
            for name in dict.fromkeys([*run.params, *self.params])
            if name not in ignored and not _same(run.params.get(name), self.params.get(name))
        ]
        return found if found or self._same_basis else ["the basis of the cell states"]


def _origin(fields: dict[str, tuple[int, int, tuple[str, ...]]]) -> tuple[str, str]:
    """The runs that wrote these fields, and how they differ."""
    runs = ", ".join(str(number) for number in sorted({run for _, run, _ in fields.values()}))
    reasons = dict.fromkeys(reason for _, _, reasons in fields.values() for reason in reasons)
    return runs, "; ".join(reasons)


def _listed(names: list[str]) -> str:
    """The first of them."""
    more = f" and {len(names) - MAX_FIELDS} more" if len(names) > MAX_FIELDS else ""
    return ", ".join(names[:MAX_FIELDS]) + more


def _same(first: Any, second: Any) -> bool:
    """Whether two parameters are equal; numbers up to their last digits, which differ between machines."""
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=1e-6)
    return first == second


def genes_covered(names: pd.Index, numbers: np.ndarray | None, updated: set[int]) -> dict[str, Any]:
    """What a run on a subset of the genes records about it: their names, as many as fit, and what happened to the others."""
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
