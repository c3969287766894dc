"""Expression matrices of any container as blocks of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

__all__ = ["MatrixReader", "matrix_reader"]

COUNT_ROWS = 200
"""Rows looked at to tell counts from normalised expression."""
UNKNOWN_DENSITY = 0.1
DISK_ROWS = 8192
"""Rows read at a time from a file."""


@dataclass(frozen=True)
class MatrixReader:
    """Rows of an expression matrix, checked and as float; see `_gp.row_tasks.RowReader`."""

    values: Any
    columns: np.ndarray | None
    """Genes to read; None for all."""
    shape: tuple[int, int]
    chunks: Sequence[tuple[int, int]] | None
    name: str
    """What to call the matrix in an error."""
    finite: bool = True
    """Whether values that are not finite are an error."""

    @property
    def movable(self) -> bool:
        """Whether pieces can be sent to another process: open files cannot."""
        return self.chunks is None or hasattr(self.values, "dask")

    def piece(self, rows: slice | np.ndarray) -> "MatrixReader":
        """A reader of these rows alone; of a dask array only the recipe for them."""
        values = self.values[rows]
        if hasattr(values, "dask"):
            import dask

            (values,) = dask.optimize(values)
        return replace(self, values=values, shape=(values.shape[0], self.shape[1]), chunks=None)

    def select(self, columns: np.ndarray | None) -> "MatrixReader":
        """A reader of these genes alone; this one must read all, and None stands for them."""
        if columns is None:
            return self
        return replace(self, columns=columns, shape=(self.shape[0], len(columns)))

    def lenient(self) -> "MatrixReader":
        """A reader that takes values that are not finite."""
        return replace(self, finite=False)

    def density(self) -> float:
        """Share of stored values; 1 for dense and, where it is not known without reading, 0.1 for sparse."""
        if sp.issparse(self.values):
            return self.values.nnz / max(np.prod(self.values.shape), 1)
        sparse = hasattr(self.values, "format") or sp.issparse(getattr(self.values, "_meta", None))
        return UNKNOWN_DENSITY if sparse else 1.0

    def looks_like_counts(self) -> bool:
        """Whether the first rows hold whole numbers only, some of them above 1."""
        # unchecked: cells that take no part may hold anything
        block = self.unchecked(slice(0, COUNT_ROWS))
        stored: np.ndarray = block.data if isinstance(block, sp.csr_array) else block.ravel()
        return bool(stored.size and stored.max() > 1 and (stored == np.rint(stored)).all())

    def read(self, rows: slice | np.ndarray) -> np.ndarray | sp.csr_array:
        """The rows as a dense array or csr, float32 (also from integers) or float64."""
        block = self.unchecked(rows)
        stored: np.ndarray = block.data if isinstance(block, sp.csr_array) else block
        # a sum is finite only if all terms are, and costs no temporary
        if self.finite and not np.isfinite(stored.sum(dtype=np.float64)):
            raise ValueError(
                f"{self.name} has values that are not finite (NaN or inf). Remove or impute them, for example with "
                "`sc.pp.filter_genes`, or analyse other genes with `genes=`."
            )
        return block

    def unchecked(self, rows: slice | np.ndarray) -> np.ndarray | sp.csr_array:
        """As :meth:`read`, without the check."""
        block = self.values[rows]
        if hasattr(block, "dask"):
            import dask

            # in this task; the function and not its name, which would make dask import distributed
            block = block.compute(scheduler=dask.get)
        if isinstance(block, np.matrix):
            block = np.asarray(block)
        if sp.issparse(block):
            block = sp.csr_array(block)
        if self.columns is not None:
            block = block[:, self.columns]
        if block.dtype not in (np.float32, np.float64):
            block = block.astype(np.float32)
        return block


def matrix_reader(values: Any, columns: np.ndarray | None, name: str) -> MatrixReader:
    """
    Read rows of a matrix in memory, on disk or in dask.

    Parameters
    ----------
    values
        numpy array, scipy csr or csc (matrix or array), dask array of any of them, or a backed array of anndata.
    columns
        Numbers of the genes to read; None for all.
    name
        What to call the matrix in an error.
    """
    shape = (values.shape[0], values.shape[1] if columns is None else len(columns))
    if hasattr(values, "dask"):
        if values.numblocks[1] > 1:
            values = values.rechunk({1: -1})
        edges = np.cumsum([0, *values.chunks[0]])
        return MatrixReader(values, columns, shape, list(zip(edges[:-1], edges[1:], strict=True)), name)
    if sp.issparse(values):
        if columns is not None and values.format == "csc":
            values, columns = values[:, columns], None
        return MatrixReader(values.tocsr(), columns, shape, None, name)
    if isinstance(values, np.ndarray):
        return MatrixReader(values, columns, shape, None, name)
    if hasattr(values, "to_memory") and getattr(values, "format", None) == "csc":
        # rows of a csc file would be searched in the whole file again and again
        return matrix_reader(values.to_memory(), columns, name)
    starts = range(0, shape[0], DISK_ROWS)
    return MatrixReader(values, columns, shape, [(start, min(start + DISK_ROWS, shape[0])) for start in starts], name)
