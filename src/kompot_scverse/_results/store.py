"""Writing results: everything at the end, or nothing."""

import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from kompot_scverse._arguments import shown
from kompot_scverse._data.holders import check_changeable, holder
from kompot_scverse._data.tables import value_of
from kompot_scverse._gp.parallel import store_here
from kompot_scverse._keys import LONGEST
from kompot_scverse._messages import logger, warn
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.history import UNREADABLE_KEY, last_writer, readable_runs, store_runs
from kompot_scverse._runs.record import UNS_KEY
from kompot_scverse._runs.run import Run

from .disk import DiskStore

SILENCE = "Pass `overwrite=True` to silence this, or another `key_added=` to keep both."
SAME = 1e-6
"""Largest difference of values that are the same up to rounding, relative to the largest of them."""
BLOCK = 2**20
"""Values compared at a time."""


def check_overwrite(
    data: Any,
    fields: Iterable[Field],
    overwrite: bool | None,
    call: dict[str, Any] | None = None,
    merged: Collection[str] = (),
) -> "Rerun | None":
    """
    Warn about fields that exist already, or raise an error, as if results could not be written at all; called before anything is computed.

    Of a call that was made before, nothing is lost unless the data differ: what is returned then warns once that is known.

    Parameters
    ----------
    data
        What the fields are to be written to.
    fields
        All fields of the call.
    overwrite
        None warns, True is silent, False raises.
    call
        Record of the call. If it only adds `sample_key` to an earlier call, the warning says what stays the same.
    merged
        Modalities of which only some genes are analysed. Their fields are merged with those of earlier runs, which warns itself
        of what is lost.
    """
    check_changeable(data)
    fields = list(fields)
    _check_names(fields)
    existing = [field for field in fields if field.is_in(data)]
    if not existing:
        return None
    if call is not None and not overwrite:
        _check_other_tools(data, existing, call["function"])
    origins = {(field.mod, last_writer(holder(data, field.mod), field.slot, field.key)) for field in existing}
    known = sorted((mod, writer) for mod, writer in origins if writer is not None)
    writers = sorted({writer for _, writer in known})
    same = _only_adds_samples(data, known, call)
    if overwrite:
        if same:
            logger.info("%s", same)
        return None
    origin = f"run {', '.join(map(str, writers))}" if writers else "something else than a recorded run"
    if overwrite is None:
        existing = [field for field in existing if field.mod not in merged or (field.mod, None) in origins]
        if not existing:
            return None
        if len(known) == len(origins) and all(_is_same_call(data, *one, call) for one in known):
            return Rerun(tuple(existing), origin)
    named = _named(existing)
    if overwrite is False:
        raise ValueError(
            f"{len(existing)} fields exist already (written by {origin}): {named}. "
            "Pass another `key_added=`, or `overwrite=True` to replace them." + (f" {same}" if same else "")
        )
    warn(f"Overwriting {len(existing)} fields written by {origin}: {named}. {SILENCE}" + (f" {same}" if same else ""))
    return None


