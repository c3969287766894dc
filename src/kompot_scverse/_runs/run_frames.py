"""A run and what it was made on: an AnnData, a modality of a MuData, or several."""

from dataclasses import dataclass
from typing import Any

from anndata import AnnData

from kompot_scverse._data.errors import missing
from kompot_scverse._data.frame import frame_of
from kompot_scverse._data.holders import check_data, one_modality, whole

from .history import Run, find_run

__all__ = ["RunFrame", "one_run_frame", "run_frames"]


@dataclass(frozen=True)
class RunFrame:
    """A run on one modality, or on an AnnData or a MuData as a whole."""

    mod: str
    """The modality; empty if there is none."""
    adata: AnnData
    """What it was made on: an AnnData, or a frame that has the same slots."""
    run: Run
    """With the fields that it wrote there."""


def run_frames(data: Any, mod: object, run_id: int, analysis: str | None) -> list[RunFrame]:
    """
    The parts of a run: of a MuData and without `mod`, one per modality that it wrote to.

    Raises
    ------
    LookupError
        If there is no such run.
    """
    data = check_data(data, mod)
    if isinstance(data, AnnData):
        return [RunFrame("", data, find_run(data, run_id, analysis))]
    name = one_modality(data, mod)
    if name is not None:
        return [_of_modality(data, name, run_id, analysis)]
    return parts_of(data, find_run(data, run_id, analysis))


def parts_of(data: Any, run: Run) -> list[RunFrame]:
    """The parts of a run of a MuData (or of a frame of it), one per modality that it wrote to."""
    data, parts = whole(data), []
    for name in run.modalities:
        if name and name not in data.mod:
            raise missing(f"modality, which run {run.run_id} wrote to,", name, data.mod)
        parts.append(_of_modality(data, name, run.run_id, None) if name else RunFrame("", frame_of(data), run))
    return parts


def one_run_frame(data: Any, mod: object, run_id: int, analysis: str | None) -> RunFrame:
    """The part of a run, where there can be only one: with several modalities, `mod` must say which."""
    parts = run_frames(data, mod, run_id, analysis)
    if len(parts) > 1:
        names = " and ".join(repr(part.mod) for part in parts)
        raise ValueError(f"Run {parts[0].run.run_id} is of the modalities {names}; pass one of them as `mod=`.")
    return parts[0]


def _of_modality(data: Any, name: str, run_id: int, analysis: str | None) -> RunFrame:
    frame = frame_of(data, name)
    return RunFrame(name, frame, find_run(frame, run_id, analysis))
