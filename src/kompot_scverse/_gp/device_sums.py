"""The sums of one task of :func:`~kompot_scverse._gp.moments.collect_moments`, on a device."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp

from .device import FEWEST, free_memory, on_device, put_rows, repeat_last, round_size
from .row_pieces import csr_rows
from .row_tasks import Rows

FEW = 4096
"""Stored values that are moved at least."""
SEGMENT = FEWEST
"""Rows of one sample summed in the precision of the expression; longer sums are accumulated in float64."""
DENSE, SHARE = 2**28, 0.25
"""Bytes of expression, zeros filled in, that are on the device at a time: at most, and as a share of what features may fill."""


def device_sums(
    values: Rows, phi: Any, weights: np.ndarray, codes: np.ndarray, *, grams: bool
) -> tuple[dict[int, tuple[np.ndarray, np.ndarray]], dict[int, np.ndarray]]:
    """
    Yᵀ[Φ weights] and (Y²)ᵀ weights of every sample, and ΦᵀΦ of every sample if asked for, in float64.

    Expression is moved as it is stored. Zeros are filled in there, with the rows of each sample after each other.

    Parameters
    ----------
    values
        Expression of the cells of a task: cells × genes.
    phi
        Features, cells × rank; if they are on the device, with copies of the last row up to a round number.
    weights
        Cells × weights.
    codes
        Sample number of each cell, -1 for cells that take no part.
    grams
        Whether ΦᵀΦ is summed.
    """
    samples = np.unique(codes[codes >= 0])
    if not len(samples):
        return {}, {}
    size = min(_rows_at_a_time(values), round_size(len(codes)))
    total: Any = None
    with on_device():
        phi, sums = put_rows(phi, round_size(len(codes))), _compiled(values.shape[1], len(samples), grams)
        for start in range(0, len(codes), size):
            rows = slice(start, start + size)
            own = repeat_last(weights[rows].astype(values.dtype, copy=False), size)
            part = sums(_stored(values, rows, size), phi[rows], own, *_places(codes[rows], samples, size))
            total = part if total is None else tuple(one + other for one, other in zip(total, part, strict=True))
        cross, squares, of_features = (np.array(one) for one in total)
    numbers = samples.tolist()
    products = dict(zip(numbers, zip(cross, squares, strict=True), strict=True))
    return products, dict(zip(numbers, of_features, strict=True)) if grams else {}


def _rows_at_a_time(values: Rows) -> int:
    most = min(DENSE, SHARE * free_memory()) / max(values.shape[1] * values.dtype.itemsize, 1)
    return max(FEWEST, 1 << (int(most).bit_length() - 1))


def _places(codes: np.ndarray, samples: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each row goes, in segments of one sample, rows that take no part and copies to nowhere; and the sample of each segment."""
    n_segments = size // SEGMENT + len(samples)
    places, of_segments = np.full(size, n_segments * SEGMENT, dtype=np.int32), np.zeros(n_segments, dtype=np.int32)
    first = 0
    for number, sample in enumerate(samples):
        own = np.flatnonzero(codes == sample)
        places[own] = first * SEGMENT + np.arange(len(own))
        last = first + -(-len(own) // SEGMENT)
        of_segments[first:last] = number
        first = last
    return places, of_segments


def _stored(values: Rows, rows: slice, size: int) -> Any:
    """Dense rows, or values, genes and ends of sparse ones; zeros and copies fill up to a number that is often the same."""
    if isinstance(values, np.ndarray):
        return repeat_last(values[rows], size)
    block = csr_rows(sp.csr_array(values), rows)
    # jax compiles for each number: a few values more, but at most a quarter of many
    unit = max(FEW, round_size(block.nnz) // 8)
    surplus = (0, -block.nnz % unit)
    ends = repeat_last(block.indptr, size + 1).astype(np.int32)
    return np.pad(block.data, surplus), np.pad(block.indices, surplus).astype(np.int32), ends


@cache
def _compiled(n_genes: int, n_samples: int, grams: bool) -> Callable[..., tuple]:
    import jax

    jnp = jax.numpy

    def sums(y: Any, phi: Any, weights: Any, places: Any, of_segments: Any) -> tuple:
        def in_segments(rows: Any) -> Any:
            empty = jnp.zeros((len(of_segments) * SEGMENT, rows.shape[1]), rows.dtype)
            return empty.at[places].set(rows, mode="drop").reshape(len(of_segments), SEGMENT, -1)

        def add(total: tuple, segment: tuple) -> tuple[tuple, None]:
            sample, dense, left, own = segment
            own = own.astype(float)
            of_segment = dense.T @ left, jnp.square(dense).T @ left[:, phi.shape[1] :], own.T @ own
            return tuple(
                one.at[sample].add(part.astype(float)) for one, part in zip(total, of_segment, strict=True)
            ), None

        left, own = jnp.concatenate([phi.astype(weights.dtype), weights], axis=1), phi[:, : phi.shape[1] * grams]
        if isinstance(y, tuple):
            data, genes, ends = y
            row = jnp.repeat(places, jnp.diff(ends), total_repeat_length=len(data))
            dense = jnp.zeros((len(of_segments) * SEGMENT, n_genes), data.dtype).at[row, genes].add(data, mode="drop")
            dense = dense.reshape(len(of_segments), SEGMENT, n_genes)
        else:
            dense = in_segments(y)
        widths = (n_genes, left.shape[1]), (n_genes, weights.shape[1]), (own.shape[1],) * 2
        zero = tuple(jnp.zeros((n_samples, *width)) for width in widths)
        return jax.lax.scan(add, zero, (of_segments, dense, in_segments(left), in_segments(own)))[0]

    return jax.jit(sums)
