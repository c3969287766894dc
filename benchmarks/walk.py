"""Calls that leave `tl` for a room where the walk of a tool has been before: `python benchmarks/walk.py`.

A reader who follows a call has to leave the room that often. Counted are the places in the code, not how often each is run.
"""

import logging
import sys
import warnings
from pathlib import Path
from types import FrameType

import kompot_scverse as kp

__all__ = ["returns"]

ROOT = Path(kp.__file__).parent
COMPARED = {"groupby": "Age", "reference": "Young", "groups": "Old", "sample_key": "Replicate"}
CALLS = {
    "da": COMPARED,
    "de": COMPARED | {"layer": "logged_counts"},
    "smooth": {"groupby": "Age", "group": "Old", "layer": "logged_counts"},
}


def returns(tool: str) -> tuple[int, int]:
    """Places that call another room, and those of them whose room another place has called already."""
    adata = kp.datasets.simulate(300, 30, samples={"Young": 2, "Old": 2})
    function, places = getattr(kp.tl, tool), set()
    # what is imported and compiled on the first call is no part of the walk
    function(adata.copy(), **CALLS[tool])

    def note(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frame.f_back is None:
            return
        caller, called = _file(frame.f_back), _file(frame)
        if caller.startswith("tl/") and called and not called.startswith("tl/"):
            places.add((caller, frame.f_back.f_lineno, called, frame.f_code.co_name))

    sys.setprofile(note)
    function(adata, **CALLS[tool])
    sys.setprofile(None)
    rooms = {called.partition("/")[0] for _, _, called, _ in places}
    return len(places), len(places) - len(rooms)


def _file(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    for name in CALLS:
        calls, again = returns(name)
        print(f"{name:<7} {calls:>3} calls of other rooms, {again:>3} of them return to a room")
