import pytest

import kompot_scverse as kp


@pytest.fixture(scope="module")
def adata():
    return kp.datasets.simulate(600, 60)


ARGUMENTS = {"reference": "Young", "groups": "Old", "layer": "logged_counts"}


def test_plan_lists_what_the_run_writes(adata):
    own = adata.copy()
    plan = kp.pp.plan(own, "Age", sample_key="Replicate", cell_groups="celltype", **ARGUMENTS)
    assert not any("kompot" in key for key in [*own.obs, *own.var, *own.uns, *own.obsm])
    kp.tl.de(own, "Age", sample_key="Replicate", cell_groups="celltype", **ARGUMENTS)
    for slot, key, note in plan.fields:
        assert key in getattr(own, slot)
        assert note == ""
    written = {
        (slot, key)
        for slot in ("obs", "var", "obsm", "varm", "layers")
        for key in getattr(own, slot)
        if key and "kompot" in key
    }
    assert written == {(slot, key) for slot, key, _ in plan.fields}


def test_plan_names_what_is_overwritten(adata):
    own = adata.copy()
    kp.tl.de(own, "Age", **ARGUMENTS)
    plan = kp.pp.plan(own, "Age", **ARGUMENTS)
    assert {note for _, _, note in plan.fields} == {"OVERWRITES run 0"}
    assert "OVERWRITES run 0" in repr(plan)


def test_dry_run_is_the_same(adata):
    plan = kp.tl.de(adata, "Age", dry_run=True, **ARGUMENTS)
    assert plan.peak_memory == kp.pp.plan(adata, "Age", **ARGUMENTS).peak_memory
    assert plan.to_df()["bytes"].sum() >= plan.peak_memory


def test_more_of_anything_costs_more(adata):
    base = kp.pp.plan(adata, "Age", **ARGUMENTS)
    assert kp.pp.plan(adata, "Age", sample_key="Replicate", **ARGUMENTS).peak_memory > base.peak_memory
    memory = kp.pp.plan(adata, "Age", storage=kp.StorageSettings(layers="memory"), **ARGUMENTS)
    # of data this small, reading takes more than keeping
    assert memory.peak_memory >= base.peak_memory
    assert memory.to_df().set_index("array").loc["layers", "bytes"] == 7 * 600 * 60 * 4
    disk = kp.pp.plan(adata, "Age", storage=kp.StorageSettings(layers="disk"), **ARGUMENTS)
    assert (base.disk, disk.disk) == (0, 7 * 600 * 60 * 4)


def test_status_follows_the_available_memory(adata, monkeypatch):
    monkeypatch.setattr("kompot_scverse._plan.resource_plan.available_memory", lambda: 1e6)
    plan = kp.pp.plan(adata, "Age", **ARGUMENTS)
    assert plan.status == "not feasible"
    assert plan.advice
    assert "not feasible" in plan._repr_html_()


def test_warns_about_few_replicates_and_none(adata):
    assert "individuals" in " ".join(kp.pp.plan(adata, "Age", **ARGUMENTS).warnings)
    mid = kp.pp.plan(adata, "Age", reference="Young", groups="Mid", layer="logged_counts", sample_key="Replicate")
    assert any("Mid has 2 replicates" in warning for warning in mid.warnings)


def test_da(adata):
    plan = kp.pp.plan(adata, "Age", analysis="da", reference="Young", groups="Old")
    assert any(key.endswith("lfc_direction") for _, key, _ in plan.fields)


def test_bad_arguments_raise_as_the_run_would(adata):
    with pytest.raises(KeyError, match="celltype"):
        kp.pp.plan(adata, "celltyp", reference="Young")
