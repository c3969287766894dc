"""Layers that were dropped are built again."""

import logging

import numpy as np
import pytest
from anndata import AnnData

import kompot_scverse as kp

FEW = kp.TestSettings(null_genes=50)
ARGUMENTS = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "test": FEW}


def _kompot(adata: AnnData, slot: str) -> set[str]:
    return {key for key in getattr(adata, slot) if key and key.startswith(("a_", "b_"))}


def test_restored_layers_are_as_they_were(done: AnnData) -> None:
    before = {key: np.asarray(done.layers[key]) for key in _kompot(done, "layers")}
    kp.tl.cleanup(done, keep="sample_weights")
    kp.tl.restore_layers(done, 0)
    kp.tl.restore_layers(done)
    assert _kompot(done, "layers") == before.keys()
    for key, values in before.items():
        assert hasattr(done.layers[key], "dask")
        # the posterior variance is kept in obs
        np.testing.assert_allclose(np.asarray(done.layers[key]), values, rtol=1e-5, atol=1e-6)


def test_restore_without_sample_weights(done: AnnData, caplog) -> None:
    before = {key: np.asarray(done.layers[key]) for key in _kompot(done, "layers") if key.startswith("b_")}
    kp.tl.cleanup(done)
    kp.tl.restore_layers(done)
    assert _kompot(done, "layers") == before.keys()
    for key, values in before.items():
        # from the expression
        np.testing.assert_allclose(np.asarray(done.layers[key]), values, rtol=1e-3, atol=1e-5)
    kp.tl.cleanup(done)
    del done.layers["logged_counts"]
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.restore_layers(done)
    assert _kompot(done, "layers") == {
        "b_Young_imputed", "b_Old_imputed", "b_Young_to_Old_fold_change", "b_Young_to_Old_lfc_zscore",
    }  # fmt: skip
    assert "b_Young_std_sample_var" in caplog.text


def test_restore_with_several_groups(adata: AnnData) -> None:
    kp.tl.de(adata, "Age", reference="Young", layer="logged_counts", test=FEW)
    before = {key: np.asarray(value) for key, value in adata.layers.items() if key and key.startswith("kompot")}
    kp.tl.cleanup(adata)
    for run in (0, 1):
        kp.tl.restore_layers(adata, run)
    for key, values in before.items():
        np.testing.assert_array_equal(np.asarray(adata.layers[key]), values)


def test_restore_errors(adata: AnnData) -> None:
    with pytest.raises(LookupError, match="call `kp.tl.de` first"):
        kp.tl.restore_layers(adata)
    kp.tl.de(adata, "Age", **ARGUMENTS, gp=kp.GPSettings.kompot())
    kp.tl.de(adata, "Age", **ARGUMENTS, gp=kp.GPSettings.kompot(sigma=0.5), overwrite=True)
    with pytest.raises(LookupError, match="overwritten by run 1.*run_id=1"):
        kp.tl.restore_layers(adata, 0)
    del adata.varm["kompot_de_Old_weights"]
    with pytest.raises(LookupError, match="is gone"):
        kp.tl.restore_layers(adata)
    kp.tl.da(adata, "Age", reference="Young", groups="Old")
    with pytest.raises(LookupError, match="wrote no layers"):
        kp.tl.restore_layers(adata, 2)
