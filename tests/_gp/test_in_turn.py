"""On workers, few tasks are under way at a time, and few results wait for others."""

from collections.abc import Iterator
from typing import Any

import pytest

from kompot_scverse._gp.in_turn import AHEAD, combined_there, gathered


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        client.as_current(),
    ):
        yield client


def numbered(client: Any, n: int, open_: list[int]) -> Iterator[Any]:
    """A task for each number; how many are not done when the next is submitted is noted."""
    made = []
    for number in range(n):
        open_.append(sum(not future.done() for future in made))
        made.append(client.submit(lambda number: (number,), number, pure=False))
        yield made[-1]


def test_results_come_in_order_and_few_are_under_way(client) -> None:
    not_done: list[int] = []
    assert gathered(client, numbered(client, 40, not_done)) == [(number,) for number in range(40)]
    assert max(not_done) <= AHEAD


@pytest.mark.parametrize("n", [1, 2, 3, 7, 24])
def test_neighbours_are_combined_while_others_are_to_come(client, n: int) -> None:
    scheduler, held = client.cluster.scheduler, []

    def submitted() -> Iterator[Any]:
        for number in range(n):
            held.append(sum(task.state == "memory" for task in scheduler.tasks.values()))
            yield client.submit(lambda number: (number,), number, pure=False)

    assert combined_there(client, submitted(), lambda one, other: one + other) == tuple(range(n))
    assert max(held) <= 2 * AHEAD + 6


def test_an_error_ends_the_work(client) -> None:
    submitted = []

    def fails_second(number: int) -> int:
        return 1 // (number - 1)

    def tasks() -> Iterator[Any]:
        for number in range(50):
            submitted.append(number)
            yield client.submit(fails_second, number, pure=False)

    with pytest.raises(ZeroDivisionError):
        combined_there(client, tasks(), int.__add__)
    assert len(submitted) < 10
