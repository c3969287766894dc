"""What an expression matrix holds, from cells spread over all of it: the base of its logs, and what is worth a warning."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import scipy.sparse as sp

from kompot_scverse._messages import logger, warn
from kompot_scverse._stats.value_kinds import ValueKinds, value_kinds

from .matrix import MatrixReader
from .protocol import AnnDataLike

MAX_CELLS = 1000
"""Cells looked at; all, if there are no more."""
PLACES = 8
"""Places at which a file or the chunks of a dask array are read."""
FEW = 0.01
"""Share of the cells that may be odd."""
USUAL_BASES = (2.0, 10.0)


def look_at(reader: MatrixReader, cells: np.ndarray | None = None) -> ValueKinds:
    """
    What is in some cells.

    Parameters
    ----------
    reader
        Of all genes.
    cells
        Which cells count (a mask); None for all.
    """
    used = np.ones(reader.shape[0], dtype=bool) if cells is None else cells
    parts = []
    for rows in _sample(reader, used):
        block = sp.csr_array(reader.lenient().read(rows))
        parts.append(block if used[rows].all() else block[np.flatnonzero(used[rows])])
    return value_kinds(parts[0] if len(parts) == 1 else sp.vstack(parts, format="csr"))


def _sample(reader: MatrixReader, used: np.ndarray) -> Iterator[slice | np.ndarray]:
    """Rows to read, in the places where that is cheap."""
    rng = np.random.default_rng(0)
    if reader.chunks is None:
        rows = np.flatnonzero(used)
        # at random, lest cells in a regular order all be of one kind
        yield rows if len(rows) <= MAX_CELLS else np.sort(rng.choice(rows, MAX_CELLS, replace=False))
        return
    chunks = [(start, stop) for start, stop in reader.chunks if used[start:stop].any()]
    chosen = np.unique(np.linspace(0, len(chunks) - 1, PLACES).astype(int))
    size = MAX_CELLS // len(chosen)
    for start, stop in (chunks[number] for number in chosen):
        own = np.flatnonzero(used[start:stop]) + start
        first = own[rng.integers(max(len(own) - size, 0) + 1)]
        yield slice(first, min(stop, first + size))


def log_base(adata: AnnDataLike, seen: ValueKinds, name: str) -> float:
    """
    The base of the logs, as `uns["log1p"]` has it, unless the values are clearly logs of another.

    The record is one for all of an object, but scanpy writes it for the matrix that was transformed last.

    Raises
    ------
    ValueError
        If what is recorded is no base.
    """
    recorded = _recorded_base(adata)
    if seen.are_logs(recorded):
        return recorded
    fitting = next((base for base in (math.e, *USUAL_BASES) if seen.are_logs(base)), None)
    if fitting is not None:
        logger.info(
            "The values of %s are logs to the base %.4g, not %.4g (from uns['log1p'], or its default); results are in natural "
            "logs.", name, fitting, recorded,
        )  # fmt: skip
        return fitting
    return recorded


def _recorded_base(adata: AnnDataLike) -> float:
    record = adata.uns.get("log1p")
    base = record.get("base") if isinstance(record, Mapping) else None
    if base is None:
        return math.e
    try:
        value = float(base)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value) or value <= 1:
        raise ValueError(
            f"uns['log1p']['base'] is {base!r}, which is no base of a logarithm; set it to None for natural logs, or to the "
            "number that `sc.pp.log1p` was called with."
        )
    return value


def warn_of_values(seen: ValueKinds, name: str, base: float) -> None:
    """One warning about all that does not look like log-normalised expression."""
    found, hints = [], []
    enough = max(1, FEW * seen.n_cells)
    of = f"of {seen.n_cells:,} cells looked at"
    if seen.n_counts >= enough:
        found.append(f"whole numbers, which look like counts ({seen.n_counts:,} {of})")
        hints.append("run `sc.pp.normalize_total` and `sc.pp.log1p`")
    if seen.n_negative >= enough and seen.scaled:
        found.append(
            f"negative values down to {seen.smallest:.3g} ({seen.n_negative:,} {of}) around 0, as `sc.pp.scale` leaves"
        )
        hints.append("take the values from before scaling")
    elif seen.scaled and not seen.are_logs(base):
        # highly expressed genes may vary by about 1 by themselves
        found.append("genes that all vary by 1, as `sc.pp.scale` leaves")
        hints.append("take the values from before scaling")
    if not seen.are_logs(base):
        if seen.are_scaled_counts():
            found.append("normalised counts without a logarithm")
            hints.append("run `sc.pp.log1p`")
        elif seen.are_logs_of_logs():
            found.append("logs of logs")
            hints.append("run `sc.pp.log1p` only once")
    if found:
        warn(
            f"{name} holds {' and '.join(found)}. The model expects log-normalised expression: "
            f"{'; '.join(dict.fromkeys(hints))}, or pass the right `layer=`."
        )
