"""
Results where jax has an accelerator are those of the processor.

Expression is in double precision here, in which sums in another order agree to far more digits than results are stored with; that sums in single
precision are off by a millionth of what is summed at most, `tests/_gp/test_device_sums.py` shows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._gp import cell_blocks, moments

GROUPS = {"groupby": "Age", "reference": "Young", "groups": "Old"}
SAMPLES = GROUPS | {"sample_key": "Replicate"}
RUNS: dict[str, tuple[Callable[..., None], dict[str, Any]]] = {
    "de": (kp.tl.de, SAMPLES | {"layer": "double"}),
    "de_cells": (kp.tl.de, GROUPS | {"layer": "double", "storage": kp.StorageSettings(basis=None)}),
    "kompot": (kp.tl.de, SAMPLES | {"layer": "double", "gp": kp.GPSettings.kompot()}),
    "smooth": (kp.tl.smooth, {"layer": "double"}),
    "da": (kp.tl.da, SAMPLES),
    "da_cells": (kp.tl.da, GROUPS),
}
TURNED = "varianc"
"""Axes of variances, which may be turned: the layers show that the variances are the same."""


@pytest.fixture(scope="module")
def data() -> AnnData:
    adata = kp.datasets.simulate(400, 12, rng=0)
    adata.layers["double"] = adata.layers["logged_counts"].astype(np.float64)
    return adata


def values(data: AnnData) -> dict[str, np.ndarray]:
    """All numbers of a run."""
    slots = (data.obs, data.var, data.obsm, data.varm, data.layers)
    found = {
        key: np.asarray(slot[key])
        for slot in slots
        for key in slot
        if (key or "").startswith("run") and TURNED not in key
    }
    return {key: one.astype(np.float64) for key, one in found.items() if one.dtype.kind in "fiub"}


@pytest.mark.filterwarnings("ignore:The length scale is:UserWarning")
@pytest.mark.parametrize("name", RUNS)
def test_results_are_those_of_the_processor(
    name: str, data: AnnData, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, arguments = RUNS[name]
    here, there = data.copy(), data.copy()
    function(here, key_added="run", **arguments)
    request.getfixturevalue("on_jax")
    # what it would be computed by on the processor
    for module, path in ((moments, "_products"), (moments, "add_grams"), (cell_blocks._Blocks, "here")):
        monkeypatch.setattr(module, path, lambda *_: pytest.fail("computed on the processor"))
    function(there, key_added="run", **arguments)
    expected, found = values(here), values(there)
    assert set(expected) == set(found)
    assert len(found) > 3
    for key, one in expected.items():
        size = np.nanmax(np.abs(one), initial=0.0)
        np.testing.assert_allclose(found[key], one, rtol=1e-6, atol=1e-6 * size, err_msg=key)
