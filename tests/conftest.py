"""Small simulated data, and what tests of several modules need."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse.datasets import simulate

SLOTS = ("obs", "var", "obsm", "varm", "layers", "obsp", "varp", "uns")


@pytest.fixture(scope="session")
def simulated() -> AnnData:
    """Read only: tests that write take `adata`."""
    return simulate(600, 60, rng=0)


@pytest.fixture
def adata(simulated: AnnData) -> AnnData:
    """600 cells (Young, Mid, Old with 3, 2, 3 samples) × 60 genes."""
    return simulated.copy()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real data beside the checkout."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no development data in {folder}")
    return folder


@pytest.fixture(scope="session")
def unchanged() -> Callable[[AnnData], AbstractContextManager[None]]:
    """Context manager: the object is the same after the block as before."""

    @contextmanager
    def check(adata: AnnData) -> Iterator[None]:
        keys = {slot: list(getattr(adata, slot)) for slot in SLOTS}
        obs, var, is_view = adata.obs.copy(), adata.var.copy(), adata.is_view
        yield
        assert {slot: list(getattr(adata, slot)) for slot in SLOTS} == keys
        pd.testing.assert_frame_equal(adata.obs, obs)
        pd.testing.assert_frame_equal(adata.var, var)
        assert adata.is_view == is_view

    return check
