"""Cells of two sets as the ratio of their densities takes them."""

import numpy as np

from kompot_scverse._gp.cell_blocks import CellBlocks


def two_sets(phi: np.ndarray, late: np.ndarray) -> tuple[CellBlocks, np.ndarray]:
    """Features with codes of the sets, and which code is of the second."""
    return CellBlocks(phi, late.astype(np.int8)), np.array([False, True])
