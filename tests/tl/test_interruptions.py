"""Whatever stops a call, and wherever: the object is as before and no file stays."""

import importlib
import itertools
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData

import kompot_scverse as kp

CONTRAST = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
DISK = kp.StorageSettings(layers="disk", sample_covariance="disk")
CALLS = {
    "da": lambda adata, **more: kp.tl.da(adata, "Age", **CONTRAST, **more),
    "de": lambda adata, **more: kp.tl.de(
        adata,
        "Age",
        **CONTRAST,
        layer="logged_counts",
        test=kp.TestSettings(null_genes=40),
        storage=DISK,
        **{"gp": kp.GPSettings.kompot()} | more,
    ),
    "de by components": lambda adata, **more: kp.tl.de(
        adata, "Age", **CONTRAST, layer="logged_counts", storage=DISK, **more
    ),
    "smooth": lambda adata, **more: kp.tl.smooth(
        adata, "Age", group="Old", layer="logged_counts", storage=kp.StorageSettings(layers="disk"), **more
    ),
}
# what is running when the call is stopped: a function, and at which of its calls (the first of a layer, on nothing, are
# for dask to learn its type)
POINTS = {
    "da": {
        "log ratios": ("kompot_scverse._stats.log_ratio.fit_sample_ratio", 0),
        "replicate test": ("kompot_scverse.tl._da_results.compare_abundance", 0),
        "store": ("kompot_scverse._results.store.store_runs", 0),
    },
    "de": {
        "moments": ("kompot_scverse._gp.moments._products", 2),
        "null genes": ("kompot_scverse.tl._null_moments.shuffle_cells", 0),
        "replicate factors on disk": ("kompot_scverse._stats.sample_covariance.posterior_weights", 5),
        "replicate test": ("kompot_scverse.tl._de_results.compare_genes", 0),
        "layers on disk": ("kompot_scverse._stats.lazy_layers._product", 2),
        "store": ("kompot_scverse._results.store.store_runs", 0),
    },
    "de by components": {
        "evidence": ("kompot_scverse._stats.component_fit.log_evidence", 0),
        "components": ("kompot_scverse._stats.component_fit.fit_components", 0),
    },
    "smooth": {
        "moments": ("kompot_scverse._gp.moments._products", 0),
        "layers on disk": ("kompot_scverse._stats.lazy_layers._product", 0),
        "store": ("kompot_scverse._results.store.store_runs", 0),
    },
}
CASES = [(tool, point) for tool, points in POINTS.items() for point in points]


@pytest.fixture
def stop_at(monkeypatch, tmp_path):
    """Patch a function so that its n-th call does something else; temporary files go to a folder of the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def patch(place: str, number: int, action) -> list:
        module, _, name = place.rpartition(".")
        owner = importlib.import_module(module)
        plain, count, reached = getattr(owner, name), itertools.count(), []

        def stopped(*args, **kwargs):
            if next(count) == number:
                reached.append(True)
                action()
            return plain(*args, **kwargs)

        monkeypatch.setattr(owner, name, stopped)
        return reached

    return patch


def _raise(error: type[BaseException]) -> None:
    raise error("stopped")


@pytest.mark.parametrize(("tool", "point"), CASES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError], ids=["interrupt", "error"])
def test_nothing_is_left(
    adata: AnnData, unchanged, tmp_path: Path, stop_at, tool: str, point: str, error: type
) -> None:
    place, number = POINTS[tool][point]
    reached = stop_at(place, number, lambda: _raise(error))
    with unchanged(adata), pytest.raises(error, match="stopped"):
        CALLS[tool](adata)
    assert reached
    assert "kompot" not in adata.uns
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("tool", "point"), [("de", "moments"), ("de", "layers on disk"), ("smooth", "moments")])
def test_signal_while_threads_work(adata: AnnData, unchanged, tmp_path: Path, stop_at, tool: str, point: str) -> None:
    """A true Ctrl-C reaches the main thread while others compute or write."""
    place, number = POINTS[tool][point]
    reached = stop_at(place, number, lambda: os.kill(os.getpid(), signal.SIGINT))
    # a shell that runs the tests in the background makes them ignore the signal
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with unchanged(adata), pytest.raises(KeyboardInterrupt):
            CALLS[tool](adata)
    finally:
        signal.signal(signal.SIGINT, before)
    assert reached
    assert list(tmp_path.iterdir()) == []


def _as_array(values: Any) -> np.ndarray:
    """Also of sparse fields."""
    return values.toarray() if sp.issparse(values) else np.asarray(values)


@pytest.mark.parametrize("tool", CALLS)
def test_later_results_survive(adata: AnnData, tmp_path: Path, stop_at, tool: str) -> None:
    """What an earlier run wrote is still there, with its values, when a later one is stopped while storing."""
    CALLS[tool](adata)
    slots = ("obs", "var", "obsm", "varm", "layers")
    before = {
        (slot, key): _as_array(getattr(adata, slot)[key])
        for slot in slots
        for key in getattr(adata, slot)
        if key and key.startswith("kompot")
    }
    runs = dict(adata.uns["kompot"]["runs"])
    files = sorted(tmp_path.iterdir())
    stop_at("kompot_scverse._results.store.store_runs", 0, lambda: _raise(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        CALLS[tool](adata, gp=kp.GPSettings(ls=2.0), overwrite=True)
    assert dict(adata.uns["kompot"]["runs"]) == runs
    for (slot, key), values in before.items():
        np.testing.assert_array_equal(_as_array(getattr(adata, slot)[key]), values)
    assert sorted(tmp_path.iterdir()) == files
