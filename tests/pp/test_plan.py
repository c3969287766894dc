import pytest

import kompot_scverse as kp


@pytest.fixture(scope="module")
def adata():
    return kp.datasets.simulate(600, 60)


ARGUMENTS = {"reference": "Young", "groups": "Old", "layer": "logged_counts"}


def test_plan_lists_what_the_run_writes(adata):
    own = adata.copy()
    plan = kp.pp.plan(own, "de", "Age", sample_key="Replicate", cell_groups="celltype", **ARGUMENTS)
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
    plan = kp.pp.plan(own, "de", "Age", **ARGUMENTS)
    assert {note for _, _, note in plan.fields} == {"OVERWRITES run 0"}
    assert "OVERWRITES run 0" in repr(plan)


def test_peak_is_at_most_the_sum_of_all_arrays(adata):
    plan = kp.pp.plan(adata, "de", "Age", **ARGUMENTS)
    assert 0 < plan.peak_memory <= plan.to_df()["bytes"].sum()


def test_more_of_anything_costs_more(adata):
    base = kp.pp.plan(adata, "de", "Age", **ARGUMENTS)
    assert kp.pp.plan(adata, "de", "Age", sample_key="Replicate", **ARGUMENTS).peak_memory > base.peak_memory
    memory = kp.pp.plan(adata, "de", "Age", storage=kp.StorageSettings(layers="memory"), **ARGUMENTS)
    # of data this small, reading takes more than keeping
    assert memory.peak_memory >= base.peak_memory
    assert memory.to_df().set_index("array").loc["layers", "bytes"] == 7 * 600 * 60 * 4
    disk = kp.pp.plan(adata, "de", "Age", storage=kp.StorageSettings(layers="disk"), **ARGUMENTS)
    assert (base.disk, disk.disk) == (0, 7 * 600 * 60 * 4)


def test_status_follows_the_available_memory(adata, monkeypatch):
    monkeypatch.setattr("kompot_scverse._plan.resource_plan.available_memory", lambda: 1e6)
    plan = kp.pp.plan(adata, "de", "Age", **ARGUMENTS)
    assert plan.status == "not feasible"
    assert plan.advice
    assert "not feasible" in plan._repr_html_()


def test_warns_about_few_replicates_and_none(adata):
    assert "individuals" in " ".join(kp.pp.plan(adata, "de", "Age", **ARGUMENTS).warnings)
    mid = kp.pp.plan(adata, "de", "Age", reference="Young", groups="Mid", layer="logged_counts", sample_key="Replicate")
    assert any("Mid has 2 replicates" in warning for warning in mid.warnings)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("da", {"groupby": "Age", "reference": "Young", "groups": "Old", "method": "density"}),
        ("da", {"groupby": "Age", "reference": "Young", "groups": "Old", "sample_key": "Replicate"}),
        ("smooth", {"layer": "logged_counts"}),
        ("smooth", {"groupby": "Age", "group": "Old", "layer": "logged_counts", "gp": kp.GPSettings.kompot()}),
    ],
)
def test_fields_of_the_other_tools(adata, tool, arguments):
    own = adata.copy()
    plan = kp.pp.plan(own, tool, **arguments)
    getattr(kp.tl, tool)(own, **arguments)
    written = {
        (slot, key)
        for slot in ("obs", "var", "obsm", "varm", "layers")
        for key in getattr(own, slot)
        if key and "kompot" in key
    }
    assert written == {(slot, key) for slot, key, _ in plan.fields}
    assert 0 < plan.peak_memory < 1e9


@pytest.mark.parametrize("kernel", [None, "Linear", "Exponential"])
def test_rank_is_that_of_the_kernel(adata, kernel):
    own = adata.copy()
    gp = kp.GPSettings(kernel=kernel, rtol=1e-3)
    plan = kp.pp.plan(own, "da", "Age", reference="Young", groups="Old", gp=gp)
    (note,) = (note for note in plan.notes if "rank about" in note)
    kp.tl.da(own, "Age", reference="Young", groups="Old", gp=gp)
    rank = kp.RunInfo(own, analysis="da").params["rank"]
    assert int(note.rpartition(" ")[2]) == pytest.approx(rank, rel=0.1, abs=3)


def test_a_device_is_named(adata, request):
    note = "features and sums over cells are computed on cpu; the time is the processor's"
    assert note not in kp.pp.plan(adata, "da", "Age", reference="Young", groups="Old").notes
    request.getfixturevalue("on_jax")
    assert note in kp.pp.plan(adata, "da", "Age", reference="Young", groups="Old").notes


def test_arguments_that_the_tool_does_not_have(adata):
    with pytest.raises(TypeError, match="unexpected keyword argument 'layer'"):
        kp.pp.plan(adata, "da", "Age", reference="Young", layer=None)
    with pytest.raises(TypeError, match="missing a required argument: 'groupby'"):
        kp.pp.plan(adata, "de", reference="Young")
    with pytest.raises(ValueError, match="null_genes.* has no meaning in kp.tl.da"):
        kp.pp.plan(adata, "da", "Age", reference="Young", test=kp.TestSettings(null_genes=3))


def test_bad_arguments_raise_as_the_run_would(adata):
    with pytest.raises(KeyError, match="celltype"):
        kp.pp.plan(adata, "de", "celltyp", reference="Young")
