"""What runs record, what later runs leave of earlier ones, and interruptions."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._runs.find import find_view
from kompot_scverse.tl import cleanup

FEW = kp.TestSettings(null_genes=50)
ARGUMENTS = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "test": FEW}
K = "kompot_de_Young_to_Old"


@pytest.fixture(scope="module")
def analysed_once(simulated: AnnData) -> AnnData:
    adata = simulated.copy()
    kp.tl.de(adata, "Age", **ARGUMENTS)
    return adata


@pytest.fixture
def analysed(analysed_once: AnnData) -> AnnData:
    """Run 0, of `ARGUMENTS`."""
    return analysed_once.copy()


def test_adding_samples_says_that_shared_fields_stay(adata: AnnData) -> None:
    arguments = ARGUMENTS | {"gp": kp.GPSettings.kompot()}
    kp.tl.de(adata, "Age", **arguments)
    before = adata.copy()
    with pytest.warns(UserWarning, match="only adds `sample_key` to that of run 0: these shared fields stay the same"):
        kp.tl.de(adata, "Age", **arguments, sample_key="Replicate")
    np.testing.assert_allclose(adata.var[f"{K}_mean_lfc"], before.var[f"{K}_mean_lfc"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        np.asarray(adata.layers[f"{K}_fold_change"]),
        np.asarray(before.layers[f"{K}_fold_change"]),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("gp", [kp.GPSettings.kompot(sigma=0.5), None])
def test_other_changes_do_not_claim_that(analysed: AnnData, gp: kp.GPSettings | None) -> None:
    """Nor the default model, in which samples have a component of their own."""
    with pytest.warns(UserWarning, match="Overwriting") as caught:
        kp.tl.de(analysed, "Age", **ARGUMENTS, sample_key="Replicate", gp=gp)
    assert not any("stay the same" in str(one.message) for one in caught)


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_some_genes_update_only_those(adata: AnnData, sample_key: str | None) -> None:
    kp.tl.de(adata, "Age", **ARGUMENTS, sample_key=sample_key, cell_groups="celltype")
    before = adata.copy()
    genes = adata.var_names[[3, 7]]
    adata.var.loc[genes, f"{K}_mean_lfc"] = 99.0
    kp.tl.de(
        adata, "Age", **ARGUMENTS, sample_key=sample_key, cell_groups="celltype", genes=list(genes), overwrite=True
    )
    chosen = adata.var_names.isin(genes)
    adjusted = [f"{K}_qvalue", f"{K}_is_de_sample_var"]
    for key in adata.var.columns[adata.var.columns.str.startswith(K)].difference(adjusted):
        pd.testing.assert_series_equal(adata.var.loc[~chosen, key], before.var.loc[~chosen, key])
    lfc, earlier = (data.var[f"{K}_mean_lfc"].to_numpy() for data in (adata, before))
    np.testing.assert_allclose(lfc[chosen], earlier[chosen], rtol=1e-6)
    for key in (key for key in before.varm if key.startswith("kompot") and not key.endswith("qvalue")):
        new, old = np.asarray(adata.varm[key]), np.asarray(before.varm[key])
        np.testing.assert_array_equal(new[~chosen], old[~chosen])
    for key in (key for key in before.layers if key and key.startswith("kompot")):
        new, old = np.asarray(adata.layers[key]), np.asarray(before.layers[key])
        np.testing.assert_allclose(new[:, ~chosen], old[:, ~chosen], rtol=1e-6)
    run = kp.RunInfo(adata)
    assert run.summary["genes"] == list(genes)
    assert run.summary["genes_covered"] == "2 of 60; the others are as run 0 left them"
    assert run.params["updated_run"] == 0
    status = kp.RunInfo(adata, 0).fields.set_index("key")["status"]
    assert status[f"{K}_mean_lfc"] == "overwritten by run 1 for 2 genes"
    assert status["kompot_de_basis"] == "present"
    if sample_key is not None:
        # the same values, up to rounding
        assert status[f"{K}_qvalue"] == "present"


@pytest.mark.parametrize(
    "change", [{"gp": kp.GPSettings.kompot(sigma=0.5)}, {"gp": kp.GPSettings(ls=2.0)}, {"mask": True}]
)
def test_some_genes_after_another_run_are_alone(analysed: AnnData, change: dict) -> None:
    change = {"mask_obs": analysed.obs["celltype"] != "HSC"} if "mask" in change else change
    reason = {"gp": "`sigma`|`ls`", "mask_obs": "which cells are in which condition"}[next(iter(change))]
    with pytest.warns(UserWarning, match=f"59 other genes lose what run 0 found, in .* differs in .*({reason})"):
        kp.tl.de(analysed, "Age", **ARGUMENTS, genes=["Gene0004"], overwrite=True, **change)
    assert analysed.var[f"{K}_mean_lfc"].notna().sum() == 1
    assert analysed.var[f"{K}_is_de"].dtype == bool
    assert kp.RunInfo(analysed).summary["genes_covered"] == "1 of 60; the others are missing"


def test_run_is_small_with_many_samples() -> None:
    adata = kp.datasets.simulate(7200, 30, samples={"Young": 150, "Old": 150}, rng=0)
    names = {
        name: f"a rather long name of a donor, site and batch {name}" for name in adata.obs["Replicate"].cat.categories
    }
    adata.obs["Replicate"] = adata.obs["Replicate"].cat.rename_categories(names)
    kp.tl.da(adata, "Age", reference="Young", groups="Old")
    few = kp.TestSettings(null_genes=5)
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate", test=few,
             genes=list(adata.var_names[:20]), gp=kp.GPSettings(n_landmarks=8))  # fmt: skip
    for text in adata.uns["kompot"]["runs"].values():
        run = json.loads(text)
        # names and conditions of 300 samples, and 44,850 distances between them
        samples = run["diagnostics"].pop("samples", {})
        assert len(json.dumps(run).encode()) < 20_000
        assert len(json.dumps(samples.pop("distances", "")).encode()) < 125_000
        assert len(json.dumps(samples).encode()) < 40_000
    cells = kp.RunInfo(adata).cells
    listed = sum(len(samples) for samples in cells["samples"].values())
    assert listed + sum(cells.get(f"samples_of_{name}_not_listed", 0) for name in ("Young", "Old")) == 300
    assert repr(kp.RunInfo(adata))


def test_run_is_json_without_user_or_host(analysed: AnnData) -> None:
    text = analysed.uns["kompot"]["runs"]["0"]
    assert json.loads(text)["call"]["first_run"] == 0
    assert str(Path.home()) not in text


def test_newer_schema_is_refused(adata: AnnData) -> None:
    adata.uns["kompot"] = {"schema_version": 99, "runs": {}}
    with pytest.raises(ValueError, match="newer version"):
        find_view(adata)


PLACES = (
    "kompot_scverse.tl._steps.fit_states",
    "kompot_scverse.tl._de_fit.fit_model",
    "kompot_scverse.tl._de_results.gene_values",
    "kompot_scverse.tl._steps.build_runs",
    "kompot_scverse._results.store.store_runs",
    "kompot_scverse._results.disk.DiskStore.commit",
    "kompot_scverse._results.stored.StoredArray.lazy",
)


def _interrupt(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rerun", [False, True], ids=["first", "again"])
def test_interruption_leaves_everything(
    simulated: AnnData, analysed_once: AnnData, monkeypatch, tmp_path, unchanged, place: str, rerun: bool
) -> None:
    adata = (analysed_once if rerun else simulated).copy()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(place, _interrupt)
    runs = json.dumps(adata.uns.get("kompot"))
    arguments = ARGUMENTS | {
        "gp": kp.GPSettings.kompot(sigma=0.7),
        "overwrite": True,
        "storage": kp.StorageSettings(layers="disk"),
    }
    with unchanged(adata), pytest.raises(KeyboardInterrupt):
        kp.tl.de(adata, "Age", **arguments, sample_key="Replicate")
    assert json.dumps(adata.uns.get("kompot")) == runs
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [0, 1, 4, 6])
def test_interruption_while_writing(analysed: AnnData, monkeypatch, unchanged, number: int) -> None:
    """At the n-th obsm, varm or layers entry."""
    values = {slot: dict(getattr(analysed, slot)) for slot in ("obsm", "varm", "layers")}
    count = iter(range(100))
    for slot in {type(analysed.obsm), type(analysed.layers)}:

        def stop(self: object, key: str, value: object, plain=slot.__setitem__) -> None:
            if next(count) == number:
                raise KeyboardInterrupt
            plain(self, key, value)

        monkeypatch.setattr(slot, "__setitem__", stop)
    with unchanged(analysed), pytest.raises(KeyboardInterrupt):
        kp.tl.de(
            analysed,
            "Age",
            **ARGUMENTS | {"gp": kp.GPSettings.kompot(sigma=0.5)},
            sample_key="Replicate",
            overwrite=True,
        )
    for slot, stored in values.items():
        for key, value in stored.items():
            assert getattr(analysed, slot)[key] is value


def test_interrupted_cleanup(analysed: AnnData, monkeypatch, unchanged) -> None:
    slot = type(analysed.layers)
    delete, count = slot.__delitem__, iter(range(100))

    def stop(self: object, key: str) -> None:
        if next(count) == 1:
            raise KeyboardInterrupt
        delete(self, key)

    monkeypatch.setattr(slot, "__delitem__", stop)
    keys = set(analysed.layers)
    with pytest.raises(KeyboardInterrupt):
        cleanup(analysed)
    assert set(analysed.layers) == keys


def test_unwritable_directory(adata: AnnData, tmp_path, unchanged) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    storage = kp.StorageSettings(layers="disk", directory=blocked)
    with unchanged(adata), pytest.raises(OSError, match="Pass another `directory=`"):
        kp.tl.de(adata, "Age", **ARGUMENTS, storage=storage)
