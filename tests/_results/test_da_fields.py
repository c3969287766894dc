"""What is planned for the cells is what is filled; cells without a state have no direction."""

import numpy as np
import pytest

from kompot_scverse._results.da_fields import DAPlan, cell_values, plan_fields
from kompot_scverse._stats.abundance_estimate import CellResults
from kompot_scverse._stats.design import Design

CODES = np.repeat([0, 1, 2], 2)


def design(*, samples: bool) -> Design:
    names = ("a", "b", "c") if samples else ("Young", "Old", "Mid")
    return Design(
        "Age", ("Young", "Old", "Mid"), CODES, "donor" if samples else None, names, CODES, np.arange(3),
        np.ones(3, dtype=bool),
    )  # fmt: skip


def results(method: str, *, tested: bool) -> CellResults:
    values = np.array([1.0, -1.0, 0.5, np.nan, 0.0, 2.0])
    direction = np.array([2, 0, 1, 2, 1, 2], dtype=np.int8)
    test = {"pvalue": values, "qvalue": values, "neighborhood_lfc": values} if tested else {}
    return CellResults(values, values, values, direction, lfsr=values if method == "ratio" else None, **test)


@pytest.mark.parametrize("method", ["ratio", "density"])
@pytest.mark.parametrize("tested", [False, True])
def test_every_planned_field_is_filled(method, tested):
    plan, own = DAPlan("K", method), design(samples=tested)
    fields = np.arange(18.0).reshape(3, 6)
    filled = cell_values(plan, own, fields, [results(method, tested=tested)] * 2)
    assert set(filled) == {(field.slot, field.key) for field in plan_fields(plan, own)}
    np.testing.assert_array_equal(filled["obs", f"K_Mid_log_{method}"], fields[2])
    direction = filled["obs", f"K_Young_to_Mid_lfc_direction{'_sample_var' if tested else ''}"]
    assert direction.isna().tolist() == [False, False, False, True, False, False]
    assert direction[[0, 1, 2]].tolist() == ["up", "down", "neutral"]
