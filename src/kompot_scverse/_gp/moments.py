"""Per-sample moments of features and expression, collected in one pass over row blocks."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.blas import get_blas_funcs

from .device import accelerator
from .device_sums import device_sums
from .feature_sums import add_grams
from .features import CellFeatures, Features
from .parallel import return_freed_memory
from .row_pieces import csr_rows
from .row_tasks import RowReader, Rows, map_rows

PRODUCT_ROWS = 1024
"""Rows summed in the precision of the expression; longer sums are accumulated in float64."""
DENSE, DENSE_ROWS = 0.15, 256
"""Share of stored values from which a product with the zeros is faster, and rows of which they are filled in at a time."""
CACHE = 2**21
"""Bytes of a sparse product beyond which it is worth sorting its values by genes first."""


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
    grams: np.ndarray
    """ΦᵀΦ: samples × rank × rank, float64; 0 where not asked for."""


@dataclass
class Partial:
    """Sums of one task, or of several added up."""

    cross: dict[int, np.ndarray]
    """Sum y Φᵀ per sample."""
    sums: dict[int, np.ndarray]
    """Weighted sum of y per sample."""
    squares: dict[int, np.ndarray]
    """Weighted sum of y² per sample."""
    extracted: list[tuple[np.ndarray, sp.csr_array]]
    """Cells and their values of the extracted genes."""
    grams: dict[int, np.ndarray]
    """ΦᵀΦ per sample."""

    def add(self, other: "Partial") -> "Partial":
        """Sum of both; `self` is used up."""
        for own, others in (
            (self.cross, other.cross), (self.sums, other.sums), (self.squares, other.squares), (self.grams, other.grams),
        ):  # fmt: skip
            for sample, value in others.items():
                if sample in own:
                    own[sample] += value
                else:
                    own[sample] = value
        self.extracted += other.extracted
        return self


def collect_moments(
    y: RowReader,
    phi: Features,
    codes: np.ndarray,
    n_samples: int,
    *,
    weights: Any = None,
    extract: np.ndarray | None = None,
    grams: bool = False,
    what: str = "sums",
) -> Moments:
    """
    Sum y Φᵀ of every sample, and on the way ΦᵀΦ, weighted sums of y and y² and the values of some genes.

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
        Weights of the sums of y and y²: cells × weights, an array or sparse; None for no such sums.
    extract
        Numbers of genes whose values are returned, too.
    grams
        Whether ΦᵀΦ is summed, too.
    what
        What is summed, for the progress.
    """
    if weights is None:
        weights = np.empty((len(codes), 0))

    if isinstance(phi, CellFeatures):
        phi = replace(phi, stay=True)
    function = partial(_sum_rows, extract=extract, grams=grams)
    of_rows = (phi, weights, codes, np.arange(len(codes)))
    total: Partial = map_rows(y, codes, function, of_rows, Partial.add, what)
    shape = (n_samples, y.shape[1])
    found = Moments(
        _stack(total.cross, (*shape, phi.shape[1])),
        _stack(total.sums, (*shape, weights.shape[1]), turned=True),
        _stack(total.squares, (*shape, weights.shape[1]), turned=True),
        None if extract is None else _assemble(total.extracted, codes),
        _stack(total.grams, (n_samples, phi.shape[1], phi.shape[1])),
    )
    return_freed_memory()
    return found


def _stack(parts: dict[int, np.ndarray], shape: tuple[int, ...], *, turned: bool = False) -> np.ndarray:
    """One array of the samples' sums, zero for a sample without cells, `turned` with the genes next to each other; the parts are given up."""
    out = np.zeros((shape[0], *shape[:0:-1])).swapaxes(1, 2) if turned else np.zeros(shape)
    for sample in list(parts):
        out[sample] = parts.pop(sample)
    return out


