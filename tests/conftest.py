"""Small simulated data, and what tests of several modules need."""

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

# the matrices of tests are small, and there is a process for each core: threads of the linear algebra would wait for each
# other; the processes of pytest-xdist and those that tests start inherit this
os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | os.environ)

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

from kompot_scverse.datasets import simulate

SLOTS = ("obs", "var", "obsm", "varm", "obsp", "varp", "uns")


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
def on_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    """jax on the processor in the place of an accelerator, which no machine of the tests has."""
    import jax

    from kompot_scverse._gp import device

    monkeypatch.setattr(device, "_found", lambda: jax.devices("cpu")[0])


@pytest.fixture
def citeseq(citeseq_once: MuData) -> MuData:
    """The same cells as two modalities, 46 genes and 14 proteins, with joint cell states; columns are of the whole."""
    return citeseq_once.copy()


@pytest.fixture(scope="session")
def citeseq_once(simulated: AnnData) -> MuData:
    adata, parts = simulated.copy(), {}
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
def partial(partial_once: MuData) -> MuData:
    """Modalities that lack cells, one in another order."""
    return partial_once.copy()


@pytest.fixture(scope="session")
def partial_once(citeseq_once: MuData) -> MuData:
    citeseq = citeseq_once
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


def _digest(value: Any) -> str:
    """A hash of the values of a slot; a lazy array is what it is computed from."""
    if hasattr(value, "dask"):
        return f"lazy {value.name}"
    if hasattr(value, "to_memory"):
        value = value.to_memory()
    if hasattr(value, "tocoo"):
        parts = [value.shape, value.format, *(getattr(value, name).tobytes() for name in ("data", "indices", "indptr"))]
    elif isinstance(value, Mapping):
        parts = [(key, _digest(one)) for key, one in value.items()]
    else:
        try:
            parts = [pickle.dumps(value)]
        except (TypeError, pickle.PicklingError):
            # on disk, or on a device: the same object
            parts = [
                type(value).__name__,
                getattr(value, "shape", None),
                str(getattr(value, "dtype", "")),
                id(type(value)),
            ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _digests(data: AnnData | MuData, name: str = "") -> dict[str, Any]:
    """Hashes of everything in the data, by slot and key, in their order."""
    found: dict[str, Any] = {f"{name}is_view": data.is_view}
    for slot in SLOTS:
        own = getattr(data, slot)
        if hasattr(own, "index"):
            found |= {f"{name}{slot} index": _digest(own.index.to_numpy(dtype=str)), f"{name}{slot}": list(own.columns)}
        values = {key: own.iloc[:, n] for n, key in enumerate(own)} if hasattr(own, "index") else own
        found |= {f"{name}{slot} {key}": _digest(values[key]) for key in values if key is not None}
    if isinstance(data, AnnData):
        layers = {f"{name}layers {key}": _digest(data.layers[key]) for key in data.layers if key is not None}
        return found | layers | {f"{name}X": _digest(data.X)}
    for mod, own in data.mod.items():
        found |= _digests(own, f"{mod} ")
    return found


@pytest.fixture(scope="session")
def unchanged() -> Callable[[AnnData | MuData], AbstractContextManager[None]]:
    """Context manager: everything in the object is the same after the block as before."""

    @contextmanager
    def check(data: AnnData | MuData) -> Iterator[None]:
        before = _digests(data)
        yield
        after = _digests(data)
        assert list(after) == list(before)
        assert after == before

    return check
