"""What an analysis costs: the arrays that it holds in each of its stages, from sizes alone."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kompot_scverse._data.stored_rows import DISK_ROWS
from kompot_scverse._gp.basis import BLOCK, MAX_CANDIDATES
from kompot_scverse._gp.cell_blocks import KEPT
from kompot_scverse._gp.evidence import GENES as GENES_BLOCK
from kompot_scverse._gp.evidence import ratio_grid
from kompot_scverse._gp.gene_blocks import gene_blocks
from kompot_scverse._gp.moments import PRODUCT_ROWS
from kompot_scverse._gp.row_tasks import TASK_ROWS
from kompot_scverse._stats.lazy_layers import rows_of_chunk
from kompot_scverse._stats.null_genes import BATCH_VALUES, SHARED
from kompot_scverse._stats.ratio_features import KEPT as KEPT_WITH_WEIGHTS
from kompot_scverse._stats.sample_covariance import CHUNK

STAGES = ("basis", "reading", "null genes", "fitting", "results")
"""One after the other; the peak is in one of them."""
OVERHEAD = 70e6
"""Compiled kernels, threads and slack of the allocator, bytes: what a run on very little data takes."""
KEPT_WORK_SPACE = 1.5
"""Work space of the kernel that compiler and allocator hold on to, in blocks of features."""
WEIGHTS_PER_CELL, WEIGHT_BYTES = 12, 28
"""Neighbourhoods that a cell has a weight in, and bytes of such a weight: in double precision, for products, and as stored."""
N_VARIANCES = 12
"""Posterior variances that are kept of each function, at most 16."""
GRID_SAMPLES, GRID_CELLS = (len(ratio_grid(samples=samples).points) for samples in (True, False))


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes that determine the cost."""

    n_obs: int
    n_cells: int
    """Cells of the conditions."""
    n_dims: int
    n_conditions: int
    n_samples: int
    """Replicates; without them, conditions."""
    rank: int
    replicates: bool
    n_genes: int = 0
    """Genes analysed; 0 for abundance."""
    n_all_genes: int = 0
    n_tested: int = 0
    """Genes of the replicate tests: those analysed and those that the prior is learnt from."""
    n_null: int = 0
    density: float = 0.0
    """Share of stored values; 1 for dense expression."""
    n_weights: int = 0
    """Neighbourhoods and categories of the replicate tests."""
    n_layers: int = 0
    """Layers kept in memory."""
    factors_in_memory: bool = False
    """Whether the variance between replicates is kept in memory."""
    estimated: bool = False
    """Whether the variance components of each gene are estimated."""
    n_rough: int = 0
    """Rank of the rough basis of log ratios."""
    keeps_features: bool = True
    """Whether the features are kept with the results."""
    all_neighbors: bool = False
    """Whether the nearest neighbour of every cell is needed."""
    in_file: bool = False
    """Whether the expression is read from a file."""
    in_blocks: int = 0
    """Sum of the squared sizes of the blocks of a design, whose samples' fields are alike; 0 without any."""

    @property
    def passes(self) -> tuple[list[slice], list[slice]]:
        """Genes of each pass over the cells for the fit, beside one in which the prior is learnt, and for the tests."""
        every = [slice(0, self.n_genes)]
        fit = gene_blocks(self.n_genes, self.n_samples, self.rank, in_file=self.in_file) if self.estimated else every
        return fit, gene_blocks(self.n_tested, self.n_samples, 2 * self.n_weights, in_file=self.in_file)


@dataclass(frozen=True)
class Item:
    """One array, or several alike."""

    name: str
    shape: str
    n_bytes: float
    stages: tuple[str, ...]
    """When it is held, of :data:`STAGES`."""


def memory_items(s: Sizes) -> list[Item]:
    """Arrays of an analysis, with the stages in which they are held."""
    r, g = s.rank, s.n_genes
    # rows of the pivoted Cholesky decomposition: the array grows by doubling
    capacity = r if r <= 64 else 64 * 2 ** np.ceil(np.log2(r / 64))
    candidates, block = min(s.n_cells, MAX_CANDIDATES), min(s.n_cells, BLOCK)
    items = [
        Item("overhead", "", OVERHEAD, STAGES),
        Item("work space", f"{block:,} × {r}", KEPT_WORK_SPACE * block * r * 8, STAGES),
        Item("representation", f"{s.n_obs:,} × {s.n_dims}", s.n_obs * s.n_dims * 8, STAGES),
        Item("copies of the representation", f"{s.n_cells:,} × {s.n_dims}", s.n_cells * s.n_dims * 8, ("basis",)),
        Item("rows of the kernel matrix", f"{candidates:,} × {r}", candidates * capacity * 8, ("basis",)),
    ]
    items += _abundance_items(s) if g == 0 else _reading_items(s) + _null_items(s) + _result_items(s)
    return [item for item in items if item.n_bytes > 0]


