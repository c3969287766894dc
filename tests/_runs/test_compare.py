"""Two runs side by side."""

from dataclasses import replace

import pytest

from kompot_scverse._runs.compare import compare_runs
from kompot_scverse._runs.run import Run


def entry(key: str, statistic: str = "mean_lfc", **more: str) -> dict[str, str]:
    return {"slot": "var", "key": key, "statistic": statistic, "description": f"what {key} is"} | more


CONTRAST = {"groupby": "Age", "reference": "Young", "group": "Old"}
FIRST = Run(
    0, "de", "K", CONTRAST, {"ls": 1.0, "rank": 5}, {}, {}, [entry("K_b"), entry("K_a"), entry("K_c")],
    environment={"numpy": "2.2", "scipy": "1.15"}, fingerprint={"cells": "ab", "expression": "x"},
)  # fmt: skip
SECOND = replace(
    FIRST, run_id=1, params={"ls": 2.0, "rank": 5, "paired": True}, fields=[entry("K_a"), entry("K_b"), entry("K_d")],
    environment={"numpy": "2.3", "scipy": "1.15"}, fingerprint={"cells": "cd"},
)  # fmt: skip


def test_parameters_packages_and_fields_that_differ() -> None:
    found = compare_runs(FIRST, SECOND, [FIRST, SECOND], [FIRST, SECOND])
    assert found.same_data
    assert found.params.to_dict("index") == {
        "ls": {"first": 1.0, "second": 2.0},
        "paired": {"first": "(not there)", "second": True},
        # of the expression only one has a fingerprint
        "cells (fingerprint)": {"first": "ab", "second": "cd"},
    }
    # analysis, key_added, three of the contrast and the rank
    assert found.n_equal == 6
    assert found.environment.index.to_list() == ["numpy"]
    assert found.n_equal_environment == 1
    assert found.shared_fields["key"].to_list() == ["K_b", "K_a"]
    assert found.shared_fields["last_writer"].to_list() == [1, 1]
    assert found.only_first["key"].to_list() == ["K_c"]
    assert found.only_second["key"].to_list() == ["K_d"]


def test_runs_of_other_objects_have_writers_of_their_own() -> None:
    later = replace(FIRST, run_id=4)
    found = compare_runs(FIRST, SECOND, [FIRST, later], [SECOND])
    assert not found.same_data
    assert found.shared_fields[["last_writer", "last_writer_of_other"]].to_numpy().tolist() == [[4, 1], [4, 1]]
    assert "different objects" in repr(found)
    assert repr(found).startswith("Run 0 (this) and run 1 (other)")


def test_an_object_that_was_analysed_further_is_the_same() -> None:
    assert compare_runs(FIRST, SECOND, [FIRST], [FIRST, SECOND]).same_data


@pytest.mark.parametrize("second", [FIRST, replace(FIRST, fields=[])])
def test_tables_without_rows_keep_their_columns(second: Run) -> None:
    found = compare_runs(FIRST, second, [FIRST, second], [FIRST, second])
    for table in (found.shared_fields, found.only_first, found.only_second):
        assert {"slot", "key", "statistic", "description"} <= set(table.columns)
    assert "Parameters" not in repr(found)
    assert "Differing" not in found._repr_html_()


def test_fields_of_modalities_are_told_apart() -> None:
    first = replace(FIRST, fields=[entry("K_a", mod="rna")])
    second = replace(FIRST, run_id=1, fields=[entry("K_a", mod="prot")])
    found = compare_runs(first, second, [first, second], [first, second])
    assert found.shared_fields.empty
    assert found.only_first["mod"].to_list() == ["rna"]
    assert "mdata['rna'].var['K_a']" in repr(found)
    assert "mdata[&#x27;prot&#x27;].var" in found._repr_html_()
