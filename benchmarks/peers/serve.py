"""Runs one method on draws of a folder, in the method's own environment; every draw is written when it is done.

    python expression_calls.py METHOD DRAWS [FOUND [NAME ...]]

Reads DRAWS/NAME.h5ad, all draws if no name is given, and writes FOUND/NAME.npz (DRAWS/NAME.npz): what the method found, CPU
seconds of all cores and peak memory in GB.
"""

import importlib
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np

__all__ = ["Found", "serve"]

Found = dict[str, np.ndarray]
Method = tuple[Callable[[ad.AnnData], Found], list[str]]
"""A function of a data set, and the modules that are imported before the clock starts."""

PROCESS = Path("/proc/self")


def workers() -> list[Path]:
    """Folders of the processes that this one has started and that still run; joblib keeps its workers for the next call."""
    tasks = (PROCESS / "task").iterdir()
    return [Path("/proc") / child for task in tasks for child in (task / "children").read_text().split()]


def cpu_seconds() -> float:
    """Of this process and its workers."""
    ticks = 0
    for worker in workers():
        # user and system time are fields 14 and 15; the name of the command, in brackets, may hold spaces
        fields = (worker / "stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system + ticks / os.sysconf("SC_CLK_TCK")


def peak() -> float:
    """Largest memory in GB, workers included; `getrusage` would count the process that started this one, too."""
    total = 0
    for process in (PROCESS, *workers()):
        (line,) = (line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
        total += int(line.split()[1])
    return total * 1024 / 1e9


def serve(methods: dict[str, Method]) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    method, modules = methods[sys.argv[1]]
    draws, found = Path(sys.argv[2]), Path((sys.argv[3:] or sys.argv[2:])[0])
    for module in modules:
        importlib.import_module(module)
    for name in sys.argv[4:] or sorted(path.stem for path in draws.glob("*.h5ad")):
        adata = ad.read_h5ad(draws / f"{name}.h5ad")
        # so that a draw does not carry the peak of the one before
        (PROCESS / "clear_refs").write_text("5")
        start = cpu_seconds()
        try:
            result = method(adata)
        except Exception:  # noqa: BLE001
            # what a peer cannot do is a result, too: its row stays empty and the reason is shown
            print(f"{sys.argv[1]} failed on {name}:\n{traceback.format_exc(limit=-2)}", file=sys.stderr, flush=True)
            continue
        seconds = cpu_seconds() - start
        unfinished = found / f"{name}.part.npz"
        np.savez(unfinished, **result, seconds=seconds, peak=peak())
        unfinished.rename(found / f"{name}.npz")
