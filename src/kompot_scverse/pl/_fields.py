"""Where the plots find what they draw: the run, its fields, genes by name or symbol, embeddings."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from mudata import MuData

from kompot_scverse._arguments import listed
from kompot_scverse._data.errors import INSIDE, missing
from kompot_scverse._data.frame import Frame, JointFrame, frame_of
from kompot_scverse._data.holders import holder, split_name, whole
from kompot_scverse._data.matrix import as_float, plain
from kompot_scverse._data.resolve import dense, match_label, obs_column, spellings
from kompot_scverse._data.tables import column_of, value_of
from kompot_scverse._gp.parallel import compute_here
from kompot_scverse._runs.history import Run, iterate_runs, overwriter
from kompot_scverse._runs.rebuild import build_layer
from kompot_scverse._runs.run_fields import RunFields
from kompot_scverse._runs.run_frames import parts_of

__all__ = [
    "RunData", "embedding_coordinates", "feature_modality", "find_run_data", "gene_numbers", "gene_values", "target",
]  # fmt: skip


@dataclass(frozen=True)
class RunData:
    """A run and the data that it was made on."""

    data: Any
    """AnnData, or a frame: of a modality, or of a MuData as a whole, whose features are named "modality:feature"."""
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

    def values(self, slot: str, statistic: str, hint: str, *, needed: bool = True) -> Any:
        """
        Values of a field; warns if a later run overwrote it.

        Parameters
        ----------
        slot, statistic
            What is wanted.
        hint
            Call that writes it, for the error.
        needed
            Whether it is an error if all genes or cells are without a value.
        """
        entry = self.entry(slot, statistic)
        name = f"run {self.run.run_id} ({self.run.analysis}, {self.title})"
        if entry is None:
            raise LookupError(f"{name[0].upper()}{name[1:]} has no {statistic!r} in {slot}; call `{hint}`.")
        if len(self.run.modalities) > 1 and entry.get("mod"):
            names = " or ".join(repr(mod) for mod in self.run.modalities)
            raise ValueError(
                f"{name[0].upper()}{name[1:]} has {statistic!r} of each modality; pass `mod=`, {names}, or name features "
                "with their modality, like 'rna:CD8A'."
            )
        key, own = entry["key"], holder(self.data)
        if key not in getattr(own, slot):
            raise LookupError(f"{slot}[{key!r}] of {name} is gone; call `{hint}` again.")
        later = overwriter(list(iterate_runs(self.data)), self.run, slot, key)
        if later is not None:
            warnings.warn(
                f"{slot}[{key!r}] of {name} was overwritten by run {later.run_id}; the plot shows the later values. "
                "Pass another `key_added=` to keep both.",
                UserWarning,
                skip_file_prefixes=INSIDE,
            )
        values = value_of(own, slot, key)
        if needed and slot in ("obs", "var") and not values.notna().any():
            raise ValueError(f"{slot}[{key!r}] of {name} holds only missing values, so there is nothing to draw.")
        return values

    def conditions(self) -> tuple[np.ndarray, np.ndarray]:
        """Which cells are of the reference, and which of the group; of several modalities, cells that all have."""
        column = obs_column(self.data, self.groupby, "groupby")
        labels = [match_label(column, label, "condition of the run") for label in (self.reference, self.group)]
        cells = np.ones(len(column), dtype=bool)
        for mod in filter(None, self.run.modalities):
            cells &= self.data.cells.positions(mod, "") >= 0
        return tuple((column == label).to_numpy() & cells for label in labels)  # type: ignore[return-value]

    def parts(self, numbers: np.ndarray) -> list[tuple["RunData", np.ndarray, np.ndarray]]:
        """Features by modality: the run there, places in `numbers`, and numbers there."""
        runs = {part.mod: RunData(part.adata, part.run) for part in parts_of(whole(self.data), self.run)}
        found = self.data.by_modality(numbers)
        for mod in found:
            if mod not in runs:
                raise missing(f"modality among those of run {self.run.run_id}", mod, runs)
        return [(runs[mod], places, own) for mod, (places, own) in found.items()]


def target(data: Any, mod: str | None) -> Any:
    """What is drawn: an AnnData itself, a modality with all that its MuData knows of its cells, or the whole MuData."""
    return frame_of(data, mod)


def feature_modality(data: Any, feature: str) -> str | None:
    """The modality that a feature of a MuData is named with, like "rna:CD8A"."""
    return split_name(data, feature)[0] or None if isinstance(data, MuData) else None


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
    run = matching[run_id] if run_id < 0 else matching[0]
    parts = parts_of(own, run) if any(run.modalities) else []
    return RunData(parts[0].adata, parts[0].run) if len(parts) == 1 else RunData(own, run)


def gene_names(data: Any, gene_symbols: str | None) -> np.ndarray:
    """What genes are called in the plot."""
    if gene_symbols is not None and isinstance(data, JointFrame):
        modalities = data.mdata.mod.items()
        having = {mod: gene_symbols if gene_symbols in own.var else None for mod, own in modalities}
        if not any(having.values()):
            raise missing("var column (`gene_symbols`)", gene_symbols, {c for _, own in modalities for c in own.var})
        return np.array([f"{mod}:{name}" for mod, own in modalities for name in gene_names(own, having[mod])])
    if gene_symbols is None:
        return data.var_names.to_numpy().astype(str)
    if gene_symbols not in data.var:
        raise missing("var column (`gene_symbols`)", gene_symbols, data.var.columns)
    symbols = column_of(data.var, gene_symbols)
    return np.where(symbols.isna(), data.var_names, symbols.astype(str)).astype(str)


def gene_numbers(data: Any, wanted: str | Iterable[str], gene_symbols: str | None) -> np.ndarray:
    """Positions of genes given by name or by symbol, in the order asked for."""
    wanted = listed("genes", wanted, str)
    names = pd.Index(gene_names(data, gene_symbols))
    numbers = []
    for gene in wanted:
        # of one modality, with or without its name
        gene = gene.removeprefix(f"{data.modality}:") if isinstance(data, Frame) and data.modality else gene
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


def gene_values(data: Any, numbers: Sequence[int] | np.ndarray, layer: Any) -> np.ndarray:
    """Expression of a few genes, cells × genes, dense; `layer` may be one per modality."""
    if isinstance(data, JointFrame):
        out = np.full((data.n_obs, len(numbers)), np.nan)
        for mod, (places, own) in data.by_modality(numbers).items():
            chosen = layer.get(mod) if isinstance(layer, Mapping) else layer
            out[:, places] = data.spread(gene_values(data.mdata.mod[mod], own, chosen), mod)
        return out
    if layer is not None and layer not in data.layers:
        raise missing("layer", layer, [name for name in data.layers if name is not None], "Pass `layer=None` for X.")
    name = "X" if layer is None else f"layers[{layer!r}]"
    values = plain(data.X if layer is None else data.layers[layer], name)
    # files give rows and columns in their order only, and each once
    own, places = np.unique(np.asarray(numbers, dtype=np.intp), return_inverse=True)
    return as_float(values[:, own], name)[:, places]


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
    if isinstance(found.data, JointFrame):
        out = np.full((found.data.n_obs, len(numbers)), np.nan)
        for part, places, own in found.parts(numbers):
            out[:, places] = found.data.spread(smoothed(part, own, what), part.data.modality)
        return out
    fields = RunFields(found.data, found.run)
    name = what if what == "fold_change" else f"imputed_{what}"
    (values,) = compute_here(build_layer(fields, name, columns=numbers))
    fields.warn()
    return values


def check_analysed(values: np.ndarray, found: RunData, gene: str) -> None:
    """Raise if a run has no values of a gene."""
    if not np.isfinite(values).any():
        raise ValueError(
            f"Run {found.run.run_id} ({found.run.analysis}, {found.title}) has no values of {gene!r}, which was not among the "
            "genes analysed."
        )


def embedding_coordinates(data: Any, basis: str) -> tuple[np.ndarray, str]:
    """Two coordinates of every cell, and what the axes are called."""
    for name in reversed(spellings(basis)):
        if name in data.obsm:
            values = dense(value_of(data, "obsm", name), f"obsm[{name!r}]")
            if values.shape[1] < 2:
                raise ValueError(f"obsm[{name!r}] has shape {values.shape}; an embedding needs two dimensions.")
            label = basis.rpartition(":")[2].removeprefix("X_")
            return values[:, :2], label.upper() if label in ("umap", "pca", "tsne") else label
    raise missing("embedding in obsm", basis, data.obsm, "For a UMAP call `sc.pp.neighbors` and `sc.tl.umap`.")
