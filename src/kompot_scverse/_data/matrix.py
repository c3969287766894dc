"""Expression matrices of any container as blocks of rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import dask
import numpy as np
import scipy.sparse as sp

from kompot_scverse._gp.row_pieces import csr_rows
from kompot_scverse._messages import logger

from .stored_rows import rows_at_a_time, stored_rows

UNKNOWN_DENSITY = 0.1
GPU = ("cupy", "cupyx")
"""Libraries whose arrays are in the memory of a GPU."""
FILES = ("h5py", "zarr", "anndata")
"""Libraries whose arrays are read from a file."""


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
    base: float = math.e
    """Of the logs in the matrix; what is read are natural logs."""

    @property
    def movable(self) -> bool:
        """Whether pieces can be sent to another process: of files those that it can open by itself."""
        return self.chunks is None or hasattr(self.values, "dask") or stored_rows(self.values) is not None

    def piece(self, rows: slice | np.ndarray) -> "MatrixReader":
        """A reader of these rows alone; of a dask array only the recipe for them, and of a file only their place."""
        in_file = None if self.chunks is None else stored_rows(self.values)
        if in_file is not None and isinstance(rows, slice):
            part = in_file.piece(rows)
            return replace(self, values=part, shape=(part.shape[0], self.shape[1]), chunks=None)
        values = self.values[rows]
        if hasattr(values, "dask"):
            (values,) = dask.optimize(values)
        return replace(self, values=values, shape=(values.shape[0], self.shape[1]), chunks=None)

    def select(self, columns: np.ndarray | None) -> "MatrixReader":
        """The same where None stands for all of them."""
        return self if columns is None else self.of_genes(columns)

    def of_genes(self, columns: np.ndarray) -> "MatrixReader":
        """A reader of some of its genes."""
        own = columns if self.columns is None else self.columns[columns]
        return replace(self, columns=own, shape=(self.shape[0], len(columns)))

    def lenient(self) -> "MatrixReader":
        """A reader that takes values that are not finite."""
        return replace(self, finite=False)

    def of_base(self, base: float) -> "MatrixReader":
        """A reader of the natural logs of a matrix that holds logs to another base."""
        return replace(self, base=base)

    def density(self) -> float:
        """Share of stored values; 1 for dense and, where it is not known without reading, 0.1 for sparse."""
        if sp.issparse(self.values):
            return self.values.nnz / max(np.prod(self.values.shape), 1)
        sparse = hasattr(self.values, "format") or sp.issparse(getattr(self.values, "_meta", None))
        return UNKNOWN_DENSITY if sparse else 1.0

    def read(self, rows: slice | np.ndarray) -> np.ndarray | sp.csr_array:
        """The rows as a dense array or csr, float32 (also from integers) or float64."""
        block = self._block(rows)
        stored: np.ndarray = block.data if isinstance(block, sp.csr_array) else block
        # a sum is finite only if all terms are, and costs no temporary
        if self.finite and not np.isfinite(stored.sum(dtype=np.float64)):
            raise self.not_finite()
        return block

    def not_finite(self) -> ValueError:
        """The error about values that are not finite."""
        return ValueError(
            f"{self.name} has values that are not finite (NaN or inf). Remove or impute them, for example with "
            "`sc.pp.filter_genes`, or analyse other genes with `genes=`."
        )

    @property
    def _is_csr(self) -> bool:
        return sp.issparse(self.values) and self.values.format == "csr"

    def _block(self, rows: slice | np.ndarray) -> np.ndarray | sp.csr_array:
        """As :meth:`read`, without the check."""
        block = csr_rows(self.values, rows) if self._is_csr else self.values[rows]
        if hasattr(block, "dask"):
            # in this task; the function and not its name, which would make dask import distributed
            block = block.compute(scheduler=dask.get)
        if isinstance(block, np.matrix):
            block = np.asarray(block)
        if sp.issparse(block):
            block = sp.csr_array(block)
        if self.columns is not None:
            block = block[:, self.columns]
        # also from other byte orders
        precise = block.dtype.kind == "f" and block.dtype.itemsize >= np.dtype(np.float64).itemsize
        block = block.astype(np.float64 if precise else np.float32, copy=False)
        return block if self.base == math.e else block * math.log(self.base)


def matrix_reader(values: Any, columns: np.ndarray | None, name: str) -> MatrixReader:
    """
    Read rows of a matrix in memory, on disk or in dask.

    Parameters
    ----------
    values
        numpy array, scipy csr or csc (matrix or array), dask array of any of them, an array of jax or of a GPU, or a backed
        array of anndata.
    columns
        Numbers of the genes to read; None for all.
    name
        What to call the matrix in an error.

    Raises
    ------
    TypeError
        If it holds no real numbers.
    ValueError
        If values are masked.
    """
    values = plain(values, name)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} has values of type {values.dtype}, not numbers; convert them with `.astype(np.float32)`."
        )
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
    if type(values).__module__.partition(".")[0] not in FILES:
        raise TypeError(
            f"{name} is a {type(values).__name__}, which cannot be read; pass a numpy array, a csr or csc matrix or array of "
            "scipy, a dask array of these, or data backed by a file."
        )
    if hasattr(values, "to_memory") and getattr(values, "format", None) == "csc":
        # rows of a csc file would be searched in the whole file again and again
        return matrix_reader(values.to_memory(), columns, name)
    rows = rows_at_a_time(values)
    chunks = [(start, min(start + rows, shape[0])) for start in range(0, shape[0], rows)]
    return MatrixReader(values, columns, shape, chunks, name)


def as_float(values: Any, name: str) -> np.ndarray:
    """
    All of a small matrix, dense, float64.

    Raises
    ------
    TypeError
        If it holds no real numbers.
    ValueError
        If values are masked.
    """
    values = plain(values, name)
    if hasattr(values, "dask"):
        values = values.compute()
    if hasattr(values, "toarray"):
        values = values.toarray()
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is not numeric.") from error


def in_memory(values: Any) -> Any:
    """An array, or a sparse matrix as one of csr, of what may be lazy or in a file."""
    if hasattr(values, "dask"):
        values = values.compute()
    elif hasattr(values, "to_memory"):
        values = values.to_memory()
    return sp.csr_array(values) if sp.issparse(values) else np.asarray(values)


def plain(values: Any, name: str) -> Any:
    """Values that numpy would read as something else than they are: converted, or an error that says why not."""
    # the blocks of a dask array are like its meta
    kind = getattr(values, "_meta", values)
    library = type(kind).__module__.partition(".")[0]
    if library in GPU or hasattr(kind, "__cuda_array_interface__"):
        logger.info(
            "%s is in the memory of a GPU (%s %s); it is copied to the processor.", name, library, type(kind).__name__
        )
        values = _from_device(values, name)
        kind = getattr(values, "_meta", values)
    if library in ("jax", "jaxlib"):
        logger.info("%s is an array of jax; it is read as one of numpy.", name)
        values = np.asarray(values)
    if isinstance(kind, np.ma.MaskedArray):
        if kind is not values or np.ma.is_masked(values):
            raise ValueError(
                f"{name} is a masked array, whose missing values would be taken for numbers; fill them with `.filled(...)`, or "
                "leave their cells or genes out."
            )
        values = np.ma.getdata(values)
    if np.iscomplexobj(kind):
        raise TypeError(f"{name} has complex numbers; pass their real part (`.real`) or magnitude (`np.abs`).")
    if sp.issparse(values) and not values.dtype.isnative:
        # scipy cannot choose rows of these
        values = values.astype(values.dtype.newbyteorder("="))
    return values


def _from_device(values: Any, name: str) -> Any:
    """A copy in the memory of the processor, of the same kind; of a dask array block by block."""
    if hasattr(values, "dask"):
        meta = values._meta
        empty = np.empty((0, 0), meta.dtype) if not hasattr(meta, "nnz") else sp.csr_matrix((0, 0), dtype=meta.dtype)
        return values.map_blocks(_from_device, name=name, meta=empty, dtype=meta.dtype)
    # cupy; torch; numba
    for method in ("get", "cpu", "copy_to_host"):
        if hasattr(values, method):
            found = getattr(values, method)()
            return found if sp.issparse(found) else np.asarray(found)
    raise TypeError(
        f"{name} is in the memory of a GPU ({type(values).__name__}) and cannot be copied from there; bring it back first, for example "
        "with `rapids_singlecell.get.anndata_to_CPU(adata)`."
    )
