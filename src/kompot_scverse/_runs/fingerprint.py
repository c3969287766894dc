"""What a run was made from, as short texts that are equal exactly where the inputs are."""

import hashlib
import json
import math
import operator
from collections.abc import Iterable
from itertools import batched
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp.points import Points
from kompot_scverse._gp.row_pieces import row_pieces
from kompot_scverse._gp.row_tasks import RowReader, map_rows
from kompot_scverse._stats.design import Design

DESCRIPTIONS = {
    "cells": "which cells are in which condition",
    "samples": "which cells are in which sample, or the covariates of the samples",
    "representation": "the representation",
    "expression": "the expression",
    "cell_groups": "which cells are in which of the `cell_groups`",
    "null_mahalanobis": "the null distances",
}
"""Parts of a fingerprint, as in a message."""
BLOCK = 2**16
"""Values hashed at a time."""
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
STEP = np.uint64(0x9E3779B97F4A7C15)
"""Constants of the splitmix64 generator."""


def design_prints(
    adata: AnnData, design: Design, covariates: pd.DataFrame | None = None, categories: pd.Series | None = None
) -> dict[str, str]:
    """
    Fingerprints of which cell, by position and name, is in which condition, sample and category.

    Parameters
    ----------
    adata
        The cells.
    design
        Conditions and samples.
    covariates
        Values for each sample.
    categories
        Categories of all cells.
    """
    cells = design.cells
    found = {"cells": cells_print(adata.obs_names[cells], design.conditions, design.condition_codes[cells])}
    if design.sample_key is not None:
        values = [] if covariates is None else covariates.astype(str).to_numpy().tolist()
        samples = [
            f"{design.conditions[c]}\0{name}" for c, name in zip(design.sample_conditions, design.samples, strict=True)
        ]
        found["samples"] = _digest(*_coded(samples, design.sample_codes[cells]), json.dumps(values).encode())
    if categories is not None:
        found["cell_groups"] = labels_print(categories[cells])
    return found


def cells_print(names: Iterable[str], conditions: Iterable[object], codes: np.ndarray) -> str:
    """Fingerprint of the condition of every cell of a run, with the names of the cells."""
    return _digest(_texts(names), *_coded(conditions, codes))


def labels_print(labels: pd.Series) -> str:
    """Fingerprint of the category of every cell."""
    return _digest(*_coded(labels.cat.categories, labels.cat.codes.to_numpy()))


def array_print(values: np.ndarray | Points, rows: np.ndarray | None = None) -> str:
    """Fingerprint of an array of numbers, or of some of its rows (a mask), by their values as float64."""
    n = len(values) if rows is None else int(rows.sum())
    shape = (n, *values.shape[1:])
    digest = _begun(str(shape).encode())
    digest.update(f"{8 * math.prod(shape)}:".encode())
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        own = block if rows is None else block[rows[start : start + BLOCK]]
        digest.update(np.ascontiguousarray(own, dtype="<f8").data)
    return digest.hexdigest()


def matrix_print(values: Any, cells: np.ndarray, names: Iterable[str]) -> str:
    """
    Fingerprint of the expression of chosen cells.

    A sum over all values that are not zero, of hashes of value, cell and gene, modulo 2⁶⁴: whatever the container, its
    number type, the chunks and the threads, it is the same, and not for other values, cells or genes.

    Parameters
    ----------
    values
        Cells × genes, in any container that :func:`.matrix.matrix_reader` reads.
    cells
        Which cells (a mask).
    names
        Of the genes.
    """
    numbers = np.where(cells, np.cumsum(cells) - 1, -1)
    if sp.issparse(values) and values.format == "csc":
        total = _sum_columns(values, numbers)
    else:
        reader = matrix_reader(values, None, "expression").lenient()
        codes = np.where(cells, 0, -1)
        total = map_rows(reader, codes, _hash_rows, (numbers,), operator.add, "fingerprint")
    return _digest(_texts(names), f"{int(cells.sum())} {total % 2**64:016x}".encode())


