"""Predicted time: it is made of operations and of what they take, and more of anything takes longer."""

from dataclasses import replace

import pytest

from kompot_scverse._plan import seconds as module
from kompot_scverse._plan.cost import STAGES, Sizes
from kompot_scverse._plan.machine import Machine
from kompot_scverse._plan.seconds import CONSTANT, OF_ABUNDANCE, OF_TESTS, core_seconds, seconds, work_items

MACHINE = Machine(dense=4e-11, sparse=2e-10, element=8e-10, cores=4)
DE = Sizes(
    n_obs=10_000, n_cells=8_000, n_dims=20, n_conditions=2, n_samples=6, rank=100, replicates=True, n_genes=2_000,
    n_all_genes=2_000, n_tested=2_000, n_null=100, density=0.1, n_weights=30, n_layers=1, estimated=True,
)  # fmt: skip
DA = replace(DE, n_genes=0, n_all_genes=0, n_tested=0, n_null=0, n_layers=0, n_rough=64)
DENSITY = replace(DA, n_rough=0, all_neighbors=True)


def step(sizes, what, machine=MACHINE):
    return sum(work.seconds for work in work_items(sizes, machine) if work.what == what)


@pytest.mark.parametrize("sizes", [DE, DA, DENSITY, replace(DE, estimated=False), replace(DE, replicates=False)])
def test_stages_add_up_and_cores_share_them(sizes):
    works = work_items(sizes, MACHINE)
    assert {work.stage for work in works} <= set(STAGES)
    assert all(work.seconds > 0 for work in works)
    assert core_seconds(sizes, MACHINE) == pytest.approx(sum(work.seconds for work in works))
    one = sum(seconds(sizes, replace(MACHINE, cores=1)).values())
    assert one == pytest.approx(core_seconds(sizes, MACHINE))
    serial = sum(work.seconds for work in works if not work.parallel)
    assert sum(seconds(sizes, MACHINE).values()) == pytest.approx(serial + (one - serial) / 4)


@pytest.mark.parametrize(("sizes", "further"), [(DE, OF_TESTS), (DA, OF_ABUNDANCE), (DENSITY, 0.0)])
def test_a_machine_half_as_fast_takes_twice_as_long(sizes, further):
    slow, constant = Machine(dense=8e-11, sparse=4e-10, element=16e-10, cores=4), CONSTANT + further
    assert core_seconds(sizes, slow) - constant == pytest.approx(2 * (core_seconds(sizes, MACHINE) - constant))


@pytest.mark.parametrize("sizes", [DE, DA, DENSITY])
@pytest.mark.parametrize(
    "change",
    [{"n_obs": 100_000, "n_cells": 80_000}, {"rank": 400}, {"n_dims": 50}],
    ids=lambda change: next(iter(change)),
)
def test_more_of_anything_takes_longer(sizes, change):
    assert core_seconds(replace(sizes, **change), MACHINE) > core_seconds(sizes, MACHINE)


@pytest.mark.parametrize(
    "change",
    [
        {"n_genes": 8_000, "n_all_genes": 8_000}, {"n_tested": 4_000}, {"n_null": 2_000}, {"n_layers": 7},
        {"n_weights": 60}, {"density": 0.4}, {"in_file": True},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_more_of_the_expression_takes_longer(change):
    assert core_seconds(replace(DE, **change), MACHINE) > core_seconds(DE, MACHINE)


def test_log_ratios_are_fitted_one_after_the_other():
    more = replace(DA, n_conditions=4)
    for what in ("log ratios", "amplitudes", "fields of samples"):
        assert step(more, what) == pytest.approx(3 * step(DA, what))


def test_steps_are_operations_times_what_they_take():
    # 8,000 cells with 10 % of 2,100 genes
    values = 8_000 * 2_100 * 0.1
    expected = values * (module.VALUE * MACHINE.element + 100 * MACHINE.sparse)
    assert step(DE, "sums") == pytest.approx(expected)
    assert step(DE, "layers") == pytest.approx(10_000 * 2_000 * (100 * MACHINE.dense + 2 * MACHINE.element))
    assert step(replace(DE, density=1.0), "sums") == pytest.approx(
        10 * values * (module.VALUE * MACHINE.element + 100 * MACHINE.dense)
    )


def test_neighbours_of_some_cells_are_linear_and_of_all_quadratic_until_there_is_an_index(monkeypatch):
    many = {"n_cells": 2_000_000, "n_obs": 2_000_000}
    more = {"n_cells": 4_000_000, "n_obs": 4_000_000}
    assert step(replace(DA, **more), "neighbours") == pytest.approx(2 * step(replace(DA, **many), "neighbours"))
    for has, growth in ((False, 4.0), (True, 2**1.5)):
        monkeypatch.setattr(module, "has_faiss", lambda has=has: has)
        grown = step(replace(DENSITY, **more), "neighbours") / step(replace(DENSITY, **many), "neighbours")
        assert grown == pytest.approx(growth)
