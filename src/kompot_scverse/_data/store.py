"""Writing results: everything at the end, or nothing."""

import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import anndata
from anndata import AnnData

from .provenance import Run, last_writer, store_runs

__all__ = ["Field", "check_overwrite", "fill", "write"]


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
        return (self.condition is None or self.condition in (reference, group)) and (self.group is None or self.group == group)

    def entry(self) -> dict[str, str]:
        """As listed in a run."""
        return {"slot": self.slot, "key": self.key, "statistic": self.statistic, "description": self.description}


def check_overwrite(adata: AnnData, fields: Iterable[Field], overwrite: bool | None) -> None:
    """
    Decide what happens to fields that exist already: None warns, True is silent, False raises.

    To be called before anything is computed.
    """
    existing = [field for field in fields if field.key in getattr(adata, field.slot)]
    if not existing or overwrite:
        return
    writers = sorted({writer for field in existing if (writer := last_writer(adata, field.slot, field.key)) is not None})
    origin = f"run {', '.join(map(str, writers))}" if writers else "something else than a recorded run"
    named = ", ".join(f"{field.slot}[{field.key!r}]" for field in existing[:6])
    named += f" and {len(existing) - 6} more" if len(existing) > 6 else ""
    if overwrite is False:
        raise ValueError(
            f"{len(existing)} fields exist already (written by {origin}): {named}. "
            "Pass another `key_added=`, or `overwrite=True` to replace them."
        )
    warnings.warn(
        f"Overwriting {len(existing)} fields written by {origin}: {named}. "
        "Pass `overwrite=True` to silence this, or another `key_added=` to keep both.",
        UserWarning,
        stacklevel=4,
    )


def fill(fields: Iterable[Field], values: dict[tuple[str, str], Any]) -> list[Field]:
    """Planned fields with their values, by slot and key."""
    return [replace(field, value=values[field.slot, field.key]) for field in fields]


def write(adata: AnnData, fields: list[Field], runs: list[Run]) -> None:
    """Put all fields and runs into `adata`; on any interruption put back what was there before."""
    if adata.is_view:
        warnings.warn("The data are a view; they become a copy of their own to hold the results.", UserWarning, stacklevel=4)
        _actualize(adata)
    absent = object()
    before: list[tuple[Field, Any]] = []
    uns_before = adata.uns.get("kompot", absent)
    try:
        for field in fields:
            slot = getattr(adata, field.slot)
            before.append((field, slot[field.key] if field.key in slot else absent))
            slot[field.key] = field.value
        store_runs(adata, runs)
    except BaseException:
        for field, value in reversed(before):
            _restore(getattr(adata, field.slot), field.key, value, absent)
        _restore(adata.uns, "kompot", uns_before, absent)
        raise


def _restore(slot: Any, key: str, value: Any, absent: object) -> None:
    if value is absent:
        with suppress(KeyError):
            del slot[key]
    else:
        slot[key] = value


def _actualize(adata: AnnData) -> None:
    """Turn a view into data of its own: anndata does this on the first assignment."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", anndata.ImplicitModificationWarning)
        adata.obs = adata.obs.copy()

