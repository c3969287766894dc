"""Cell states: a representation in the coordinates of a frame, which are computed for the rows that are asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .frame import Frame


@dataclass(frozen=True, eq=False)
class Points:
    """
    Points in a frame, read like an array, `points[rows]` or `points[rows, column]`, in double precision.

    In memory is only the representation as it came, often in single precision: of ten million cells in 30 dimensions 1.2 GB and
    not 2.4 GB more.
    """

    values: np.ndarray
    """Representation: cells × dimensions."""
    frame: Frame

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × dimensions."""
        return self.values.shape[0], self.values.shape[1]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, tuple):
            return self.frame.column(self.values[rows], rows[1])
        return self.frame.inward(self.values[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)

    def piece(self, rows: slice | np.ndarray) -> "Points":
        """Some of the points alone."""
        return Points(self.values[rows], self.frame)


def columns_of(x: "np.ndarray | Points") -> Any:
    """One coordinate of all points after the other."""
    return (x[:, number] for number in range(x.shape[1]))


def piece(values: Any, rows: slice | np.ndarray) -> Any:
    """What a worker needs to have some rows: these rows, or of what computes them the means to do so."""
    return values.piece(rows) if hasattr(values, "piece") else values[rows]


def joined(blocks: list[Any]) -> Any:
    """Points or arrays of several blocks, one after the other."""
    first = blocks[0]
    if len(blocks) == 1:
        return first
    if isinstance(first, Points):
        return Points(np.concatenate([block.values for block in blocks]), first.frame)
    return np.concatenate(blocks)