def _sum_rows(
    y: RowReader,
    rows: slice | np.ndarray,
    phi: np.ndarray,
    weights: Any,
    codes: np.ndarray,
    numbers: np.ndarray,
    extract: np.ndarray | None,
    grams: bool,
) -> Partial:
    """One task: features, weights, codes and row numbers are those of its rows."""
    values = y.read(rows)
    # one product for features and weights: reading the sparse rows is what costs
    if sp.issparse(weights):
        weights = weights.toarray()
    part, rank = Partial({}, {}, {}, [], {}), phi.shape[1]
    if accelerator() is None:
        left = np.hstack([phi, weights]).astype(values.dtype, copy=False)
        products = _products(values, left, codes, rank)
        if grams:
            part.grams = {sample: np.zeros((rank, rank)) for sample in products}
            add_grams(part.grams, phi.astype(np.float64, copy=False), codes)
    else:
        products, part.grams = device_sums(values, phi, weights, codes, grams=grams)
    for sample, (product, squares) in products.items():
        part.cross[sample] = product[:, :rank]
        if weights.shape[1]:
            # a copy: the product is given up with `cross`
            part.sums[sample], part.squares[sample] = product[:, rank:].copy(order="K"), squares
    if extract is not None:
        part.extracted = [(numbers, sp.csr_array(values[:, extract]))]
    return part


def _products(values: Rows, left: np.ndarray, codes: np.ndarray, rank: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Yᵀ left of the rows of each sample, and (Y²)ᵀ with the columns of `left` from `rank` on."""
    found = {}
    n_genes, n_columns = values.shape[1], left.shape[1]
    # by genes, where each value would else add to another row of a product that does not fit into the cache
    sparse: Any = values if sp.issparse(values) else None
    dense = sparse is None or sparse.nnz > DENSE * np.prod(values.shape)
    by_genes = not dense and n_genes * n_columns * left.itemsize > CACHE
    for sample in np.unique(codes[codes >= 0]):
        own = np.flatnonzero(codes == sample)
        total: Any = None
        squares = np.zeros((n_columns - rank, n_genes)).T
        for start in range(0, len(own), PRODUCT_ROWS):
            rows: slice | np.ndarray = own[start : start + PRODUCT_ROWS]
            if len(own) == len(codes):
                # all rows are of one sample: a slice does not copy what a list of rows does
                rows = slice(start, start + PRODUCT_ROWS)
            block: Any = values[rows] if sparse is None else csr_rows(sparse, rows)
            if by_genes:
                block = block.tocsc()
            filled = dense and sparse is not None
            product = _filled_product(block, left[rows]) if filled else block.T @ left[rows]
            total = product.astype(np.float64, copy=False) if total is None else np.add(total, product, out=total)
            if n_columns > rank:
                squares += _of_squares(block, left[rows, rank:], filled=filled)
        found[int(sample)] = total, squares
    return found


def _of_squares(block: Any, left: np.ndarray, *, filled: bool) -> np.ndarray:
    """(Y²)ᵀ left."""
    if not sp.issparse(block):
        return np.square(block).T @ left
    # The first column is done alike however many there are, since what is found for all cells must not depend on groups of cells: by the
    # stored values, which is faster for one, and in double precision, as one value after the other would else lose digits.
    first = left[:, :1].astype(np.float64, copy=False)
    found = np.zeros((left.shape[1], block.shape[1])).T
    step = DENSE_ROWS if filled else block.shape[0]
    for start in range(0, block.shape[0], step):
        rows = slice(start, start + step)
        part = csr_rows(block, rows) if filled else block
        found[:, :1] += part.astype(np.float64).power(2).T @ first[rows]
    if left.shape[1] > 1:
        rest = left[:, 1:]
        found[:, 1:] = _filled_product(block, rest, squared=True) if filled else block.power(2).T @ rest
    return found


def _filled_product(block: sp.csr_array, left: np.ndarray, *, squared: bool = False) -> np.ndarray:
    """Yᵀ left of a sparse block with many values, or of their squares."""
    gemm = get_blas_funcs("gemm", (left,))
    # BLAS has columns one after the other: it adds to the transpose
    found = np.zeros((block.shape[1], left.shape[1]), dtype=left.dtype).T
    buffer = np.empty((min(DENSE_ROWS, block.shape[0]), block.shape[1]), dtype=left.dtype)
    for start in range(0, block.shape[0], DENSE_ROWS):
        rows = slice(start, start + DENSE_ROWS)
        filled = buffer[: len(left[rows])]
        csr_rows(block, rows).toarray(out=filled)
        if squared:
            np.square(filled, out=filled)
        found = gemm(1.0, left[rows].T, filled.T, trans_b=1, beta=1.0, c=found, overwrite_c=1)
    return found.T


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
