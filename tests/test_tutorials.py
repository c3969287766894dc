"""The tutorials: the first one runs on a small simulation; all are stored with outputs that say nothing of a machine."""

import json
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
MAX_BYTES = 1_500_000
MACHINE = re.compile(r"/(tmp|home|root|work|Users|mnt)/|site-packages|ipykernel_\d|Traceback|Warning:")


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.mark.filterwarnings("default::UserWarning")
def test_sample_variance_on_a_small_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    shown = []
    namespace = {"display": shown.append}
    small, n_replaced = "N_CELLS, N_GENES = 900, 80", 0
    for number, cell in enumerate(code_cells(TUTORIALS / "01_sample_variance.ipynb"), start=1):
        code, changed = re.subn(r"N_CELLS, N_GENES = [\d_]+, [\d_]+", small, source(cell))
        n_replaced += changed
        exec(compile(code, f"cell {number}", "exec"), namespace)
        plt.close("all")
    assert n_replaced == 1
    assert len(namespace["adata"]) == 900
    truth = shown[-1]
    # the run with samples calls something true, and never more genes that one odd sample alone makes different
    assert truth.loc["with samples", "truly different"] > 0
    assert truth.loc["with samples", "one odd sample"] <= truth.loc["without samples", "one odd sample"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs(path):
    cells = code_cells(path)
    assert path.stat().st_size < MAX_BYTES
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)), "not executed in order"
    assert any(cell["outputs"] for cell in cells)
    for cell in cells:
        compile(source(cell), path.name, "exec")
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            texts = [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if k.startswith("text/"))]
            for text in texts:
                assert not MACHINE.search("".join(text))


def test_tutorials_are_linked():
    page = (TUTORIALS.parent / "docs" / "tutorials.md").read_text()
    assert re.findall(r"^tutorials/(\w+)$", page, re.MULTILINE) == [path.stem for path in NOTEBOOKS]
    assert all(f"{{doc}}`tutorials/{path.stem}`" in page for path in NOTEBOOKS)