def _hash_rows(reader: RowReader, rows: slice | np.ndarray, numbers: np.ndarray) -> int:
    block = reader.read(rows)
    cells, genes = _keys(numbers), _keys(np.arange(block.shape[1])) | np.uint64(1)
    if sp.issparse(block):
        return _hash_compressed(block, numbers >= 0, cells, genes)
    total, step = 0, max(1, BLOCK // max(block.shape[1], 1))
    for start in range(0, block.shape[0], step):
        own = np.flatnonzero(numbers[start : start + step] >= 0) + start
        total += _hash(block[own], cells[own, None], genes)
    return total


def _sum_columns(values: Any, numbers: np.ndarray) -> int:
    genes = _keys(np.arange(values.shape[1])) | np.uint64(1)
    return _hash_compressed(sp.csc_array(values), numbers >= 0, genes, _keys(numbers), by_cells=False)


def _hash_compressed(
    block: Any, used: np.ndarray, major: np.ndarray, minor: np.ndarray, *, by_cells: bool = True
) -> int:
    """Sum over the stored values of a compressed matrix, whose rows (csr) or columns (csc) have the keys `major`."""
    total = 0
    for piece, places in row_pieces(block.indptr):
        data, indices = block.data[places], block.indices[places]
        sizes = np.diff(block.indptr[piece.start : piece.stop + 1])
        own = np.repeat(major[piece], sizes)
        if not (used[piece] if by_cells else used).all():
            keep = np.repeat(used[piece], sizes) if by_cells else used[indices]
            data, indices, own = data[keep], indices[keep], own[keep]
        cells, genes = (own, minor[indices]) if by_cells else (minor[indices], own)
        total += _hash(data, cells, genes)
    return total


def _hash(values: np.ndarray, cells: np.ndarray, genes: np.ndarray) -> int:
    plain = values.astype(np.float64)
    hashed = plain.view(np.uint64) + cells
    _mix(hashed)
    hashed *= genes
    if not plain.all():
        hashed[plain == 0] = 0
    return int(hashed.sum(dtype=np.uint64))


def _keys(numbers: np.ndarray) -> np.ndarray:
    keys = (numbers.astype(np.int64).view(np.uint64) + np.uint64(1)) * STEP
    _mix(keys)
    return keys


def _mix(x: np.ndarray) -> None:
    """Spread every bit over all, in place (the finaliser of splitmix64)."""
    shifted = np.empty_like(x)
    for shift, factor in zip((30, 27, 31), (*MIX, None), strict=True):
        x ^= np.right_shift(x, np.uint64(shift), out=shifted)
        if factor is not None:
            x *= factor


def _coded(labels: Iterable[object], codes: np.ndarray) -> list[Any]:
    """The labels that occur, in an order of their own, and the number of every cell's; -1 is a missing label."""
    texts = np.array([*(f"={label}" for label in labels), "missing"], dtype=object)
    present, inverse = np.unique(codes, return_inverse=True)
    order = np.argsort(texts[present], kind="stable")
    rank = np.empty(len(order), dtype="<i4")
    rank[order] = np.arange(len(order))
    return [_texts(texts[present][order]), rank[inverse].data]


def _texts(texts: Iterable[object]) -> bytes:
    """A list in JSON, put together of parts: names of very many cells take little more memory than their letters."""
    parts = (json.dumps([str(text) for text in part])[1:-1] for part in batched(texts, BLOCK))
    return f"[{', '.join(parts)}]".encode()


def _digest(*parts: Any) -> str:
    return _begun(*parts).hexdigest()


def _begun(*parts: Any) -> Any:
    digest = hashlib.blake2b(digest_size=10)
    for part in parts:
        digest.update(str(memoryview(part).nbytes).encode() + b":")
        digest.update(part)
    return digest
