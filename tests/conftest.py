"""Small simulated data, and what tests of several modules need."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

from kompot_scverse.datasets import simulate

SLOTS = ("obs", "var", "obsm", "varm", "layers", "obsp", "varp", "uns")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest first, lest all processes but one wait for it in the end."""
    items.sort(key=lambda item: item.path.name != "test_citeseq.py")


@pytest.fixture(scope="session")
def simulated() -> AnnData:
    """Read only: tests that write take `adata`."""
    return simulate(600, 60, rng=0)


@pytest.fixture
def adata(simulated: AnnData) -> AnnData:
    """600 cells (Young, Mid, Old with 3, 2, 3 samples) × 60 genes."""
    return simulated.copy()


@pytest.fixture
def citeseq(adata: AnnData) -> MuData:
    """The same cells as two modalities, 46 genes and 14 proteins, with joint cell states; columns are of the whole."""
    parts = {}
    for mod, features in (("rna", slice(0, 46)), ("prot", slice(46, 60))):
        parts[mod] = AnnData(adata.layers["logged_counts"][:, features].copy(), var=adata.var[[]].iloc[features].copy())
        parts[mod].obs_names = adata.obs_names
    mdata = MuData(parts)
    for name in ("Age", "Replicate", "celltype"):
        mdata.obs[name] = adata.obs[name]
    mdata.obsm["X_joint"] = adata.obsm["DM_EigenVectors"]
    mdata.obsm["X_umap"] = adata.obsm["X_umap"]
    return mdata


@pytest.fixture
def partial(citeseq: MuData) -> MuData:
    """Modalities that lack cells, one in another order."""
    rng = np.random.default_rng(1)
    order = rng.permutation(600)[:560]
    mdata = MuData({"rna": citeseq["rna"][:590].copy(), "prot": citeseq["prot"][order].copy()})
    for name in ("Age", "Replicate", "celltype"):
        mdata.obs[name] = citeseq.obs[name].reindex(mdata.obs_names)
    states = pd.DataFrame(citeseq.obsm["X_joint"], index=citeseq.obs_names)
    mdata.obsm["X_joint"] = states.reindex(mdata.obs_names).to_numpy()
    return mdata


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
