"""Writing results: everything at the end, or nothing."""

import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import numpy as np
from anndata import AnnData
from mudata import MuData

from kompot_scverse._data.holders import check_changeable, holder
from kompot_scverse._gp.parallel import store_here
from kompot_scverse._messages import warn
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.history import UNREADABLE_KEY, readable_runs, store_runs
from kompot_scverse._runs.record import UNS_KEY
from kompot_scverse._runs.run import Run

from .disk import DiskStore
from .unchanged import unchanged


def fill(fields: Iterable[Field], values: dict[tuple[str, str], Any]) -> list[Field]:
    """Planned fields with their values, by slot and key."""
    return [replace(field, value=values[field.slot, field.key]) for field in fields]


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
