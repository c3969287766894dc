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
TOGETHER = 4
"""Segments that are multiplied at a time, in a function that is compiled once for all tasks."""
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
    in_segments, add = _in_segments(values.shape[1]), _add(grams)
    with on_device() as jnp:
        phi, n_left = put_rows(phi, round_size(len(codes))), phi.shape[1] + weights.shape[1]
        widths = (values.shape[1], n_left), (values.shape[1], weights.shape[1]), (phi.shape[1] * grams,) * 2
        total = tuple(jnp.zeros((len(samples), *width)) for width in widths)
        for start in range(0, len(codes), size):
            rows = slice(start, start + size)
            own = repeat_last(weights[rows].astype(values.dtype, copy=False), size)
            places, of_segments = _places(codes[rows], samples, size)
            every = in_segments(_stored(values, rows, size), phi[rows], own, places, len(of_segments) * SEGMENT)
            for number, part in enumerate(of_segments.reshape(-1, TOGETHER)):
                total = add(total, part, *(one[number] for one in every))
        cross, squares, of_features = (np.array(one) for one in total)
    numbers = samples.tolist()
    products = dict(zip(numbers, zip(cross, squares, strict=True), strict=True))
    return products, dict(zip(numbers, of_features, strict=True)) if grams else {}


def _rows_at_a_time(values: Rows) -> int:
    most = min(DENSE, SHARE * free_memory()) / max(values.shape[1] * values.dtype.itemsize, 1)
    return max(FEWEST, 1 << (int(most).bit_length() - 1))


def _places(codes: np.ndarray, samples: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each row goes, in segments of one sample, rows that take no part and copies to nowhere; and the sample of each segment."""
    n_segments = -(-(size // SEGMENT + len(samples)) // TOGETHER) * TOGETHER
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
def _in_segments(n_genes: int) -> Callable[..., tuple]:
    """A function that puts rows where they belong: expression with its zeros, weights and features, each parts × segments × rows × columns."""
    import jax

    jnp = jax.numpy

    def in_segments(y: Any, phi: Any, weights: Any, places: Any, n_rows: int) -> tuple:
        def put(rows: Any) -> Any:
            return jnp.zeros((n_rows, rows.shape[1]), rows.dtype).at[places].set(rows, mode="drop")

        if isinstance(y, tuple):
            data, genes, ends = y
            row = places[jnp.searchsorted(ends, jnp.arange(len(data)), side="right") - 1]
            dense = jnp.zeros((n_rows, n_genes), data.dtype).at[row, genes].add(data, mode="drop")
        else:
            dense = put(y)
        n_parts = n_rows // (TOGETHER * SEGMENT)
        return tuple(one.reshape(n_parts, TOGETHER, SEGMENT, one.shape[1]) for one in (dense, put(weights), put(phi)))

    return jax.jit(in_segments, static_argnums=4)


@cache
def _add(grams: bool) -> Callable[..., tuple]:
    """A function that adds the sums of one part."""
    import jax

    jnp = jax.numpy

    def add(total: tuple, of_segments: Any, dense: Any, weights: Any, phi: Any) -> tuple:
        left = jnp.concatenate([phi.astype(weights.dtype), weights], axis=2)
        own = (phi if grams else phi[:, :, :0]).astype(float)
        pairs = (dense, left), (jnp.square(dense), weights), (own, own)
        sums = (jnp.einsum("krg,krc->kgc", *pair).astype(float) for pair in pairs)
        return tuple(one.at[of_segments].add(more) for one, more in zip(total, sums, strict=True))

    return jax.jit(add)
