"""What tables of genes and of cells have in common."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from kompot_scverse.get._tables import joined, to_log2


def view(run_id: int, group: str, mod: str) -> SimpleNamespace:
    return SimpleNamespace(run=SimpleNamespace(run_id=run_id), group=group, mod=mod)


def table(value: float) -> pd.DataFrame:
    return pd.DataFrame({"lfc": [value]}, index=["g"])


def test_columns_tell_contrasts_and_modalities_apart_where_there_are_several():
    assert joined([view(0, "Old", "rna")], [table(1.0)], by_mod=False).columns.to_list() == ["lfc"]
    views = [view(0, "Mid", "rna"), view(1, "Old", "rna"), view(1, "Old", "prot")]
    found = joined(views, [table(1.0), table(2.0), table(3.0)], by_mod=True)
    assert found.to_numpy().tolist() == [["rna", "Mid", 1.0], ["rna", "Old", 2.0], ["prot", "Old", 3.0]]
    # one run of two modalities has one contrast
    assert "group" not in joined(views[1:], [table(2.0), table(3.0)], by_mod=True)


def test_natural_logs_become_log2_and_nothing_else_changes():
    found = to_log2(pd.DataFrame({"lfc": np.log([2.0, 8.0]), "z": [1.0, 2.0]}), ["lfc", "absent"])
    np.testing.assert_allclose(found["lfc"], [1, 3])
    assert found["z"].to_list() == [1, 2]
