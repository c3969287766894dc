"""Writes the table of supported array types from what `tests/tl/test_every_container.py` tries."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
MATRIX = ROOT / "tests" / "tl" / "test_every_container.py"
PAGE = Path(__file__).parents[1] / "generated" / "array_types.md"
COLUMNS = (
    "expression (X or `layer`)",
    "`tl.de`, `tl.smooth`, and what reads the expression",
    "all tools, tables and plots",
)


def load(path: Path = MATRIX) -> ModuleType:
    """The test file as a module; its tests do not run."""
    spec = importlib.util.spec_from_file_location("every_container", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def table(matrix: ModuleType) -> str:
    """One row for each container, in Markdown."""
    rows = [(f"in memory or dask: {name}", True, False) for name in matrix.CONVERT]
    rows += [(f"on disk: {name}", True, name not in matrix.ONLY_EXPRESSION) for name in matrix.OPEN]
    rows.insert(0, ("in memory: dense float64, which all others are compared with", True, True))
    lines = [COLUMNS, ("---", ":-:", ":-:"), *((name, *("✓" if tried else "" for tried in how)) for name, *how in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def write() -> None:
    """Write the table where `docs/api.md` includes it."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(table(load()))
