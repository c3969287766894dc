"""Per-sample moments of features and expression, collected in one pass over row blocks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from .parallel import compute_here, distributed_client, return_freed_memory

__all__ = ["Moments", "RowReader", "collect_moments", "sample_grams"]

TASK_ROWS = 4096
"""Rows of one parallel task."""
PRODUCT_ROWS = 1024
"""Rows summed in the precision of the expression; longer sums are accumulated in float64."""
CACHE = 2**21
"""Bytes of a sparse product beyond which it is worth sorting its values by genes first."""

type Rows = np.ndarray | sp.csr_array | sp.csr_matrix


class RowReader(Protocol):
    """What the pass needs from an expression matrix."""

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × genes."""
        ...

    @property
    def chunks(self) -> Sequence[tuple[int, int]] | None:
        """Row ranges that are cheap to read, where arbitrary rows are not (disk, dask); None for memory."""
        ...

    @property
    def movable(self) -> bool:
        """Whether pieces can be sent to another process."""
        ...

    def piece(self, rows: slice | np.ndarray) -> "RowReader":
        """A reader of these rows alone, small enough to be sent."""
        ...

    def read(self, rows: slice | np.ndarray) -> Rows:
        """The rows as a dense array or csr, float32 or float64."""
        ...


@dataclass(frozen=True)
class Moments:
    """Sums over the cells of every sample."""

    cross: np.ndarray
    """Sum of y Φᵀ: samples × genes × rank, float64."""
    sums: np.ndarray
    """Weighted sums of y: samples × genes × weights, float64."""
    squares: np.ndarray
    """Weighted sums of y²: samples × genes × weights, float64."""
    extracted: sp.csr_array | None
    """Values of the extracted genes, cells × genes; rows of cells that take no part are empty."""


@dataclass
class Partial:
    """What one task, or several together, found."""

    cross: dict[int, np.ndarray]
    """Sum y Φᵀ per sample."""
    sums: dict[int, np.ndarray]
    """Weighted sum of y per sample."""
    squares: dict[int, np.ndarray]
    """Weighted sum of y² per sample."""
    extracted: list[tuple[np.ndarray, sp.csr_array]]
    """Cells and their values of the extracted genes."""

    def add(self, other: "Partial") -> "Partial":
        """Sum of both; `self` is used up."""
        for own, others in ((self.cross, other.cross), (self.sums, other.sums), (self.squares, other.squares)):
            for sample, value in others.items():
                if sample in own:
                    own[sample] += value
                else:
                    own[sample] = value
        self.extracted += other.extracted
        return self


def sample_grams(phi: np.ndarray, codes: np.ndarray, n_samples: int) -> np.ndarray:
    """
    ΦᵀΦ of every sample: samples × rank × rank.

    Parameters
    ----------
    phi
        Cells × rank.
    codes
        Sample number of each cell, -1 for cells that take no part.
    n_samples
        Number of samples.
    """
    grams = np.empty((n_samples, phi.shape[1], phi.shape[1]))
    for sample in range(n_samples):
        own, gram = np.flatnonzero(codes == sample), np.zeros(grams.shape[1:])
        for start in range(0, len(own), TASK_ROWS):
            # in blocks, since a choice of rows is a copy
            block = phi[own[start : start + TASK_ROWS]]
            gram += block.T @ block
        grams[sample] = gram
    return grams


def collect_moments(
    y: RowReader,
    phi: np.ndarray,
    codes: np.ndarray,
    n_samples: int,
    *,
    weights: np.ndarray | None = None,
    extract: np.ndarray | None = None,
    progress: Callable[[int], object] | None = None,
) -> Moments:
    """
    Sum y Φᵀ of every sample, and on the way weighted sums of y and y² and the values of some genes.

    Each task multiplies its rows of one sample, in the precision of `y`; the tasks' sums are added up as a tree by
    dask, on its threads or, where a `dask.distributed` client is active, on its workers. Sparse rows stay sparse.

    Parameters
    ----------
    y
        Expression: cells × genes.
    phi
        Features: cells × rank.
    codes
        Sample number of each cell, -1 for cells that take no part.
    n_samples
        Number of samples.
    weights
        Weights of the sums of y and y²: cells × weights; None for no such sums.
    extract
        Numbers of genes whose values are returned, too.
    progress
        Called with the number of cells done after each task.
    """
    import dask

    if weights is None:
        weights = np.empty((len(codes), 0))
    ship = y.movable and distributed_client()

    def inputs(rows: slice | np.ndarray) -> tuple[Any, ...]:
        return phi[rows], weights[rows], codes[rows], _row_numbers(rows, len(codes)), extract

    def run(rows: slice | np.ndarray) -> Partial:
        part = _sum_rows(y, rows, *inputs(rows))
        if progress is not None:
            progress(len(codes[rows]))
        return part

    if ship:
        # each worker gets the rows of its task (or the recipe to read them), not everything
        task = dask.delayed(_sum_rows, pure=False)
        parts = [task(y.piece(rows), slice(None), *inputs(rows)) for rows in _tasks(y, codes)]
    else:
        task = dask.delayed(run, pure=False)
        parts = [task(rows) for rows in _tasks(y, codes)]
    tree = _tree(parts, dask.delayed(Partial.add, pure=False))
    total: Partial = (dask.compute if ship else compute_here)(tree)[0]
    shape = (n_samples, y.shape[1])
    found = Moments(
        _stack(total.cross, (*shape, phi.shape[1])),
        _stack(total.sums, (*shape, weights.shape[1])),
        _stack(total.squares, (*shape, weights.shape[1])),
        None if extract is None else _assemble(total.extracted, codes),
    )
    return_freed_memory()
    return found


