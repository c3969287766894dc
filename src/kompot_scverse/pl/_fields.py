"""Where the plots find what they draw: the run, its fields, genes by name or symbol, embeddings."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._data.errors import missing
from kompot_scverse._data.provenance import Run, iterate_runs
from kompot_scverse._data.resolve import match_label, obs_column

__all__ = ["RunData", "embedding_coordinates", "find_run_data", "gene_numbers", "gene_values", "target"]


@dataclass(frozen=True)
class RunData:
    """A run and the data that it was made on."""

    data: Any
    """AnnData, a modality, or the MuData itself."""
    run: Run

    @property
    def groupby(self) -> str:
        """Obs column of the conditions."""
        return self.run.contrast["groupby"]

    @property
    def reference(self) -> str:
        """Name of the reference."""
        return self.run.contrast["reference"]

    @property
    def group(self) -> str:
        """Name of the group."""
        return self.run.contrast["group"]

    @property
    def title(self) -> str:
        """The contrast as a title."""
        return f"{self.reference} → {self.group}"

    def entry(self, slot: str, statistic: str) -> dict[str, str] | None:
        """The field as listed in the run; None if the run did not write it."""
        found = (f for f in self.run.fields if f["slot"] == slot and f["statistic"] == statistic)
        return next(found, None)

    def values(self, slot: str, statistic: str, hint: str) -> Any:
        """
        Values of a field; warns if a later run overwrote it.

        Parameters
        ----------
        slot, statistic
            What is wanted.
        hint
            Call that writes it, for the error.
        """
        entry = self.entry(slot, statistic)
        name = f"run {self.run.run_id} ({self.run.analysis}, {self.title})"
        if entry is None:
            raise LookupError(f"{name[0].upper()}{name[1:]} has no {statistic!r} in {slot}; call `{hint}`.")
        key = entry["key"]
        if key not in getattr(self.data, slot):
            raise LookupError(f"{slot}[{key!r}] of {name} is gone; call `{hint}` again.")
        later = _overwritten(self.data, self.run, slot, key)
        if later is not None:
            warnings.warn(
                f"{slot}[{key!r}] of {name} was overwritten by run {later}; the plot shows the later values. "
                "Pass another `key_added=` to keep both.",
                UserWarning,
                stacklevel=4,
            )
        return getattr(self.data, slot)[key]

    def conditions(self) -> tuple[np.ndarray, np.ndarray]:
        """Which cells are of the reference, and which of the group."""
        column = obs_column(self.data, self.groupby, "groupby")
        labels = [match_label(column, label, "condition of the run") for label in (self.reference, self.group)]
        return tuple((column == label).to_numpy() for label in labels)  # type: ignore[return-value]


def target(data: Any, mod: str | None) -> Any:
    """The object that holds the runs: the AnnData, the modality, or the MuData itself."""
    modalities = getattr(data, "mod", None)
    if modalities is None:
        if mod is not None:
            raise TypeError(f"`mod={mod!r}` is for MuData; `data` is an {type(data).__name__}.")
        return data
    if mod is not None:
        if mod not in modalities:
            raise missing("modality", mod, modalities)
        return modalities[mod]
    holders = [own for own in (data, *modalities.values()) if "kompot" in own.uns]
    if len(holders) == 1:
        return holders[0]
    raise ValueError(f"`data` is a MuData; pass `mod=`, one of {', '.join(map(repr, modalities))}.")


def find_run_data(
    data: Any,
    analysis: str,
    *,
    run_id: int = -1,
    key: str | None = None,
    group: object = None,
    mod: str | None = None,
) -> RunData:
    """
    The run to draw.

    Parameters
    ----------
    data, mod
        AnnData or MuData and modality.
    analysis
        de or da.
    run_id
        Number of the run; negative ones count from the end among those that match.
    key
        Only runs with this `key_added`.
    group
        Only runs whose contrast has this group.
    """
    own = target(data, mod)
    runs = [run for run in iterate_runs(own) if run.analysis == analysis]
    if not runs:
        raise LookupError(f"There is no {analysis} run in uns['kompot']; call `kp.tl.{analysis}` first.")
    listed = "; ".join(f"{r.run_id}: {r.contrast['reference']} → {r.contrast['group']} ({r.key_added})" for r in runs)
    matching = [
        run
        for run in runs
        if (key is None or run.key_added == key) and (group is None or run.contrast["group"] == str(group))
    ]
    if run_id >= 0:
        matching = [run for run in matching if run.run_id == run_id]
    if not matching or (run_id < 0 and -run_id > len(matching)):
        asked = {"run_id": run_id, "key": key, "group": group}
        given = ", ".join(f"{name}={value!r}" for name, value in asked.items() if value is not None)
        raise LookupError(f"No {analysis} run with {given}; existing: {listed}.")
    return RunData(own, matching[run_id] if run_id < 0 else matching[0])


def _overwritten(data: Any, run: Run, slot: str, key: str) -> int | None:
    """The last later run that wrote the field, unless it is another contrast of the same call."""
    found = None
    for other in iterate_runs(data):
        if other.run_id <= run.run_id or not any(f["slot"] == slot and f["key"] == key for f in other.fields):
            continue
        same_call = (
            other.time == run.time
            and other.params == run.params
            and other.contrast["reference"] == run.contrast["reference"]
            and other.contrast["group"] != run.contrast["group"]
        )
        if not same_call:
            found = other.run_id
    return found


def gene_names(data: Any, gene_symbols: str | None) -> np.ndarray:
    """What genes are called in the plot."""
    if gene_symbols is None:
        return data.var_names.to_numpy().astype(str)
    if gene_symbols not in data.var:
        raise missing("var column (`gene_symbols`)", gene_symbols, data.var.columns)
    symbols = data.var[gene_symbols]
    return np.where(symbols.isna(), data.var_names, symbols.astype(str)).astype(str)


def gene_numbers(data: Any, wanted: str | Iterable[str], gene_symbols: str | None) -> np.ndarray:
    """Positions of genes given by name or by symbol, in the order asked for."""
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    names = pd.Index(gene_names(data, gene_symbols))
    numbers = []
    for gene in wanted:
        found = np.flatnonzero(names == gene)
        if len(found) == 0 and gene_symbols is not None:
            found = np.flatnonzero(data.var_names == gene)
        if len(found) == 0:
            raise missing("gene", gene, names if gene_symbols is not None else data.var_names)
        numbers.append(found[0])
    return np.asarray(numbers, dtype=int)


def column(data: Any, key: str, argument: str) -> pd.Series:
    """An obs column as categories, without unused ones."""
    return obs_column(data, key, argument)


def gene_values(data: Any, numbers: Sequence[int] | np.ndarray, layer: str | None) -> np.ndarray:
    """Expression of a few genes, cells × genes, dense."""
    if layer is not None and layer not in data.layers:
        raise missing("layer", layer, [name for name in data.layers if name is not None], "Pass `layer=None` for X.")
    values = data.X if layer is None else data.layers[layer]
    values = values[:, np.asarray(numbers)]
    if hasattr(values, "dask"):
        values = values.compute()
    if hasattr(values, "toarray"):
        values = values.toarray()
    return np.asarray(values, dtype=np.float64)


def smoothed(found: RunData, numbers: np.ndarray, what: str) -> np.ndarray:
    """
    Rebuild the smoothed expression of a few genes from the basis, cells × genes.

    Parameters
    ----------
    found
        A de run.
    numbers
        Positions of the genes.
    what
        reference, group or fold_change.
    """
    call = "kp.tl.de(...)"
    phi = np.asarray(found.values("obsm", "basis", call), dtype=np.float64)
    roles = ("reference", "group") if what == "fold_change" else (what,)
    weights = [np.asarray(found.values("varm", f"{role}_weights", call)[numbers], dtype=np.float64) for role in roles]
    return phi @ (weights[-1] - weights[0] if len(weights) == 2 else weights[0]).T


def embedding_coordinates(data: Any, basis: str) -> tuple[np.ndarray, str]:
    """Two coordinates of every cell, and what the axes are called."""
    for name in (f"X_{basis}", basis):
        if name in data.obsm:
            values = data.obsm[name]
            values = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values, dtype=np.float64)
            if values.ndim != 2 or values.shape[1] < 2:
                raise ValueError(f"obsm[{name!r}] has shape {values.shape}; an embedding needs two dimensions.")
            label = basis.removeprefix("X_")
            return values[:, :2], label.upper() if label in ("umap", "pca", "tsne") else label
    raise missing("embedding in obsm", basis, data.obsm, "For a UMAP call `sc.pp.neighbors` and `sc.tl.umap`.")
