"""Runs found by the selectors that everything shares: number, prefix, group and modality."""

from typing import Any

from kompot_scverse._data.frame import frame_of

from .history import iterate_runs
from .run import Run
from .view import RunView


def all_views(data: Any, mod: str | None = None) -> list[RunView]:
    """Every run, oldest first, on each modality that it wrote to."""
    frame = frame_of(data, mod)
    return [part for run in iterate_runs(frame) for part in RunView(frame, run, mod or "").parts()]


def find_view(
    data: Any,
    analysis: str | None = None,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
) -> RunView:
    """
    One run: all that it did to a MuData, or the part in one modality if `mod` names it or there is only one.

    Parameters
    ----------
    data
        AnnData or MuData.
    analysis
        de, da or smooth; None for any.
    run_id
        Number of the run; negative numbers count from the end among those that match. None for the last call.
    key_added
        Only runs with this prefix.
    group
        Only runs whose contrast has this group.
    mod
        Modality of a MuData.

    Raises
    ------
    LookupError
        If there is none, or the last call has several contrasts of which none is named.
    """
    runs = _find(data, analysis, run_id, key_added, group, mod)
    if len(runs) > 1:
        raise LookupError(
            f"The last {f'{analysis} ' if analysis else ''}call has several contrasts, runs {listed_runs(runs)}; "
            "choose one with `group=` or `run_id=`."
        )
    view = _view(data, runs[0], mod)
    parts = view.parts()
    return parts[0] if len(parts) == 1 else view


def find_views(
    data: Any,
    analysis: str | None = None,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
) -> list[RunView]:
    """As :func:`find_view`: all contrasts of the last call that matches, on each modality that it wrote to."""
    runs = _find(data, analysis, run_id, key_added, group, mod)
    return [part for run in runs for part in _view(data, run, mod).parts()]


def _view(data: Any, run: Run, mod: str | None) -> RunView:
    return RunView(frame_of(data, mod), run, mod or "")


def _find(
    data: Any, analysis: str | None, run_id: int | None, key_added: str | None, group: object, mod: str | None
) -> list[Run]:
    """One run, or those of the last call that match."""
    every = [run for run in iterate_runs(frame_of(data, mod)) if analysis in (None, run.analysis)]
    kind = f"{analysis} run" if analysis else "run"
    if not every:
        raise LookupError(f"No {kind} in uns['kompot']; call `kp.tl.{analysis or 'de'}` first.")
    matching = [
        run for run in every if key_added in (None, run.key_added) and (group is None or run.group == str(group))
    ]
    if run_id is None and matching:
        return [run for run in matching if run.same_call(matching[-1])]
    if run_id is not None and run_id >= 0:
        matching = [run for run in matching if run.run_id == run_id]
    if not matching or (run_id is not None and run_id < 0 and -run_id > len(matching)):
        asked = {"run_id": run_id, "key_added": key_added, "group": group}
        given = ", ".join(f"{name}={value!r}" for name, value in asked.items() if value is not None)
        raise LookupError(f"No {kind} with {given}; existing: {listed_runs(every)}.")
    found = matching[run_id] if run_id is not None and run_id < 0 else matching[0]
    twice = [run for run in matching if run.run_id == found.run_id]
    if len(twice) > 1:
        # made on the modalities alone, before they came together
        places = " and ".join(repr(mod) for run in twice for mod in run.modalities)
        raise LookupError(f"There are several runs {found.run_id}, of {places}; pass one of them as `mod=`.")
    return [found]


def listed_runs(runs: list[Run]) -> str:
    """Runs as an error names them."""
    return ", ".join(f"{run.run_id} ({run.title}, key_added={run.key_added!r})" for run in runs)
