"""Tasks on the workers of a cluster, a few at a time: what is sent or comes back never waits for all cells at once."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .parallel import sends_large

AHEAD = 3
"""Tasks of each thread that are under way."""


def in_turn(client: Any, futures: Iterable[Any]) -> Iterator[Any]:
    """
    Futures in their order, each when it is done.

    Parameters
    ----------
    client
        The client.
    futures
        Submits the next task each time that it is asked for one, which is only a few tasks ahead of those that are done.
    """
    # only where there is a client is the package known to be there
    wait = sys.modules["distributed"].wait
    n, waiting = AHEAD * max(sum(client.nthreads().values()), 1), deque[Any]()
    with sends_large():
        for future in futures:
            waiting.append(future)
            if len(waiting) > n:
                wait(waiting[0])
                yield waiting.popleft()
    while waiting:
        wait(waiting[0])
        yield waiting.popleft()


def gathered(client: Any, futures: Iterable[Any]) -> list[Any]:
    """Results of all tasks here; those that are here are given up there."""
    return [future.result() for future in in_turn(client, futures)]


def combined_there(client: Any, futures: Iterable[Any], combine: Callable[[Any, Any], Any]) -> Any:
    """One result of many, combined on the workers as they come: of n results, only about log n wait there for others."""
    waiting: dict[int, Any] = {}
    for part in in_turn(client, futures):
        if part.status == "error":
            part.result()
        level = 0
        while level in waiting:
            part, level = client.submit(combine, waiting.pop(level), part, pure=False), level + 1
        waiting[level] = part
    total, *larger = (waiting[level] for level in sorted(waiting))
    for part in larger:
        total = client.submit(combine, part, total, pure=False)
    return total.result()
