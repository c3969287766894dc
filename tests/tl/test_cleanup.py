"""Dropping large fields and attaching them again."""

import logging

import numpy as np
import pytest
from anndata import AnnData

import kompot_scverse as kp

FEW = kp.TestSettings(null_genes=50)
ARGUMENTS = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "test": FEW}


@pytest.fixture(scope="module")
def done_once(simulated: AnnData) -> AnnData:
    adata = simulated.copy()
    kp.tl.de(adata, "Age", **ARGUMENTS, key_added="a")
    kp.tl.de(adata, "Age", **ARGUMENTS, key_added="b", sample_key="Replicate", gp=kp.GPSettings.kompot())
    return adata


@pytest.fixture
def done(done_once: AnnData) -> AnnData:
    """Run 0 without and run 1 with samples, by the model of Kompot, under different names."""
    return done_once.copy()


def _kompot(adata: AnnData, slot: str) -> set[str]:
    return {key for key in getattr(adata, slot) if key and key.startswith(("a_", "b_"))}


def test_drops_layers_and_sample_weights(done: AnnData, caplog) -> None:
    var, obs = set(done.var), set(done.obs)
    with caplog.at_level(logging.INFO, "kompot_scverse"):
        table = kp.tl.cleanup(done)
    assert _kompot(done, "layers") == set()
    assert not any("sample_weights" in key for key in done.varm)
    assert {"a_Young_weights", "b_Old_weights"} <= _kompot(done, "varm")
    assert (set(done.var), set(done.obs)) == (var, obs)
    assert "logged_counts" in done.layers
    lazy = table[table["slot"] == "layers"]
    assert (lazy["held"] == "lazy").all()
    assert (lazy["bytes"] == 600 * 60 * 4).all()
    assert len(lazy) == 7 + 6
    assert "Dropped 15 fields: 2 in memory" in caplog.text
    assert kp.tl.cleanup(done).empty
    assert "missing" in set(kp.RunInfo(done).fields["status"])


def test_chosen_runs(done: AnnData) -> None:
    assert set(kp.tl.cleanup(done, run_ids=0)["run_id"]) == {0}
    assert any(key.startswith("b_") for key in _kompot(done, "layers"))
    assert set(kp.tl.cleanup(done, run_ids=[-1])["run_id"]) == {1}


def test_analysis(done: AnnData) -> None:
    kp.tl.da(done, "Age", reference="Young", groups="Old")
    assert kp.tl.cleanup(done, analysis="da").empty
    assert len(kp.tl.cleanup(done, analysis="de"))


@pytest.mark.parametrize("keep", ["fold_change", ["imputed", "std"], "layers", "a_Young_imputed"])
def test_keep(done: AnnData, keep: str | list[str]) -> None:
    names = [keep] if isinstance(keep, str) else keep
    dropped = kp.tl.cleanup(done, keep=keep)
    assert not any(
        name in row for name in names for row in dropped[["slot", "key", "statistic"]].itertuples(index=False)
    )
    assert _kompot(done, "layers")


def test_unknown(done: AnnData) -> None:
    with pytest.raises(KeyError, match="'imputed'"):
        kp.tl.cleanup(done, keep="inputed")
    with pytest.raises(LookupError, match="No run with run_id=9"):
        kp.tl.cleanup(done, run_ids=9)


def test_overwritten_fields_belong_to_the_later_run(adata: AnnData) -> None:
    kp.tl.de(adata, "Age", **ARGUMENTS)
    kp.tl.de(adata, "Age", **ARGUMENTS, overwrite=True)
    assert kp.tl.cleanup(adata, run_ids=0).empty
    assert len(kp.tl.cleanup(adata, run_ids=1)) == 7


def test_without_runs(adata: AnnData) -> None:
    assert kp.tl.cleanup(adata).empty


def test_view(done: AnnData) -> None:
    view = done[:300]
    with pytest.warns(UserWarning, match="are a view"):
        kp.tl.cleanup(view)
    assert not view.is_view
    assert _kompot(view, "layers") == set()
    assert _kompot(done, "layers")


def test_restore(done: AnnData) -> None:
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
    kp.tl.cleanup(done)
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
