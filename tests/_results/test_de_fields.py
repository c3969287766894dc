"""Planned fields of a differential expression."""

import itertools

import numpy as np
import pytest

from kompot_scverse._results.de_fields import DEPlan, plan_fields
from kompot_scverse._stats.design import Design


def design(groups: tuple[str, ...] = ("Old",)) -> Design:
    conditions = ("Young", *groups)
    codes = np.repeat(np.arange(len(conditions)), 2)
    return Design("Age", conditions, codes, None, conditions, codes, np.arange(len(conditions)), codes[::2] >= 0)


def places(plan: DEPlan, own: Design) -> list[tuple[str, str]]:
    return [(field.slot, field.key) for field in plan_fields(plan, own)]


CHOICES = list(itertools.product([None, "celltype"], [False, True], [False, True], [False, True]))


@pytest.mark.parametrize(("cell_groups", "significance", "layers", "tested"), CHOICES)
@pytest.mark.parametrize("estimated", [False, True])
def test_no_two_fields_have_one_place(cell_groups, significance, layers, tested, estimated):
    plan = DEPlan(
        "K",
        cell_groups,
        significance=significance,
        all_statistics=True,
        layers=layers,
        estimated=estimated,
        tested=tested,
    )
    found = places(plan, design(("Old", "Mid")))
    assert len(set(found)) == len(found)
    assert any(slot == "layers" for slot, _ in found) == layers
    assert all(key.startswith("K_") for _, key in found)


def test_what_a_contrast_writes_is_what_it_would_alone_and_what_all_share():
    plan = DEPlan("K", None, significance=True, all_statistics=False, layers=True, estimated=True, tested=False)
    both = plan_fields(plan, design(("Old", "Mid")))
    alone = plan_fields(plan, design(("Old",)))
    listed = {(field.slot, field.key) for field in both if field.of_contrast("Young", "Old")}
    assert listed == {(field.slot, field.key) for field in alone}
