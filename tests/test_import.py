"""`import kompot_scverse` is quick, and the arrows between the modules only point downward."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import kompot_scverse

SOURCE = Path(kompot_scverse.__file__).parent
HEAVY = ["jax", "mellon", "muon", "scanpy", "matplotlib", "seaborn", "distributed", "sklearn"]
# from the bottom to the top: a room imports from rooms before it only
ROOMS = ["_keys", "_gp", "_stats", "_data", "_runs", "_results", "_plan"]
USERS = {
    "tl": ["get", "pl", "_report", "_cli"],
    "pp": ["get", "pl", "_report", "_cli"],
    # what reads results knows of runs only, and neither how they are computed nor how they are written
    "get": ["_gp", "_stats", "_results", "_plan", "tl", "pp", "pl", "_report", "_cli"],
    "pl": ["_gp", "_stats", "_results", "_plan", "settings", "tl", "pp", "get", "_report", "_cli"],
    # a page of what others have computed, found and drawn
    "_report": ["_gp", "_stats", "_results", "_plan", "settings", "tl", "pp", "_cli"],
}
ABOVE = {room: [*ROOMS[number + 1 :], *USERS, "_cli"] for number, room in enumerate(ROOMS)} | USERS
ABOVE["_gp"].append("_keys")


def imports(path: Path) -> set[str]:
    """Absolute names of everything a file imports, wherever in the file."""
    return imported(path, ast.walk(ast.parse(path.read_text())))


def imported(path: Path, nodes: Iterable[ast.AST]) -> set[str]:
    """Absolute names of what parts of a file import."""
    package = ["kompot_scverse", *path.relative_to(SOURCE).parent.parts]
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def files(part: str) -> list[Path]:
    folder = SOURCE / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def test_light_import():
    code = f"import sys, kompot_scverse; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(("part", "above"), ABOVE.items(), ids=list(ABOVE))
def test_arrows_point_downward(part, above):
    forbidden = tuple(f"kompot_scverse.{name}" for name in above)
    wrong = {
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in files(part)
        for name in imports(path)
        if any(name == target or name.startswith(f"{target}.") for target in forbidden)
    }
    assert not wrong


def test_modules_import_each_other_in_one_direction():
    """Without imports in functions and for type checkers; what a room offers is imported from the room by others only."""
    modules = {
        ".".join(["kompot_scverse", *path.relative_to(SOURCE).with_suffix("").parts]): path
        for path in SOURCE.rglob("*.py")
        if path.name != "__init__.py"
    }
    graph = {name: imported(path, ast.parse(path.read_text()).body) & modules.keys() for name, path in modules.items()}
    assert sum(map(len, graph.values())) > len(graph)
    # raises an error that names a circle
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("part", ["_gp", "_stats"])
def test_arrays_in_arrays_out(part):
    wrong = {
        f"{path.name} imports {name}"
        for path in files(part)
        for name in imports(path)
        if name.split(".")[0] in ("anndata", "mudata", "pandas", "matplotlib", "seaborn", "scanpy", "muon")
    }
    assert not wrong


def test_one_module_imports_mellon():
    users = {path for path in SOURCE.rglob("*.py") if any(name.split(".")[0] == "mellon" for name in imports(path))}
    # import_module does not show in the syntax tree
    by_name = {path for path in SOURCE.rglob("*.py") if 'import_module("mellon' in path.read_text()}
    assert users | by_name == {SOURCE / "_gp" / "mellon.py"}
