"""The table of programs."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

import kompot_scverse as kp


def test_programs_are_numbered_from_one_and_their_genes_are_a_text() -> None:
    data = AnnData(np.zeros((4, 2)))
    rows = [{"n_genes": 9, "genes": ["a", "b"]}, {"n_genes": 3, "genes": []}]
    add_run(data, summary={"programs": rows}, var={"mean_lfc": np.zeros(2)})
    found = kp.get.programs(data)
    assert found.index.to_list() == ["1", "2"]
    assert found.index.name == "program"
    assert found.to_dict("list") == {"n_genes": [9, 3], "genes": ["a, b", ""]}


def test_runs_without_programs_say_so() -> None:
    data = AnnData(np.zeros((4, 2)))
    add_run(data, var={"mean_lfc": np.zeros(2)})
    with pytest.raises(LookupError, match=r"No programs of run 0 .*kp.tl.programs"):
        kp.get.programs(data)