def _abundance_items(s: Sizes) -> list[Item]:
    if s.n_rough:
        both = s.rank + s.n_rough
        own = s.n_samples if s.replicates else 1
        with_weights, shape = s.n_obs * (both + s.n_rough) * 4, f"{s.n_obs:,} × {both + s.n_rough}"
        return [
            Item("smooth and rough features", f"{s.n_obs:,} × {both}", min(s.n_obs * both * 4, KEPT), ("results",)),
            Item(
                "features of neighbourhoods, too",
                shape,
                with_weights if with_weights <= KEPT_WITH_WEIGHTS else 0,
                ("results",),
            ),
            Item("log ratios", f"{s.n_conditions} × {s.n_obs:,}", 4 * s.n_conditions * s.n_obs * 8, ("results",)),
            Item("fields of samples", f"{s.n_cells:,} × {own}", s.n_cells * own * 8, ("results",)),
        ]
    sets = s.n_conditions + (s.n_samples if s.replicates else 0)
    return [
        Item("densities", f"2 × {sets} × {s.n_obs:,}", 2 * sets * s.n_obs * 8, ("results",)),
        Item("features", f"2 × {s.n_obs:,} × {s.rank}", 2 * s.n_obs * s.rank * 8, ("results",)),
    ]


def _reading_items(s: Sizes) -> list[Item]:
    # one more reads a file meanwhile
    g, columns, threads = s.n_genes, max(s.rank, s.n_weights), (os.cpu_count() or 1) + s.in_file
    # passes for the fits and, before them, those for the sums and squares of the tests
    of_fit, of_test = (blocks[-1].stop - blocks[-1].start for blocks in s.passes)
    products = max(of_fit * s.rank, 2 * of_test * s.n_weights)
    tasks = sum(-(-s.n_cells // s.n_samples // TASK_ROWS) for _ in range(s.n_samples))
    # float32 products and, where a sample takes several tasks, their float64 sums that wait to be added up
    partial = min(threads, tasks) * 4 + (min(threads, tasks - s.n_samples) * 8 if tasks > s.n_samples else 0) + 8
    if s.in_file:
        # of all samples, in each thread and while they wait
        partial = 8 * s.n_samples * min(threads + 2, -(-s.n_obs // DISK_ROWS[0]))
    task_rows, product_rows = (min(rows, s.n_cells // s.n_samples) for rows in (TASK_ROWS, PRODUCT_ROWS))
    # rows of a task; rows of a product in two orders, and their squares
    row_bytes = 8 * task_rows + 24 * product_rows if s.density < 1 else 8 * (task_rows + 2 * product_rows)
    sums, own = s.n_samples * of_fit * s.rank * 8, min(s.n_weights, WEIGHTS_PER_CELL)
    return [
        Item("sums per sample", f"{s.n_samples} × {of_fit:,} × {s.rank}", sums, ("reading", "null genes", "fitting")),
        Item("partial sums", f"{max(of_fit, of_test):,} × {columns}", partial * products, ("reading",)),
        Item("features of row blocks", f"{threads} × {task_rows:,} × {columns}", 2 * threads * task_rows * columns * 8, STAGES[1:4]),
        Item("row blocks", f"{threads} × {task_rows:,} × {g:,}", threads * row_bytes * g * s.density, ("reading",)),
        Item(
            "neighbourhood sums", f"2 × {s.n_samples} × {s.n_tested:,} × {s.n_weights}",
            2 * s.n_samples * s.n_tested * s.n_weights * 8,
            STAGES[1:],
        ),
        Item("neighbourhood weights", f"{s.n_obs:,} × {own}", s.n_obs * own * WEIGHT_BYTES, STAGES[1:]),
        Item("features", f"{s.n_obs:,} × {s.rank}", s.n_obs * s.rank * 4 * s.keeps_features, STAGES[1:]),
    ]  # fmt: skip


def _null_items(s: Sizes) -> list[Item]:
    values = s.n_cells * s.n_null * s.density
    drawn = -(-s.n_null // SHARED) * s.n_cells
    shape = f"{s.n_cells:,} × {s.n_null:,}"
    fits = s.n_null * s.rank * 8
    return [
        Item("null genes", shape, values * 8, ("reading", "null genes", "fitting")),
        Item("null genes put together", shape, values * 16, ("reading",)),
        Item("shuffled values", shape, min(values, BATCH_VALUES) * 70, ("null genes",)),
        Item("permutations", f"{-(-s.n_null // SHARED)} × {s.n_cells:,}", drawn * 4, ("null genes",)),
        Item("sums of null genes", f"{s.n_samples} × {s.n_null:,} × {s.rank}", 2 * s.n_samples * fits, STAGES[2:4]),
        Item("weights of null genes", f"{s.n_conditions} × {s.n_null:,} × {s.rank}", s.n_conditions * fits, STAGES[3:]),
    ]


def _result_items(s: Sizes) -> list[Item]:
    g, r, threads = s.n_genes, s.rank, os.cpu_count() or 1
    one, stored = g * r * 8, s.n_all_genes * r * 4
    later = ("fitting", "results")
    rows = min(s.n_obs, rows_of_chunk(s.n_all_genes))
    chunk = threads * rows * s.n_all_genes * 4 if s.n_layers else 0
    items = [
        Item("weights", f"{s.n_conditions} × {g:,} × {r}", s.n_conditions * one, later),
        Item("fold changes", f"{g:,} × {r}", (s.n_conditions - 1) * one if s.replicates or s.n_conditions == 1 else 2 * one, later),
        Item("stored weights", f"{s.n_conditions} × {s.n_all_genes:,} × {r}", (2 * s.n_conditions - 1) * stored, later[1:]),
        Item("layers", f"{s.n_layers} × {s.n_obs:,} × {s.n_all_genes:,}", s.n_layers * s.n_obs * s.n_all_genes * 4, later[1:]),
        Item("chunks of layers", f"{threads} × {rows:,} × {s.n_all_genes:,}", 3 * chunk, later[1:]),
        Item(
            "sums of a block of genes", f"{threads} × {min(GENES_BLOCK, g):,} × {s.n_conditions * (r + 1)}",
            6 * threads * min(GENES_BLOCK, g) * s.n_conditions * (r + 1) * 8, later[:1],
        ),
    ]  # fmt: skip
    if s.estimated:
        functions, places = 2 * s.n_conditions - 1, GRID_SAMPLES if s.replicates else GRID_CELLS
        items += [
            Item("evidence", f"2 × {g:,} × {places}", 2 * g * places * 8, later[:1]),
            Item("fields of blocks", f"{s.in_blocks} × {r + 1} × {r + 1}", 2 * s.in_blocks * (r + 1) ** 2 * 8, later[:1]),
            Item("coefficients", f"{g:,} × {s.n_conditions * (r + 1)}", s.n_conditions * one, later[:1]),
            Item(
                "stored variances", f"{functions} × {s.n_obs:,} × {N_VARIANCES}", functions * s.n_obs * N_VARIANCES * 4, later[1:]
            ),
            Item(
                "stored weights of variances", f"{functions} × {s.n_all_genes:,} × {N_VARIANCES}",
                functions * s.n_all_genes * N_VARIANCES * 4, later[1:],
            ),
        ]  # fmt: skip
    elif s.replicates:
        pair = 1 + 2 * s.n_samples / s.n_conditions
        items += [
            Item(
                "replicate factors", f"{s.n_all_genes:,} × {r} × {s.n_samples}",
                s.n_samples * stored if s.factors_in_memory else 0, later,
            ),
            Item(
                "chunks of replicate factors", f"{threads} × {min(CHUNK, g):,} × {r}",
                threads * min(CHUNK, g) * r * 8 * 4 * pair, later[:1],
            ),
        ]  # fmt: skip
    if s.replicates:
        tests = s.n_tested * s.n_weights * (156 + 8 * s.n_samples)
        items.append(Item("replicate tests", f"{s.n_tested:,} × {s.n_weights}", tests, later[1:]))
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
