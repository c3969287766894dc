"""Sums over cells, block by block: here, or on the workers of a cluster that hold the blocks."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import Any

import numpy as np

from .device import accelerator, free_memory, put_rows, round_size, run_there
from .features import CellFeatures, Features, features_of, stored
from .in_turn import combined_there, gathered
from .over_cells import futures_over_cells, ranges_on_workers
from .parallel import cluster_client, sends_large
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
    cells, come back. A block that is lost is computed again. Functions take the features of a block in double precision, its codes, and further arguments;
    they are of arrays of numpy or, where jax has an accelerator, of jax there (:func:`~kompot_scverse._gp.device.numerics`).

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
        """
        Results of the blocks, combined by a function of two results; `held` arrays come before the other arguments.

        Unless they are added up, a cell that is there twice must not matter: blocks on a device are filled up with such.
        """
        if self._client is None:
            return _folded(combine, self._results(function, held, arguments, total=combine is _add))
        parts = self._submit(partial(_reduced, combine, function), held, arguments)
        found = combined_there(self._client, parts, combine)
        note_pass(len(self))
        return found

    def hold(self, function: Callable[..., np.ndarray], *arguments: Any) -> Held:
        """Arrays of cells, kept where the blocks are."""
        if self._client is None:
            found = self._results(function, None, arguments, stay=True)
            first = next(found)
            stay = self._blocks.fit(first.nbytes)
            return [one if stay else np.asarray(one) for one in chain([first], found)]
        return self._submit(partial(_mapped, function), None, arguments)

    def map(self, function: Callable[..., np.ndarray], *arguments: Any) -> np.ndarray:
        """Numbers of all cells, from arrays of the cells of each block."""
        if self._client is None:
            return np.concatenate(list(self._results(function, None, arguments)))
        return np.concatenate(gathered(self._client, self.hold(function, *arguments)))

    def _results(
        self, function: Callable, held: Held | None, arguments: tuple, total: bool = False, stay: bool = False
    ) -> Iterator[Any]:
        for number, start in enumerate(range(0, max(len(self), 1), BLOCK)):
            codes = self.codes[start : start + BLOCK]
            own = () if held is None else (held[number],)
            if self._blocks.on_device:
                rows = (self._blocks.block_there(number), codes, *own)
                yield run_there(function, rows, arguments, self._blocks.size, total=total, stay=stay)
            else:
                phi = self._blocks.here[start : start + BLOCK].astype(np.float64, copy=False)
                yield function(phi, codes, *own, *arguments)
            note_pass(len(codes))

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
    """Blocks of features: in memory here, on a device, or held by workers."""

    def __init__(self, features: Features) -> None:
        self.features, self.client = features, cluster_client()
        self.on_device = self.client is None and accelerator() is not None
        self.size = round_size(min(len(features), BLOCK))
        """Rows of all blocks on a device."""
        self._kept: dict[int, Any] = {}
        self._keeps = False

    def fit(self, n_bytes: int) -> bool:
        """Whether as many blocks of a size fit on the device."""
        return n_bytes * -(-len(self.features) // BLOCK) <= free_memory()

    def block_there(self, number: int) -> Any:
        """A block on the device; kept there if all of them fit, else computed again."""
        if number in self._kept:
            return self._kept[number]
        rows = slice(number * BLOCK, (number + 1) * BLOCK)
        if isinstance(self.features, CellFeatures):
            found = self.features.there(self.features.x[rows], self.size)
        else:
            found = put_rows(self.features[rows], self.size)
        if number == 0:
            self._keeps = self.fit(found.nbytes)
        if self._keeps:
            self._kept[number] = found
        return found

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
            own = (features.piece(slice(0)),)
            return list(futures_over_cells(self.client, features_of, features.x, arguments=own))
        with sends_large():
            return [
                self.client.submit(np.asarray, features[rows], pure=False) for rows in ranges_on_workers(len(features))
            ]


def _mapped(
    function: Callable, features: np.ndarray, codes: np.ndarray, held: np.ndarray | None, *arguments: Any
) -> np.ndarray:
    return np.concatenate(list(_on_worker(function, features, codes, held, arguments, total=False)))


def _reduced(
    combine: Callable,
    function: Callable,
    features: np.ndarray,
    codes: np.ndarray,
    held: np.ndarray | None,
    *arguments: Any,
) -> tuple:
    return _folded(combine, _on_worker(function, features, codes, held, arguments, total=combine is _add))


def _on_worker(
    function: Callable,
    features: np.ndarray,
    codes: np.ndarray,
    held: np.ndarray | None,
    arguments: tuple,
    *,
    total: bool,
) -> Iterator[Any]:
    """Results of the parts of a block, on a device if the worker has one."""
    size = round_size(min(len(codes), BLOCK))
    for start in range(0, len(codes), BLOCK):
        part = slice(start, start + BLOCK)
        rows = (features[part], codes[part], *(() if held is None else (held[part],)))
        if accelerator() is not None:
            yield run_there(function, rows, arguments, size, total=total)
        else:
            yield function(rows[0].astype(np.float64), *rows[1:], *arguments)


def _folded(combine: Callable[[tuple, tuple], tuple], results: Iterator[tuple]) -> tuple:
    total = next(results)
    for one in results:
        total = combine(total, one)
    return total


def _add(first: tuple, second: tuple) -> tuple:
    return tuple(one + other for one, other in zip(first, second, strict=True))
