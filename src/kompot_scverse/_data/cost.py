"""What an analysis costs: the arrays it holds at its two peaks, from sizes alone."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kompot_scverse._gp.basis import fit_basis
from kompot_scverse._gp.moments import TASK_ROWS

__all__ = ["Item", "Sizes", "available_memory", "estimate_rank", "memory_items"]

OVERHEAD = 120e6
"""Compiled kernels, thread pools and allocator slack of any run, bytes; measured by `benchmarks/memory.py`."""
REPLICATE_OVERHEAD = 40e6
"""Chunks of the replicate factors in flight."""
PROBE_CELLS = 1000
"""Cells of the representation that the rank is estimated from."""


@dataclass(frozen=True)
class Sizes:
    """Sizes that determine the cost."""

    n_obs: int
    n_cells: int
    """Cells of the conditions."""
    n_dims: int
    n_genes: int
    n_all_genes: int
    n_null: int
    n_conditions: int
    n_samples: int
    rank: int
    density: float
    """Share of stored values; 1 for dense expression."""
    replicates: bool
    n_layers: int
    """Layers kept in memory."""


@dataclass(frozen=True)
class Item:
    """One array."""

    name: str
    shape: str
    n_bytes: float
    stage: str
    """moments, results or both: when it is held."""


def memory_items(s: Sizes) -> list[Item]:
    """Arrays of a differential expression, with the stage in which they are held."""
    threads = os.cpu_count() or 1
    sums = s.n_genes * s.rank * 8
    items = [
        Item("representation", f"{s.n_obs:,} × {s.n_dims}", 2 * s.n_obs * s.n_dims * 8, "both"),
        Item("features", f"{s.n_obs:,} × {s.rank}", s.n_obs * s.rank * 20, "both"),
        Item("sums per sample", f"{s.n_samples} × {s.n_genes:,} × {s.rank}", s.n_samples * sums, "both"),
        Item("partial sums", f"{threads + 1} × {s.n_genes:,} × {s.rank}", (threads + 1) * sums, "moments"),
        Item(
            "row blocks", f"{threads} × {TASK_ROWS} × {s.n_genes:,}",
            threads * min(TASK_ROWS, s.n_cells) * s.n_genes * s.density * (16 if s.density < 1 else 8), "moments",
        ),
        Item("null genes", f"{s.n_cells:,} × {s.n_null:,}", s.n_cells * s.n_null * s.density * 36, "both"),
        Item("weights", f"{s.n_conditions} × {s.n_genes:,} × {s.rank}", (s.n_conditions + 2) * sums, "results"),
        Item("stored weights", f"{s.n_conditions} × {s.n_all_genes:,} × {s.rank}",
             (2 * s.n_conditions - 1) * s.n_all_genes * s.rank * 4, "results"),
    ]  # fmt: skip
    if s.replicates:
        items.append(
            Item("replicate factors", f"{s.n_all_genes:,} × {s.rank} × {s.n_samples}", 2.5 * s.n_all_genes * s.rank * s.n_samples * 4 + REPLICATE_OVERHEAD,
                 "results")
        )  # fmt: skip
    if s.n_layers:
        items.append(
            # one more than is kept: the chunks of the one being put together
            Item(
                "layers",
                f"{s.n_layers} + 1 × {s.n_obs:,} × {s.n_all_genes:,}",
                (s.n_layers + 1) * s.n_obs * s.n_all_genes * 4,
                "results",
            )  # fmt: skip
        )
    items.append(Item("overhead", "", OVERHEAD, "both"))
    return items


def available_memory() -> float:
    """Memory that this process may still take, bytes; a cgroup's limit counts where it is lower."""
    import psutil

    free = float(psutil.virtual_memory().available)
    for limit_file, used_file in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            limit, used = Path(limit_file).read_text().strip(), Path(used_file).read_text().strip()
        except OSError:
            continue
        if limit.isdigit():
            free = min(free, float(limit) - float(used))
    return max(free, 0.0)


class _Matern52:
    """The default kernel in numpy: the plan must not wait for jax."""

    def __init__(self, ls: float) -> None:
        self.ls = ls

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        from scipy.spatial.distance import cdist

        r = np.sqrt(5) * cdist(x, y) / self.ls
        return (1 + r + r**2 / 3) * np.exp(-r)

    def diagonal(self, x: np.ndarray) -> np.ndarray:
        return np.ones(len(x))

    def to_device(self, x: np.ndarray) -> np.ndarray:
        return x


def estimate_rank(x: np.ndarray, *, ls: float | None, ls_factor: float, max_rank: int, rtol: float) -> int:
    """
    Rank of the basis, estimated from a sample of the cells.

    Parameters
    ----------
    x
        Representation of the cells of the analysis.
    ls, ls_factor, max_rank, rtol
        As in `GPSettings`.
    """
    from scipy.spatial.distance import cdist

    rows = np.linspace(0, len(x) - 1, min(PROBE_CELLS, len(x))).astype(np.intp)
    probe = x[np.unique(rows)]
    if ls is None:
        # nearest among all cells, for some of them
        few = probe[:: max(1, len(probe) // 200)]
        distances = cdist(few, x) if len(x) <= 20_000 else cdist(few, x[:: len(x) // 20_000])
        nearest = np.sort(distances, axis=1)[:, 1]
        nearest = nearest[nearest > 0]
        if nearest.size == 0:
            return 1
        ls = float(np.exp(np.log(nearest).mean() + 3)) * ls_factor
    return fit_basis(probe, _Matern52(ls), max_rank=max_rank, rtol=rtol).rank  # type: ignore[arg-type]
