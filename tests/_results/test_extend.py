"""Results that a tool adds to a run."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._results.extend import Extension, extend
from kompot_scverse._runs.call import call_text
from kompot_scverse._runs.find import find_view


@pytest.fixture
def adata() -> AnnData:
    data = AnnData(np.zeros((4, 3)))
    add_run(data, var={"mean_lfc": np.arange(3.0)}, summary={"n_de": 1})
    return data


def add(adata: AnnData, values: np.ndarray, statistic: str = "program", **summary) -> None:
    field = ("var", statistic, "programs", values)
    extend([Extension(find_view(adata), [field], summary)], "programs", {"n_programs": 2})


def test_fields_and_summary_are_those_of_the_run(adata: AnnData) -> None:
    add(adata, np.ones(3), n_programs=2)
    view = find_view(adata)
    np.testing.assert_array_equal(view.numbers("program"), 1)
    np.testing.assert_array_equal(view.numbers("mean_lfc"), np.arange(3))
    assert view.run.run_id == 0
    assert view.run.summary == {"n_de": 1, "n_programs": 2}


def test_what_the_tool_wrote_before_is_replaced(adata: AnnData) -> None:
    add(adata, np.ones(3), "program_old")
    add(adata, np.full(3, 2.0), "program")
    assert list(adata.var) == ["k_mean_lfc", "k_Young_to_Old_program"]
    view = find_view(adata)
    assert [entry["key"] for entry in view.run.fields] == ["k_mean_lfc", "k_Young_to_Old_program"]
    np.testing.assert_array_equal(view.numbers("program"), 2)


def test_a_recorded_call_goes_on(adata: AnnData) -> None:
    data = AnnData(np.zeros((4, 3)))
    view = add_run(data, var={"mean_lfc": np.arange(3.0)})
    view.run.call.update({"function": "de", "arguments": {"groupby": "Age"}})
    extend([Extension(view, [], {})], "programs", {"n_programs": 2})
    text = call_text(find_view(data).run.call)
    assert text.endswith("kp.tl.programs(\n    adata,\n    n_programs=2,\n)")
