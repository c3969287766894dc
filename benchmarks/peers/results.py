"""Results of the methods, kept draw by draw in a folder: a run that was cut off goes on where it stopped."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from environments import python_of

__all__ = ["Results", "arguments", "print_table"]

OURS = ("kp.tl.de", "kp.tl.da")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def arguments(about: str | None, methods: Iterable[str]) -> argparse.ArgumentParser:
    """What all comparisons can be asked."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Folder of the environments, which are made if they are missing")
    parser.add_argument("--results", type=Path, required=True, help="Folder that keeps the draws and what was found")
    parser.add_argument("--methods", nargs="*", choices=list(methods), default=list(methods))
    parser.add_argument("--print", action="store_true", help="Only print what the folder has")
    return parser


class Results:
    """A folder with the draws, and one folder for what each method found in them."""

    def __init__(self, folder: Path, script: str) -> None:
        self.draws, self.folder = folder / "draws", folder
        self.script = Path(__file__).with_name(script)
        self.draws.mkdir(parents=True, exist_ok=True)

    def draw(self, name: str) -> Path:
        return self.draws / f"{name}.h5ad"

    def _of(self, method: str) -> Path:
        return self.folder / re.sub(r"\W+", "_", method)

    def found(self, method: str, name: str) -> dict[str, np.ndarray] | None:
        path = self._of(method) / f"{name}.npz"
        return dict(np.load(path)) if path.exists() else None

    def missing(self, method: str, names: Iterable[str]) -> list[str]:
        return [name for name in names if not (self._of(method) / f"{name}.npz").exists()]

    def measure(self, method: str, environment: str | None, peers: Path | None, names: list[str]) -> None:
        """Run the method on the draws that it lacks, in one process of its own."""
        names = self.missing(method, names)
        if not names or (environment and not peers):
            return
        self._of(method).mkdir(exist_ok=True)
        python = python_of(peers, environment) if environment and peers else Path(sys.executable)
        source = str(Path(__file__).resolve().parents[2] / "src") if method in OURS else ""
        done = subprocess.run(
            [str(python), str(self.script), method, str(self.draws), str(self._of(method)), *names],
            stdout=subprocess.DEVNULL,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": source},
        )
        if done.returncode:
            print(f"{method} ended with status {done.returncode}", file=sys.stderr, flush=True)

    def cost(self, method: str, names: Iterable[str]) -> list[float]:
        """Median CPU seconds and largest peak."""
        known = [found for name in names if (found := self.found(method, name))]
        if not known:
            return [np.nan, np.nan]
        return [float(np.median([f["seconds"] for f in known])), float(max(f["peak"] for f in known))]


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """As Markdown."""
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|---|{'--:|' * (len(columns) - 1)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
