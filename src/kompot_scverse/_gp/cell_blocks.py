"""Sums over cells, block by block: here, or on the workers of a cluster that hold the blocks."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from .features import CellFeatures, Features, features_of, stored
from .over_cells import futures_over_cells, ranges_on_workers
from .parallel import cluster_client, combined_there, sends_large
from .points import piece
from .progress import note_pass

BLOCK = 16_384
"""Cells whose products are formed at a time."""
KEPT = 2**32
"""Bytes of features that are kept between passes; more are computed again in each."""

type Held = Sequence[Any]
"""Arrays of the cells of every block, where the blocks are."""


class CellBlocks:
    """
    Features of cells with what goes with them, in blocks.

    Where a `dask.distributed` client is active, its workers compute the blocks and keep them; only sums, and single numbers of
    cells, come back. A block that is lost is computed again. Functions take the features of a block in double precision, its codes, and further arguments.

    Parameters
    ----------
    features
        Cells × rank.
    codes
        A number for every cell, such as that of its sample.
    """

    def __init__(self, features: "Features | _Blocks", codes: np.ndarray) -> None:
        self._blocks = features if isinstance(features, _Blocks) else _Blocks(features)
        self.features, self.codes, self._client = self._blocks.features, codes, self._blocks.client

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × rank."""
        return len(self.codes), self.features.shape[1]

    def __len__(self) -> int:
        return len(self.codes)

    def chosen(self, cells: np.ndarray, codes: np.ndarray) -> "CellBlocks":
        """Some of the cells, with codes of their own; where they are all, the blocks are shared."""
        if cells.all():
            return CellBlocks(self._blocks, codes)
        return CellBlocks(piece(self.features, np.flatnonzero(cells)), codes)

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """Features of some cells, in double precision."""
        return self.features[numbers].astype(np.float64)

    def sum(self, function: Callable[..., tuple], *arguments: Any, held: Held | None = None) -> tuple:
        """Sums over the blocks of the arrays or numbers that a function returns."""
        return self.reduce(_add, function, *arguments, held=held)

    def reduce(
        self,
        combine: Callable[[tuple, tuple], tuple],
        function: Callable[..., tuple],
        *arguments: Any,
        held: Held | None = None,
    ) -> tuple:
        """Results of the blocks, combined by a function of two results; `held` arrays come before the other arguments."""
        if self._client is None:
            return _folded(combine, self._results(function, held, arguments))
        parts = self._submit(partial(_reduced, combine, function), held, arguments)
        found = combined_there(self._client, parts, combine)
        note_pass(len(self))
        return found

    def hold(self, function: Callable[..., np.ndarray], *arguments: Any) -> Held:
        """Arrays of cells, kept where the blocks are."""
        if self._client is None:
            return list(self._results(function, None, arguments))
        return self._submit(partial(_mapped, function), None, arguments)

    def map(self, function: Callable[..., np.ndarray], *arguments: Any) -> np.ndarray:
        """Numbers of all cells, from arrays of the cells of each block."""
        found = self.hold(function, *arguments)
        return np.concatenate(found if self._client is None else self._client.gather(found))

    def _results(self, function: Callable, held: Held | None, arguments: tuple) -> Iterator[Any]:
        for number, start in enumerate(range(0, max(len(self), 1), BLOCK)):
            rows = slice(start, start + BLOCK)
            own = () if held is None else (held[number],)
            yield function(self._blocks.here[rows].astype(np.float64, copy=False), self.codes[rows], *own, *arguments)
            note_pass(len(self.codes[rows]))

    def _submit(self, function: Callable, held: Held | None, arguments: tuple) -> list[Any]:
        blocks = self._blocks.there
        with sends_large():
            return [
                self._client.submit(function, block, codes, own, *arguments, pure=False)
                for block, codes, own in zip(blocks, self._codes, held or [None] * len(blocks), strict=True)
            ]

    @cached_property
    def _codes(self) -> list[Any]:
        """The codes on the workers."""
        return [self._client.submit(np.asarray, self.codes[rows], pure=False) for rows in ranges_on_workers(len(self))]


class _Blocks:
    """Blocks of features: in memory here, or held by workers."""

    def __init__(self, features: Features) -> None:
        self.features, self.client = features, cluster_client()

    @cached_property
    def here(self) -> Features:
        """In memory if they fit."""
        size = 4 * self.features.shape[0] * self.features.shape[1]
        return self.features if isinstance(self.features, np.ndarray) or size > KEPT else stored(self.features)

    @cached_property
    def there(self) -> list[Any]:
        """On the workers."""
        features = self.features
        if isinstance(features, CellFeatures):
            # the representation is there already
            return futures_over_cells(self.client, features_of, features.x, arguments=(features.piece(slice(0)),))
        with sends_large():
            return [
                self.client.submit(np.asarray, features[rows], pure=False) for rows in ranges_on_workers(len(features))
            ]


def _mapped(
    function: Callable, features: np.ndarray, codes: np.ndarray, held: np.ndarray | None, *arguments: Any
) -> np.ndarray:
    return np.concatenate([function(*part, *arguments) for part in _parts(features, codes, held)])


def _reduced(
    combine: Callable,
    function: Callable,
    features: np.ndarray,
    codes: np.ndarray,
    held: np.ndarray | None,
    *arguments: Any,
) -> tuple:
    return _folded(combine, (function(*part, *arguments) for part in _parts(features, codes, held)))


def _parts(features: np.ndarray, codes: np.ndarray, held: np.ndarray | None) -> Iterator[tuple[np.ndarray, ...]]:
    for start in range(0, len(codes), BLOCK):
        rows = slice(start, start + BLOCK)
        part = features[rows].astype(np.float64), codes[rows]
        yield part if held is None else (*part, held[rows])


def _folded(combine: Callable[[tuple, tuple], tuple], results: Iterator[tuple]) -> tuple:
    total = next(results)
    for one in results:
        total = combine(total, one)
    return total


def _add(first: tuple, second: tuple) -> tuple:
    return tuple(one + other for one, other in zip(first, second, strict=True))
