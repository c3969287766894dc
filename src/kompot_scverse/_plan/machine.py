"""How fast this machine is, from a moment of what the analyses do most."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sp

from kompot_scverse._gp.parallel import limited_algebra

REPEATS = 5
"""The fastest of so many is taken."""


@dataclass(frozen=True)
class Machine:
    """Seconds that a core takes for an operation, when nothing else is to be done."""

    dense: float
    """A multiplication and addition of a product of dense matrices, double precision."""
    sparse: float
    """One of the product of a sparse matrix and a dense one, single precision."""
    element: float
    """A number of an elementwise function."""
    cores: int


@lru_cache(maxsize=1)
def calibrate() -> Machine:
    """Measure, once in a session and in less than a tenth of a second; other programs hardly count."""
    rng = np.random.default_rng(0)
    phi, values = rng.normal(size=(4096, 128)), rng.normal(size=100_000)
    y = sp.random(1024, 1000, density=0.1, format="csr", dtype=np.float32, rng=rng)
    left = rng.normal(size=(1024, 64)).astype(np.float32)
    with limited_algebra():
        return Machine(
            dense=_seconds(lambda: phi.T @ phi) / (phi.size * phi.shape[1]),
            sparse=_seconds(lambda: y.T @ left) / (y.nnz * left.shape[1]),
            element=_seconds(lambda: np.exp(values)) / values.size,
            cores=os.cpu_count() or 1,
        )


def _seconds(function: Callable[[], object]) -> float:
    """Time that this thread had a core for."""
    found = []
    for _ in range(REPEATS):
        start = time.thread_time()
        function()
        found.append(time.thread_time() - start)
    # a clock may be too coarse for a fast machine
    return max(min(found), 1e-6)
