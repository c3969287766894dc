"""The documentation names every public name and every field, and its examples run."""

import doctest
import importlib
import re
import runpy
import sys
import tomllib
from pathlib import Path

import matplotlib as mpl
import pytest
import yaml

import kompot_scverse as kp
from kompot_scverse._cli.config import read_config

DOCS = Path(__file__).parents[1] / "docs"
MODULES = ["datasets", "get", "pl", "pp", "tl"]
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"_build", "generated", "tutorials"} & set(path.parts))
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def public_names() -> list[str]:
    """Functions and classes that users reach from `kp`, as in the API page."""
    of_package = [name for name in kp.__all__ if name not in (*MODULES, "__version__")]
    return of_package + [f"{module}.{name}" for module in MODULES for name in getattr(kp, module).__all__]


def public_object(name: str) -> object:
    module, _, attribute = f"kompot_scverse.{name}".rpartition(".")
    return getattr(importlib.import_module(module), attribute)


ROLE = re.compile(r":(?:func|class|meth|attr):`~?([\w.]+)`")


@pytest.mark.parametrize("name", public_names())
def test_links_in_docstrings_lead_somewhere(name):
    """A link by a short name is to a neighbour: sphinx warns of long names only, as it cannot follow what is elsewhere."""
    parent, _, last = f"kompot_scverse.{name}".rpartition(".")
    parts = [public_object(name), *vars(public_object(name)).values()]
    links = {link for part in parts for link in ROLE.findall(getattr(part, "__doc__", None) or "")}
    links = {link for link in links if link.split(".")[0] not in ("anndata", "mudata", "scanpy", "matplotlib", "numpy")}
    lost = [
        link
        for link in links
        if link.removeprefix("kompot_scverse.") not in public_names()
        and f"{parent}.{link}".removeprefix("kompot_scverse.") not in public_names()
        and not hasattr(public_object(name), link.removeprefix(f"kompot_scverse.{last}."))
    ]
    assert lost == []


@pytest.fixture
def drawing():
    """Figures are drawn without a window, and closed."""
    mpl.use("agg")
    # the gallery has more plots than matplotlib likes to see open at once
    with mpl.rc_context({"figure.max_open_warning": 0}):
        yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def test_api_page_lists_every_public_name():
    lines = (DOCS / "api.md").read_text().splitlines()
    listed = [line.strip() for line in lines if re.fullmatch(r"   [\w.]+", line)]
    assert sorted(listed) == sorted(public_names())


@pytest.mark.parametrize("name", public_names())
@pytest.mark.usefixtures("drawing")
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # by object, since the modules are hidden behind functions of the same name
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    results = [runner.run(found) for found in doctest.DocTestFinder().find(public_object(name), name, globs={})]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) > 0, "no example"


@pytest.mark.parametrize(
    "path",
    [page for page in (*PAGES, DOCS / "llms.txt") if PYTHON_BLOCK.search(page.read_text())],
    ids=lambda p: p.stem,
)
@pytest.mark.usefixtures("drawing")
@pytest.mark.filterwarnings("default::UserWarning")
def test_python_blocks_of_pages(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for number, block in enumerate(PYTHON_BLOCK.findall(path.read_text()), start=1):
        exec(compile(block, f"{path.name}, block {number}", "exec"), namespace)
    if path.stem == "reading":
        check_five_cases(namespace)


def check_five_cases(made: dict) -> None:
    """What the page says of its five cases."""
    assert not made["nothing"]["is_de"].any()
    assert made["by_cells"]["is_de"].sum() > 10
    assert (made["apart"]["direction"] != "neutral").all()
    assert (made["right"]["direction"] == "neutral").all()
    assert made["one_donor"]["is_de"].sum() > 10
    assert made["by_type"]["Monocyte"] < -1
    assert made["means"]["Monocyte"].isna().all()
    assert made["supported"]["Monocyte"] == made["supported"].min()
    called = {name: kp.get.de_df(made[name], sort=False)["is_de"] for name in ("confounded", "balanced")}
    assert called["confounded"].sum() > 3
    assert not called["balanced"].any()
    design = {"reference": "Young", "groups": "Old", "sample_key": "Replicate", "layer": "logged_counts"}
    with pytest.raises(ValueError, match="batch"):
        kp.tl.de(made["confounded"], "Age", covariates=["batch"], **design)
    with pytest.raises(ValueError, match="2 per condition"):
        kp.tl.de(kp.datasets.simulate(200, 5, samples={"Young": 1, "Old": 1}), "Age", **design)


@pytest.mark.parametrize("page", [page for page in PAGES if "](" in page.read_text()], ids=lambda p: p.stem)
def test_pictures_of_pages_exist(page):
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text())
    assert [name for name in pictures if not (page.parent / name).is_file()] == []


@pytest.mark.parametrize("index", ["guide.md", "tutorials.md"])
def test_indexes_say_what_each_page_is_about(index):
    text = (DOCS / index).read_text()
    pages = re.findall(r"^(?:guide/|tutorials/|workflow)\w*$", text, re.MULTILINE)
    assert set(pages) == set(re.findall(r"^\| \{doc\}`([\w/]+)` \| \w.{20,} \|$", text, re.MULTILINE))
    folder = DOCS.parent / "tutorials" if index == "tutorials.md" else DOCS / "guide"
    assert {path.stem for path in folder.glob("*[a-z].[im][pd]*")} <= {page.rpartition("/")[2] for page in pages}


