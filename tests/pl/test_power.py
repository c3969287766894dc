"""Expected power as lines."""

import numpy as np
import pandas as pd
import pytest

import kompot_scverse as kp


def table(by: str, names: list[str]) -> pd.DataFrame:
    rows = [
        {"n_samples": n, "lfc": lfc, by: name, "power": min(1.0, n * lfc / 10), "std_error": 0.05, "share": 0.25}
        for n in (3, 5, 10)
        for lfc in (0.5, 1.0)
        for name in names
    ]
    found = pd.DataFrame(rows)
    return found if by == "cell_group" else found.drop(columns="share")


def test_a_line_for_each_change_in_a_panel_for_each_level(assert_not_clipped):
    drawn = table("level", ["all", "low", "high"])
    drawn.attrs |= {"title": "a → b", "fdr": 0.05}
    panels = kp.pl.power(drawn)
    assert list(panels.axes) == ["all", "low", "high"]
    lines = {line.get_label(): line for line in panels.axes["low"].lines if not line.get_label().startswith("_")}
    np.testing.assert_allclose(lines["1"].get_xydata(), [[3, 0.3], [5, 0.5], [10, 1.0]])
    np.testing.assert_allclose(lines["0.5"].get_ydata(), [0.15, 0.25, 0.5])
    assert panels.axes["all"].get_title() == "all genes"
    assert panels.figure.get_suptitle() == "a → b, FDR 0.05"
    assert_not_clipped(panels.figure)


def test_panels_of_categories_name_their_share(assert_not_clipped):
    panels = kp.pl.power(table("cell_group", ["A", "B", "C", "D", "E"]))
    assert panels.axes["E"].get_title() == "E (25 %)"
    assert_not_clipped(panels.figure)


def test_other_things_are_an_error(replicated):
    with pytest.raises(TypeError, match="the table that"):
        kp.pl.power(replicated)
    with pytest.raises(KeyError, match="std_error"):
        kp.pl.power(table("level", ["all"]).drop(columns="std_error"))
    with pytest.raises(ValueError, match="no rows"):
        kp.pl.power(table("level", ["all"]).iloc[:0])
    assert "power" not in dir(replicated.kompot.pl)
    assert "power" in dir(replicated.kompot.pp)
