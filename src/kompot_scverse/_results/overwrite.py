"""What a call would overwrite: checked before anything is computed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kompot_scverse._arguments import shown
from kompot_scverse._data.holders import check_changeable, holder
from kompot_scverse._keys import LONGEST
from kompot_scverse._messages import logger, warn
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.history import last_writer, readable_runs

SILENCE = "Pass `overwrite=True` to silence this, or another `key_added=` to keep both."


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
        if run.analysis == "de" and run.params.get("amplitude") == "evidence":
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