def test_gallery_has_every_plot():
    shown = re.findall(r"_static/gallery/(\w+)\.png", (DOCS / "gallery.md").read_text())
    assert {name.partition("_abundance")[0] for name in shown} == set(kp.pl.__all__) - {"Panels"}


def test_table_of_array_types_has_every_container():
    path = DOCS / "_ext" / "array_types.py"
    made = runpy.run_path(str(path))
    matrix = made["load"]()
    rows = made["table"](matrix).splitlines()[2:]
    assert len(rows) == 1 + len(matrix.CONVERT) + len(matrix.OPEN)
    assert all(any(f": {name} |" in row for row in rows) for name in (*matrix.CONVERT, *matrix.OPEN))


def test_readme_decides_in_a_minute():
    text = (DOCS.parent / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    names = set(re.findall(r"`kp\.([a-z]+\.\w+|Design)", text))
    assert names - set(public_names()) == set()
    _, after = text.split("<!-- comparison -->")
    rows = after.split("<!-- end of comparison -->")[0].strip().splitlines()[2:]
    guide = (DOCS / "guide" / "estimates.md").read_text()
    assert len(rows) == 4
    assert [row for row in rows if row.rstrip("| ") not in guide] == []


@pytest.mark.parametrize("page", ["guide/agents.md", "guide/reading.md", "gallery.md", "llms.txt"])
def test_calls_in_tables_exist(page):
    named = set(re.findall(r"\bkp\.((?:tl|pp|pl|get|datasets)\.\w+)", (DOCS / page).read_text()))
    assert named
    assert named - set(public_names()) == set()


def test_commands_of_the_benchmarks_page_exist():
    """No figure without the command that prints it: the scripts are there and have the options."""
    commands = re.findall(r"^python (benchmarks/\S+\.py)(.*)$", (DOCS / "benchmarks.md").read_text(), re.MULTILINE)
    assert len(commands) >= 4
    for path, options in commands:
        script = DOCS.parent / path
        shared = script.with_name("results.py")
        source = script.read_text() + (shared.read_text() if shared.exists() else "")
        for option in re.findall(r"--[a-z-]+", options):
            assert f'"{option}"' in source, f"{path} has no {option}"
            for value in re.findall(rf'{option} "([^"]+)"', options):
                assert value in source, value


def test_settings_file_of_the_workflow_page(tmp_path):
    path = tmp_path / "de.yaml"
    path.write_text(re.search(r"^```yaml\n(.*?)^```", (DOCS / "workflow.md").read_text(), re.MULTILINE | re.DOTALL)[1])
    given = read_config(path, kp.tl.de)
    assert given["test"] == {"null_genes": 5000, "threshold": 0.1}
    assert given["groups"] == ["Old"]


def test_addresses_are_those_of_the_project():
    """`pyproject.toml` is the one place; what cannot read it says the same."""
    urls = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]["urls"]
    listing = yaml.safe_load((DOCS / "_ecosystem" / "meta.yaml").read_text())
    assert listing["project_home"] == urls["Source"]
    assert listing["documentation_home"] == urls["Documentation"]
    assert listing["tutorials_home"].startswith(urls["Documentation"])
    assert urls["Homepage"] == urls["Source"]
    assert all(urls[name].startswith(urls["Source"]) for name in ("Changelog", "Issues"))
    assert listing["publications"] == [
        urls[name].removeprefix("https://doi.org/") for name in ("Kompot (method)", "Mellon (method)")
    ]


def test_map_of_the_source_has_every_room():
    text = (DOCS / "contributing.md").read_text()
    source = Path(kp.__file__).parent
    rooms = [path.name for path in source.iterdir() if path.is_dir() and (path / "__init__.py").is_file()]
    table = text[text.index("## Map of the source") : text.index("## Releases")]
    assert [room for room in rooms if f"`{room}`" not in table] == []
    files = re.findall(r"`((?:_\w+|tl|pl|pp|get)/\w+\.py)`", table)
    assert [name for name in files if not (source / name).is_file()] == []


def test_fields_page_explains_every_field(adata):
    gp = kp.GPSettings.kompot()
    with_samples = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
    kp.tl.da(adata, "Age", **with_samples)
    for settings in (None, gp):
        kp.tl.de(
            adata, "Age", layer="logged_counts", cell_groups="celltype", gp=settings, overwrite=True,
            test=kp.TestSettings(all_statistics=True, null_genes=100), **with_samples,
        )  # fmt: skip
    explained = set(re.findall(r"`(K_[^`]+)`", (DOCS / "guide" / "fields.md").read_text()))
    for number, run in enumerate(kp.get.runs(adata)["key_added"]):
        for key in kp.RunInfo(adata, number, analysis=None).fields["key"]:
            general = key.replace(run, "K").replace("Young_to_Old", "R_to_G").removesuffix("_sample_var")
            general = re.sub("_(Young|Old)_", "_{R,G}_", general).replace("_celltype_", "_<cell_groups>_")
            assert general in explained, f"{key} is not in docs/guide/fields.md"
