"""Features of cells, computed where they are used."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from .device import accelerator, fetch_rows, on_device, repeat_last, round_size
from .over_cells import in_blocks, over_cells
from .parallel import cluster_client
from .points import Points, piece

BLOCK = 8192
"""Cells whose features are held at a time."""
VALUES = 2**24
"""Features that are computed at a time on a device, of which several copies in double precision are needed."""


@dataclass(frozen=True)
class CellFeatures:
    """
    Features of cells on one basis or several, computed from the representation for the rows that are asked for.

    It is read like an array, `features[rows]`, in single precision: features are at most 1, and are rounded by less than 1e-7 in the
    same way wherever they are used. Rows of cells without a state are NaN.
    """

    bases: tuple[Any, ...]
    """Each a :class:`~kompot_scverse._gp.basis.Basis`, or another object with `rank` and `features`."""
    x: np.ndarray | Points
    """Representation in the frame of the bases: cells × dimensions."""
    constant: bool = False
    """Whether the first feature is a constant 1."""
    scale: float = 1.0
    """What the features of the bases are multiplied by."""
    stay: bool = False
    """Whether features of rows stay on the device, if there is one, as :meth:`there` returns them."""

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × features."""
        return len(self.x), self.constant + sum(basis.rank for basis in self.bases)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        x = self.x[rows]
        if self.stay and accelerator() is not None:
            return self.there(x, round_size(len(x)))
        out = np.empty((len(x), self.shape[1]), dtype=np.float32)
        for start in range(0, len(x), BLOCK):
            block, first = x[start : start + BLOCK], int(self.constant)
            if accelerator() is not None:
                out[start : start + BLOCK] = fetch_rows(self.there(block, round_size(len(block))), len(block))
                continue
            for basis in self.bases:
                out[start : start + BLOCK, first : first + basis.rank] = self.scale * basis.features(block)
                first += basis.rank
        if self.constant:
            out[:, 0] = np.where(np.isfinite(x).all(axis=1), 1.0, np.nan)
        return out

    def there(self, x: np.ndarray, size: int) -> Any:
        """Features of other points on the device, the last row repeated up to a number of rows."""
        x, step = repeat_last(x, size), max(1, VALUES // max(self.shape[1], 1))
        step = 1 << (step.bit_length() - 1)
        with on_device() as jnp:
            parts = [self._part_there(x[start : start + step], jnp) for start in range(0, max(size, 1), step)]
            return parts[0] if len(parts) == 1 else jnp.concatenate(parts)

    def _part_there(self, x: np.ndarray, jnp: ModuleType) -> Any:
        parts = [self.scale * basis.features_there(x) for basis in self.bases]
        if self.constant:
            parts.insert(0, np.where(np.isfinite(x).all(axis=1), 1.0, np.nan)[:, None])
        return jnp.concatenate([jnp.asarray(part, dtype=np.float32) for part in parts], axis=1)

    def piece(self, rows: slice | np.ndarray) -> "CellFeatures":
        """Features of these cells alone, to be sent to another process."""
        return replace(self, x=piece(self.x, rows))

    def without_points(self, rows: slice | np.ndarray) -> "CellFeatures":
        """The same for a process that has the points of these cells."""
        return self.piece(slice(0))


type Features = np.ndarray | CellFeatures
"""Cells × features: in memory, or computed where they are used."""


def stored(features: Features) -> np.ndarray:
    """All features in memory, in single precision."""
    if not isinstance(features, CellFeatures):
        return features.astype(np.float32, copy=False)
    if cluster_client() is None:
        return features[:]
    return np.concatenate(over_cells(features_of, features.x, arguments=(features.piece(slice(0)),), what="features"))


def over_features(
    function: Callable[..., Any], features: Features, *of_rows: Any, arguments: tuple = (), what: str
) -> list[Any]:
    """
    Results of a function for the features of all blocks of cells, as :func:`over_cells` for their representation.

    Parameters
    ----------
    function
        Called with the features of a block, what goes with its rows, and the arguments; part of a module.
    features
        Cells × features.
    of_rows
        Arrays with a row for each cell.
    arguments
        What all blocks have in common.
    what
        What is computed, for the progress.
    """
    if isinstance(features, CellFeatures):
        own = partial(_with_features, function, features.piece(slice(0)))
        return over_cells(own, features.x, *of_rows, arguments=arguments, what=what)
    return in_blocks(function, features, *of_rows, arguments=arguments, what=what, size=BLOCK)


def _with_features(function: Callable[..., Any], features: CellFeatures, x: np.ndarray, *others: Any) -> Any:
    return function(features_of(x, features), *others)


def features_of(x: np.ndarray, features: CellFeatures) -> np.ndarray:
    """Features like `features` of other points in their frame, in memory."""
    return replace(features, x=x)[:]


def blocks_of(features: Any) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows and their values (of features, or of a sparse matrix), in double precision and small enough to compute with."""
    for start in range(0, features.shape[0], BLOCK):
        rows = slice(start, start + BLOCK)
        block = features[rows]
        yield rows, (block.toarray() if hasattr(block, "toarray") else block).astype(np.float64, copy=False)