def _stack(parts: dict[int, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """One array of the samples' sums, zero for a sample without cells; the parts are given up on the way."""
    out = np.zeros(shape)
    for sample in list(parts):
        out[sample] = parts.pop(sample)
    return out


def _row_numbers(rows: slice | np.ndarray, n: int) -> np.ndarray:
    return np.arange(*rows.indices(n)) if isinstance(rows, slice) else rows


def _sum_rows(
    y: RowReader,
    rows: slice | np.ndarray,
    phi: np.ndarray,
    weights: np.ndarray,
    codes: np.ndarray,
    numbers: np.ndarray,
    extract: np.ndarray | None,
) -> Partial:
    """One task: features, weights, codes and row numbers are those of its rows."""
    values = y.read(rows)
    # one product for features and weights: reading the sparse rows is what costs
    left, rank = np.hstack([phi, weights]).astype(values.dtype, copy=False), phi.shape[1]
    part = Partial({}, {}, {}, [])
    for sample, (product, squares) in _products(values, left, codes, rank).items():
        part.cross[sample] = product[:, :rank]
        if weights.shape[1]:
            # a copy: the product is given up with `cross`
            part.sums[sample], part.squares[sample] = product[:, rank:].copy(), squares
    if extract is not None:
        part.extracted = [(numbers, sp.csr_array(values[:, extract]))]
    return part


def _tasks(y: RowReader, codes: np.ndarray) -> Iterator[slice | np.ndarray]:
    """Row sets of one task each: of a single sample where rows can be picked freely, else consecutive."""
    if y.chunks is not None:
        for start, stop in y.chunks:
            if (codes[start:stop] >= 0).any():
                yield slice(start, stop)
        return
    for sample in range(codes.max() + 1):
        rows = np.flatnonzero(codes == sample)
        for start in range(0, len(rows), TASK_ROWS):
            yield rows[start : start + TASK_ROWS]


def _products(values: Rows, left: np.ndarray, codes: np.ndarray, rank: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Yᵀ left of the rows of each sample, and (Y²)ᵀ with the columns of `left` from `rank` on."""
    found = {}
    n_genes, n_columns = values.shape[1], left.shape[1]
    # by genes, where each value would else add to another row of a product that does not fit into the cache
    sparse: Any = values if sp.issparse(values) else None
    by_genes = sparse is not None and n_genes * n_columns * left.itemsize > CACHE
    for sample in np.unique(codes[codes >= 0]):
        own = np.flatnonzero(codes == sample)
        total, squares = np.zeros((n_genes, n_columns)), np.zeros((n_genes, n_columns - rank))
        for start in range(0, len(own), PRODUCT_ROWS):
            rows: slice | np.ndarray = own[start : start + PRODUCT_ROWS]
            if len(own) == len(codes):
                # all rows are of one sample: a slice does not copy what a list of rows does
                rows = slice(start, start + PRODUCT_ROWS)
            block: Any = sparse[rows].tocsc() if by_genes else values[rows]
            total += block.T @ left[rows]
            if n_columns > rank:
                squared = block.power(2) if sp.issparse(block) else np.square(block)
                squares += squared.T @ left[rows, rank:]
        found[int(sample)] = total, squares
    return found


def _assemble(pieces: list[tuple[np.ndarray, sp.csr_array]], codes: np.ndarray) -> sp.csr_array:
    """Put extracted rows in the order of the cells; cells that take no part become empty rows. `pieces` is used up."""
    rows = np.concatenate([cells for cells, _ in pieces])
    stacked = sp.vstack([values for _, values in pieces], format="csr")
    pieces.clear()
    taking_part = codes[rows] >= 0
    if not taking_part.all():
        stacked, rows = stacked[taking_part], rows[taking_part]
    order = np.argsort(rows)
    if not np.array_equal(order, np.arange(len(rows))):
        stacked, rows = stacked[order], rows[order]
    # the same values with empty rows in between
    counts = np.zeros(len(codes), dtype=np.int64)
    counts[rows] = np.diff(stacked.indptr)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return sp.csr_array((stacked.data, stacked.indices, indptr), shape=(len(codes), stacked.shape[1]))


def _tree(items: list, combine: Callable) -> object:
    """Combine neighbours until one is left."""
    while len(items) > 1:
        items = [combine(*items[i : i + 2]) if i + 1 < len(items) else items[i] for i in range(0, len(items), 2)]
    return items[0]
