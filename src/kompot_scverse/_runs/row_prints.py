"""Which rows of a basis or of weights a run wrote: a few bits a row, that also hold for any choice of the rows."""

import base64
import binascii
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from kompot_scverse._gp.points import Points
from kompot_scverse._runs.field import Field

if TYPE_CHECKING:
    from .view import RunView

STATISTICS = ("basis", "weights", "reference_weights", "group_weights")
BITS_PER_ROW = 2
"""A foreign row is taken for one of the run with a chance of 0.4, ten of them with one of 1e-4."""
MIN_BITS = 1024
MAX_ROWS = 2**12
"""Rows that count; of more, those whose hash is a multiple of a number."""
BLOCK = 2**18
"""Values hashed at a time."""
MIX = np.uint64(0x9E3779B97F4A7C15)


def row_prints(fields: Iterable[Field]) -> dict[str, str]:
    """Prints of what layers are built from, by slot and key."""
    return {f"{f.slot}/{f.key}": row_print(f.value) for f in fields if f.statistic in STATISTICS}


def row_print(values: Any) -> str:
    """A set of hashes of all rows, as a bit array (a Bloom filter), with what it takes to ask it."""
    hashes = _hashes(_rows(values))
    every = max(1, -(-len(hashes) // MAX_ROWS))
    hashes = hashes[hashes % np.uint64(every) == 0]
    n_bits = max(MIN_BITS, BITS_PER_ROW * len(hashes))
    bits = np.zeros(n_bits, dtype=bool)
    bits[_places(hashes, n_bits)] = True
    return f"{every}:{n_bits}:{base64.b64encode(np.packbits(bits)).decode()}"


def has_rows(print_: str, values: Any) -> bool:
    """Whether all rows, without those that have missing values, can be rows of the array that the print is of."""
    try:
        every, n_bits, text = print_.split(":")
        bits = np.unpackbits(np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8))[: int(n_bits)]
        hashes = _hashes(_rows(values))
        hashes = hashes[hashes % np.uint64(max(int(every), 1)) == 0]
        return bool(bits[_places(hashes, int(n_bits))].all())
    except (ValueError, IndexError, binascii.Error):
        return False


def check_rows(view: "RunView", rows: Any, columns: Any) -> None:
    """
    Raise if basis or weights are not those that the run wrote.

    Parameters
    ----------
    view
        The run.
    rows, columns
        Numbers of the cells and genes that are used.

    Raises
    ------
    ValueError
        If some rows are not of the run, as after joining objects with runs of their own.
    """
    for slot, statistic, chosen in (
        ("obsm", "basis", rows),
        ("varm", "reference_weights", columns),
        ("varm", "group_weights", columns),
    ):
        if not view.is_there(statistic):
            continue
        key, source = view.key(statistic), view.source(statistic)
        print_ = source.row_prints.get(f"{slot}/{key}")
        if print_ is not None and not has_rows(print_, np.asarray(getattr(view.own, slot)[key])[chosen]):
            raise ValueError(
                f"{slot}[{key!r}] is not, or not only, what run {source.run_id} wrote, so basis and weights do not belong together. "
                "If objects with runs of their own were joined (as by `anndata.concat`), ask each of them before, or call "
                f"`kp.tl.{source.analysis}` on what they make."
            )


def _rows(values: Any) -> np.ndarray | Points:
    return values if isinstance(values, Points) else np.asarray(values)


def _hashes(values: np.ndarray | Points) -> np.ndarray:
    """One number for every row without missing values, of its values as float32."""
    width, found = math.prod(values.shape[1:]), np.empty(len(values), dtype=np.uint64)
    finite = np.empty(len(values), dtype=bool)
    odd = np.random.default_rng(0).integers(2**63, size=width, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    step = max(1, BLOCK // max(width, 1))
    for start in range(0, len(values), step):
        rows = values[start : start + step]
        flat = rows.reshape(len(rows), width)
        finite[start : start + step] = np.isfinite(flat).all(axis=1)
        block = np.ascontiguousarray(flat, dtype=np.float32)
        hashed = (block.view(np.uint32).astype(np.uint64) * odd).sum(axis=1, dtype=np.uint64)
        hashed ^= hashed >> np.uint64(32)
        hashed *= MIX
        found[start : start + step] = hashed ^ (hashed >> np.uint64(29))
    return found[finite]


def _places(hashes: np.ndarray, n_bits: int) -> np.ndarray:
    return (hashes >> np.uint64(20)) % np.uint64(n_bits)
