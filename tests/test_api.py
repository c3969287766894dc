"""What is public: documented, typed, called alike, listed; and what the package declares about itself."""

import ast
import dataclasses
import importlib
import inspect
import re
import sys
import tomllib
from importlib.metadata import entry_points, packages_distributions, requires, version
from pathlib import Path

import pytest

import kompot_scverse as kp

SOURCE = Path(kp.__file__).parent
MODULES = ["datasets", "get", "pl", "pp", "tl"]
FUNCTIONS = [
    f"{module}.{name}"
    for module in MODULES
    for name in getattr(kp, module).__all__
    if inspect.isfunction(getattr(getattr(kp, module), name))
] + ["report"]
CLASSES = [name for name in kp.__all__ if inspect.isclass(getattr(kp, name))]
SETTINGS = [name for name in CLASSES if dataclasses.is_dataclass(getattr(kp, name))]


def function(name: str):
    found = kp
    for part in name.split("."):
        found = getattr(found, part)
    return found


def sections(text: str) -> dict[str, str]:
    """Sections of a numpy-style docstring."""
    parts = re.split(r"^([A-Z]\w+)\n-+\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(text: str) -> list[str]:
    """Parameters of a section, in order."""
    entries = re.findall(r"^(\S.*)$", text, flags=re.MULTILINE)
    return [name.lstrip("*") for entry in entries for name in re.split(r",\s*", entry.split(" : ")[0])]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_documented(name: str) -> None:
    text = inspect.getdoc(function(name)) or ""
    assert text, "no docstring"
    found = sections(text)
    parameters = list(inspect.signature(function(name)).parameters)
    assert sorted(documented(found.get("Parameters", ""))) == sorted(parameters)
    assert found["Returns"].strip()
    assert f"kp.{name}(" in found["Examples"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_typed(name: str) -> None:
    signature = inspect.signature(function(name))
    assert signature.return_annotation is not signature.empty
    untyped = [one.name for one in signature.parameters.values() if one.annotation is one.empty]
    assert not untyped


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith("datasets.")])
def test_functions_are_called_alike(name: str) -> None:
    """`data` first, and at most one more positional argument; the plan has those of the tool that it names."""
    parameters = list(inspect.signature(function(name)).parameters.values())
    assert parameters[0].name == "data"
    positional = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    assert len(positional) <= (3 if name == "pp.plan" else 2), positional


@pytest.mark.parametrize("module", MODULES)
def test_one_public_function_a_file(module: str) -> None:
    """Every file without underscore is a public function of its name, and every public function has such a file."""
    files = {path.stem for path in (SOURCE / module).glob("*.py") if not path.stem.startswith("_")}
    assert files == {name.partition(".")[2] for name in FUNCTIONS if name.startswith(f"{module}.")}
    assert list(getattr(kp, module).__all__) == sorted(getattr(kp, module).__all__)


@pytest.mark.parametrize("name", CLASSES)
def test_class_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(kp, name))
    undocumented = [
        attribute
        for attribute, value in vars(getattr(kp, name)).items()
        if not attribute.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
        if not (value.fget if isinstance(value, property) else value).__doc__
    ]
    assert not undocumented


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_explained(name: str) -> None:
    """A sentence below each field, and a default that needs nothing."""
    (found,) = (
        node
        for node in ast.parse((SOURCE / ("design.py" if name == "Design" else "settings.py")).read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    explained = {
        field.target.id
        for field, text in zip(found.body, found.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
    kind = getattr(kp, name)
    assert explained == {field.name for field in dataclasses.fields(kind)}
    given = ("~ a", "a") if name == "Design" else ()
    assert kind(*given) == kind(*given)
    assert hash(kind(*given)) == hash(kind(*given))  # frozen


def test_all_is_what_there_is() -> None:
    assert sorted(kp.__all__) == list(kp.__all__) == dir(kp)
    for name in kp.__all__:
        # a module, a class or the version
        assert getattr(kp, name).__doc__
    with pytest.raises(AttributeError, match="nothing"):
        kp.nothing  # noqa: B018


def test_version_and_entry_point() -> None:
    assert kp.__version__ == version("kompot-scverse")
    (command,) = entry_points(group="console_scripts", name="kompot-scverse")
    assert callable(command.load())
    assert (SOURCE / "py.typed").is_file()


def test_citation_has_the_version() -> None:
    root = Path(__file__).parents[1]
    stated = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {stated}\n" in (root / "CITATION.cff").read_text()


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_imported_is_declared() -> None:
    """Every package that the source imports is a dependency, not one by way of another."""
    imported = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.partition(".")[0])
    imported -= {"kompot_scverse", *sys.stdlib_module_names}
    imported -= {"pyarrow", "faiss"}  # asked for where there is a parquet file, and for approximate neighbours
    declared = {
        plain(re.match(r"[\w.-]+", line)[0]) for line in requires("kompot-scverse") or () if "extra" not in line
    }
    of_package = packages_distributions()
    missing = [name for name in imported if not declared & {plain(one) for one in of_package[name]}]
    assert not missing


def test_submodules_load_when_used() -> None:
    assert all(importlib.import_module(f"kompot_scverse.{name}") is getattr(kp, name) for name in MODULES)