@dataclass(frozen=True)
class Rerun:
    """A call that was made before; it overwrites nothing where the data are the same."""

    fields: tuple[Field, ...]
    """Those that exist already."""
    origin: str

    def settle(self, same: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """
        Warn where values change after all.

        Parameters
        ----------
        same
            Fields that do not change, by modality, slot and key.

        Returns
        -------
        The same with layers, which are made from the other fields, where these do not change.
        """
        changed = [field for field in self.fields if field.slot != "layers" and field.place not in same]
        if changed:
            warn(
                f"Overwriting {len(changed)} fields with values that differ from those of {self.origin}, though the call is the "
                f"same: {_named(changed)}. The data differ, or the packages do. {SILENCE}"
            )
            return same
        logger.info("The call was made before, by %s, and its values stay as they were.", self.origin)
        return [*same, *(field.place for field in self.fields if field.slot == "layers")]


def _named(fields: Sequence[Field]) -> str:
    """The first of them."""
    return ", ".join(field.name for field in fields[:6]) + (f" and {len(fields) - 6} more" if len(fields) > 6 else "")


def _is_same_call(data: Any, mod: str, writer: int, call: dict[str, Any] | None) -> bool:
    """Whether a run was made by a call with the same arguments, all of them recorded."""
    if call is None or "not_stored" in str(call["arguments"]):
        return False
    run = next(run for run in readable_runs(holder(data, mod)) if run.run_id == writer)
    return all(run.call.get(name) == call.get(name) for name in ("function", "arguments", "data"))


def _check_names(fields: list[Field]) -> None:
    """Raise if two results of a call would have one name, or one a name that is too long for a file."""
    named: dict[tuple[str, str, str], Field] = {}
    for field in fields:
        length = len(field.key.encode())
        if length > LONGEST:
            raise ValueError(
                f"{field.description} would be in {field.slot} under a name of {length} bytes, and zarr takes at most {LONGEST}: "
                f"{shown(field.key)}. Pass a shorter `key_added=`, or rename the conditions."
            )
        other = named.setdefault(field.place, field)
        if other is not field:
            raise ValueError(
                f"{field.name} would be both {other.description} and {field.description}; rename a category or pass another "
                "`key_added=`."
            )


def _check_other_tools(data: Any, existing: list[Field], function: str) -> None:
    """Raise if fields belong to a run of another tool, whose other fields would then not fit."""
    for field in existing:
        own = holder(data, field.mod)
        writer = last_writer(own, field.slot, field.key)
        run = next((run for run in readable_runs(own) if run.run_id == writer), None)
        if run is not None and run.analysis != function:
            raise ValueError(
                f"{field.name} is of run {run.run_id} (kp.tl.{run.analysis}, key_added={run.key_added!r}), whose other fields "
                f"would no longer fit it. Pass another `key_added=`, or `overwrite=True` to replace it."
            )


def _only_adds_samples(data: Any, known: list[tuple[str, int]], call: dict[str, Any] | None) -> str:
    """A sentence if the call only adds `sample_key` to an earlier run (`known`, by modality and number), else nothing."""
    if call is None or "sample_key" not in call["arguments"]:
        return ""
    others = {name: value for name, value in call["arguments"].items() if name != "sample_key"}
    for mod, writer in known:
        run = next(run for run in readable_runs(holder(data, mod)) if run.run_id == writer)
        if run.analysis == "de" and run.params.get("sigma") == "evidence":
            # the variance between samples is a component of the model: all estimates change
            return ""
        earlier = run.call
        stored = "not_stored" not in str(others)
        if not stored or earlier.get("function") != call["function"] or earlier.get("arguments") != others:
            return ""
    if not known:
        return ""
    writers = sorted({writer for _, writer in known})
    return (
        f"The call only adds `sample_key` to that of run {', '.join(map(str, writers))}: these shared fields stay the same, up to rounding, "
        "as long as the data are, and fields with the variance between replicates (`_sample_var`) are added."
    )


def fill(fields: Iterable[Field], values: dict[tuple[str, str], Any]) -> list[Field]:
    """Planned fields with their values, by slot and key."""
    return [replace(field, value=values[field.slot, field.key]) for field in fields]


def unchanged(data: AnnData | MuData, fields: Sequence[Field]) -> list[tuple[str, str, str]]:
    """Fields that have their values already, by modality, slot and key."""
    return [field.place for field in fields if _is_there(data, field)]


def write(
    data: AnnData | MuData,
    fields: Sequence[Field],
    runs: Sequence[Run],
    disk: DiskStore | None = None,
    same: Collection[tuple[str, str, str]] | None = None,
) -> None:
    """
    Write all fields and runs, or nothing: after an error or an interruption the data are as they were before.

    If the settings of `disk` say so, lazy layers are first computed into memory or to disk. If that fails, everything in
    `disk` is deleted. `same` is what :func:`unchanged` gives, where that is known.
    """
    with disk or DiskStore(None) as disk:
        values = _layer_values(fields, disk)
        _actualize_view(data)
        same = unchanged(data, fields) if same is None else same
        # a run that is stored again keeps the marks of its first time
        known = {run.run_id for run in readable_runs(data)} if runs else set()
        runs = [run if run.run_id in known else run.without_change(same) for run in runs]
        modalities = [run.mod for run in runs] if isinstance(data, MuData) else []
        with _unchanged_on_error(data, [field.place for field in fields], modalities):
            for field, value in zip(fields, values, strict=True):
                getattr(holder(data, field.mod), field.slot)[field.key] = value
            if runs:
                store_runs(data, runs)
            disk.commit()


def _is_there(data: AnnData | MuData, field: Field) -> bool:
    """Whether a field has these values already, up to rounding. Layers count as changed, since reading them takes long."""
    if field.slot == "layers" or not field.is_in(data):
        return False
    there, value = value_of(holder(data, field.mod), field.slot, field.key), field.value
    if hasattr(there, "dask") or hasattr(value, "dask"):
        return False
    if list(getattr(there, "columns", ())) != list(getattr(value, "columns", ())):
        return False
    if sp.issparse(there) or sp.issparse(value):
        return sp.issparse(there) and sp.issparse(value) and _same_sparse(sp.csr_array(there), sp.csr_array(value))
    before, now = np.asarray(there), np.asarray(value)
    if before.shape != now.shape:
        return False
    # weights of samples can be large
    rows = max(1, BLOCK // max(1, now[:1].size))
    return all(_same(before[n : n + rows], now[n : n + rows]) for n in range(0, len(now), rows))


def _same(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether values are equal, numbers up to rounding; two missing values are equal."""
    if before.dtype.kind != "f" or now.dtype.kind != "f":
        return bool(((before == now) | (pd.isna(before) & pd.isna(now))).all())
    room = SAME * np.abs(now).max(initial=0, where=np.isfinite(now))
    return np.allclose(before, now, rtol=0, atol=room, equal_nan=True)


def _same_sparse(before: sp.csr_array, now: sp.csr_array) -> bool:
    pairs = ((before.indptr, now.indptr), (before.indices, now.indices), (before.data, now.data))
    return before.shape == now.shape and all(a.shape == b.shape and _same(a, b) for a, b in pairs)


def drop(data: AnnData | MuData, places: Sequence[tuple[str, str, str]]) -> None:
    """Delete all of some fields, given by modality, slot and key, or none if there is an error."""
    _actualize_view(data)
    with _unchanged_on_error(data, places):
        for mod, slot, key in places:
            del getattr(holder(data, mod), slot)[key]


def _layer_values(fields: Sequence[Field], disk: DiskStore) -> list[Any]:
    """Values of all fields, with layers lazy, in memory or on disk, as the settings say."""
    lazy = {field.place: field.value for field in fields if field.slot == "layers" and hasattr(field.value, "dask")}
    kept = lazy
    if lazy and disk.storage.layers == "disk":
        names = {place: ".".join(filter(None, (place[0], place[2]))) for place in lazy}
        saved = disk.save({names[place]: layer for place, layer in lazy.items()})
        kept = {place: saved[name] for place, name in names.items()}
    elif lazy and disk.storage.layers == "memory":
        kept = {place: np.empty(layer.shape, layer.dtype) for place, layer in lazy.items()}
        store_here(list(lazy.values()), list(kept.values()))
    return [kept.get(field.place, field.value) for field in fields]


_ABSENT: Any = object()


@contextmanager
def _unchanged_on_error(
    data: AnnData | MuData, places: Sequence[tuple[str, str, str]], modalities: Sequence[str] = ()
) -> Iterator[None]:
    """Restore fields and runs if there is an error."""
    before = []
    for mod, slot_name, key in places:
        slot = getattr(holder(data, mod), slot_name)
        before.append((mod, slot_name, key, slot[key] if key in slot else _ABSENT))
    touched = {mod: holder(data, mod) for mod in ("", *(mod for mod, _, _ in places), *modalities)}
    columns = {mod: {name: list(getattr(own, name).columns) for name in ("obs", "var")} for mod, own in touched.items()}
    uns = {mod: (own.uns.get(UNS_KEY, _ABSENT), set(own.uns)) for mod, own in touched.items()}
    try:
        yield
    except BaseException:
        for mod, slot_name, key, value in before:
            _restore(getattr(touched[mod], slot_name), key, value)
        for mod, own in touched.items():
            value, keys = uns[mod]
            _restore(own.uns, UNS_KEY, value)
            for key in [key for key in own.uns if key.startswith(UNREADABLE_KEY) and key not in keys]:
                del own.uns[key]
            for name, order in columns[mod].items():
                frame = getattr(own, name)
                if list(frame.columns) != order:
                    setattr(own, name, frame[order])
        raise


def _restore(slot: Any, key: str, value: Any) -> None:
    if value is _ABSENT:
        with suppress(KeyError):
            del slot[key]
    else:
        slot[key] = value


def _actualize_view(data: AnnData | MuData) -> None:
    """Turn a view into data of its own, by a first assignment."""
    check_changeable(data)
    if not data.is_view:
        return
    warn("The data are a view; they become a copy of their own to hold the results.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.obs = data.obs.copy()
