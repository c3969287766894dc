"""Writing results: everything at the end, or nothing."""

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import anndata
import numpy as np
from anndata import AnnData

from kompot_scverse.settings import StorageSettings

from .disk import DiskStore
from .provenance import UNS_KEY, Run, find_run, last_writer, store_runs

__all__ = ["Field", "check_overwrite", "drop", "fill", "write"]

logger = logging.getLogger("kompot_scverse")


@dataclass(frozen=True)
class Field:
    """One result and where it goes."""

    slot: str
    """obs, var, obsm, varm, layers or uns."""
    key: str
    statistic: str
    """Short name of what it is, the same for all contrasts."""
    description: str
    condition: Any = None
    """The condition it belongs to, if to one."""
    group: Any = None
    """The contrast (with the reference) it belongs to, if to one."""
    value: Any = None

    def of_contrast(self, reference: Any, group: Any) -> bool:
        """Whether the run of a contrast lists this field."""
        return (self.condition is None or self.condition in (reference, group)) and (
            self.group is None or self.group == group
        )

    def entry(self) -> dict[str, str]:
        """As listed in a run."""
        return {"slot": self.slot, "key": self.key, "statistic": self.statistic, "description": self.description}


def check_overwrite(
    adata: AnnData, fields: Iterable[Field], overwrite: bool | None, call: dict[str, Any] | None = None
) -> None:
    """
    Decide what happens to fields that exist already: None warns, True is silent, False raises.

    To be called before anything is computed. With `call`, says so if the call only adds `sample_key` to an earlier one.
    """
    existing = [field for field in fields if field.key in getattr(adata, field.slot)]
    if not existing:
        return
    writers = sorted(
        {writer for field in existing if (writer := last_writer(adata, field.slot, field.key)) is not None}
    )
    same = _only_adds_samples(adata, writers, call)
    if overwrite:
        if same:
            logger.info("%s", same)
        return
    origin = f"run {', '.join(map(str, writers))}" if writers else "something else than a recorded run"
    named = ", ".join(f"{field.slot}[{field.key!r}]" for field in existing[:6])
    named += f" and {len(existing) - 6} more" if len(existing) > 6 else ""
    if overwrite is False:
        raise ValueError(
            f"{len(existing)} fields exist already (written by {origin}): {named}. "
            "Pass another `key_added=`, or `overwrite=True` to replace them." + (f" {same}" if same else "")
        )
    warnings.warn(
        f"Overwriting {len(existing)} fields written by {origin}: {named}. "
        "Pass `overwrite=True` to silence this, or another `key_added=` to keep both." + (f" {same}" if same else ""),
        UserWarning,
        stacklevel=3,
    )


def _only_adds_samples(adata: AnnData, writers: list[int], call: dict[str, Any] | None) -> str:
    """What to say if a call is an earlier one with `sample_key` added; else nothing."""
    if call is None or "sample_key" not in call["arguments"]:
        return ""
    others = {name: value for name, value in call["arguments"].items() if name != "sample_key"}
    for writer in writers:
        earlier = find_run(adata, writer).call
        stored = "not_stored" not in str(others)
        if not stored or earlier.get("function") != call["function"] or earlier.get("arguments") != others:
            return ""
    if not writers:
        return ""
    return (
        f"The call only adds `sample_key` to that of run {', '.join(map(str, writers))}: these shared fields stay the same, up to rounding, "
        "as long as the data are, and fields with the variance between replicates (`_sample_var`) are added."
    )


def fill(fields: Iterable[Field], values: dict[tuple[str, str], Any]) -> list[Field]:
    """Planned fields with their values, by slot and key."""
    return [replace(field, value=values[field.slot, field.key]) for field in fields]


def write(adata: AnnData, fields: list[Field], runs: list[Run], storage: StorageSettings | None = None) -> None:
    """
    Put all fields and runs into `adata`; on any interruption put back what was there before.

    Lazy layers are computed into memory or to disk first, if `storage` says so; nothing of them stays if that fails.
    """
    with DiskStore(storage) as disk:
        values = _layer_values(fields, storage, disk)
        _actualize_view(adata)
        with _unchanged_on_error(adata, [(field.slot, field.key) for field in fields]):
            for field, value in zip(fields, values, strict=True):
                getattr(adata, field.slot)[field.key] = value
            store_runs(adata, runs)
            disk.commit()


def drop(adata: AnnData, places: list[tuple[str, str]]) -> None:
    """Delete fields, given by slot and key; on any interruption put back what was there before."""
    _actualize_view(adata)
    with _unchanged_on_error(adata, places):
        for slot, key in places:
            del getattr(adata, slot)[key]


def _layer_values(fields: list[Field], storage: StorageSettings | None, disk: DiskStore) -> list[Any]:
    """Values of all fields, with layers as they are to be kept."""
    lazy = {field.key: field.value for field in fields if field.slot == "layers" and hasattr(field.value, "dask")}
    kept = lazy
    if lazy and storage is not None and storage.layers == "disk":
        kept = disk.save(lazy)
    elif storage is not None and storage.layers == "memory":
        kept = {key: np.asarray(layer) for key, layer in lazy.items()}
    return [kept.get(field.key, field.value) if field.slot == "layers" else field.value for field in fields]


_ABSENT: Any = object()


@contextmanager
def _unchanged_on_error(adata: AnnData, places: list[tuple[str, str]]) -> Iterator[None]:
    """Put fields and runs back as they were if anything goes wrong."""
    before = []
    for slot_name, key in places:
        slot = getattr(adata, slot_name)
        before.append((slot_name, key, slot[key] if key in slot else _ABSENT))
    columns = {name: list(getattr(adata, name).columns) for name in ("obs", "var")}
    uns_before = adata.uns.get(UNS_KEY, _ABSENT)
    try:
        yield
    except BaseException:
        for slot_name, key, value in before:
            _restore(getattr(adata, slot_name), key, value)
        _restore(adata.uns, UNS_KEY, uns_before)
        for name, order in columns.items():
            frame = getattr(adata, name)
            if list(frame.columns) != order:
                setattr(adata, name, frame[order])
        raise


def _restore(slot: Any, key: str, value: Any) -> None:
    if value is _ABSENT:
        with suppress(KeyError):
            del slot[key]
    else:
        slot[key] = value


def _actualize_view(adata: AnnData) -> None:
    """Turn a view into data of its own: anndata does this on the first assignment."""
    if not adata.is_view:
        return
    warnings.warn(
        "The data are a view; they become a copy of their own to hold the results.", UserWarning, stacklevel=5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", anndata.ImplicitModificationWarning)
        adata.obs = adata.obs.copy()
