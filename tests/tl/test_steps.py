"""All tools take the same steps, with the arguments of their function."""

import inspect
import warnings
from dataclasses import fields

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from docstring_parser import parse_from_object

import kompot_scverse as kp
from kompot_scverse.tl._steps import prepare_call
from kompot_scverse.tl._tools import TOOLS

ELSEWHERE = {"data"}
"""What is no part of a request."""
CALLS = {
    "da": {"groupby": "Age", "reference": "Young", "groups": "Old"},
    "de": {"groupby": "Age", "reference": "Young", "groups": "Old", "layer": "logged_counts"},
    "smooth": {"groupby": "Age", "group": "Old", "layer": "logged_counts"},
}


def given(tool, data, **arguments):
    bound = inspect.signature(TOOLS[tool][1]).bind(data, **CALLS[tool] | arguments)
    bound.apply_defaults()
    return bound.arguments


@pytest.mark.parametrize("tool", TOOLS)
def test_a_request_has_the_arguments_of_the_function(tool):
    steps, function = TOOLS[tool]
    parameters = set(inspect.signature(function).parameters) - ELSEWHERE
    # what a tool cannot be given has a default
    assert parameters <= {one.name for one in fields(steps.request)} <= parameters | {"storage"}
    assert len(inspect.signature(function).parameters) - 1 <= 17


@pytest.mark.parametrize("tool", TOOLS)
def test_preparing_plans_fields_and_changes_nothing(simulated, unchanged, tool):
    steps, function = TOOLS[tool]
    with unchanged(simulated):
        request, prepared = prepare_call(steps, given(tool, simulated))
    assert request.gp == kp.GPSettings()
    (task,) = prepared.tasks
    assert task.planned
    assert all(field.value is None and field.key.startswith(f"kompot_{tool}") for field in task.planned)
    assert prepared.cells.sum() >= task.design.cells.sum() > 0
    # `smooth` learns the basis from all cells, the others from those that are compared
    assert (prepared.cells.sum() == task.design.cells.sum()) == (tool != "smooth")


@pytest.mark.parametrize("tool", TOOLS)
def test_settings_are_those_given(simulated, tool):
    steps, function = TOOLS[tool]
    gp = kp.GPSettings(n_landmarks=7)
    request, _ = prepare_call(steps, given(tool, simulated, gp=gp))
    assert request.gp is gp


@pytest.mark.parametrize("tool", TOOLS)
def test_a_field_that_exists_stops_before_the_fit(simulated, monkeypatch, tool):
    steps, function = TOOLS[tool]
    _, prepared = prepare_call(steps, given(tool, simulated))
    adata = simulated.copy()
    column = next((field for field in prepared.tasks[0].planned if field.slot in ("obs", "var")), None)
    if column is None:
        adata.obsm["kompot_smooth_Old_basis"] = adata.obsm["X_umap"]
    else:
        getattr(adata, column.slot)[column.key] = 1.0
    monkeypatch.setattr("kompot_scverse.tl._steps.fit_states", lambda *_, **__: pytest.fail("fitted"))
    with pytest.raises(ValueError, match="exist already"):
        function(adata, **CALLS[tool], overwrite=False)


def test_parameters_of_one_meaning_read_the_same():
    de, da, smooth = (
        {parameter.arg_name: parameter.description for parameter in parse_from_object(TOOLS[tool][1]).params}
        for tool in ("de", "da", "smooth")
    )
    assert {name for name in de if de[name] == da.get(name)} >= {
        "data", "reference", "groups", "sample_key", "paired", "covariates", "use_rep", "mask_obs", "key_added",
        "overwrite",
    }  # fmt: skip
    assert {name for name in de if de[name] == smooth.get(name)} >= {
        "data",
        "use_rep",
        "layer",
        "mask_obs",
        "overwrite",
    }


@pytest.mark.parametrize("tool", TOOLS)
def test_the_same_call_again_warns_only_where_values_change(adata, tool):
    function = TOOLS[tool][1]
    call = {"use_rep": "DM_EigenVectors"} | CALLS[tool]
    function(adata, **call)
    function(adata, **call)
    assert len(kp.RunInfo(adata, -1).fields) == len(kp.RunInfo(adata, 0).fields)
    assert set(kp.RunInfo(adata, 0).fields["status"]) == {"present"}
    # what a call is made from may change without the call
    states = adata.obsm["DM_EigenVectors"].copy()
    adata.obsm["DM_EigenVectors"] = states[::-1].copy()
    before = adata.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            UserWarning, match=r"Overwriting \d+ fields with values that differ from those of run 1, though"
        ):
            function(adata, **call)
    # and where a warning is an error, nothing is lost
    assert kp.RunInfo(adata).run_id == 1
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    pd.testing.assert_frame_equal(adata.var, before.var)


def test_a_call_with_a_mask_that_is_not_recorded_warns_beforehand(adata):
    call = CALLS["da"] | {"mask_obs": np.arange(adata.n_obs) % 7 != 0}
    kp.tl.da(adata, **call)
    with pytest.warns(UserWarning, match=r"Overwriting \d+ fields written by run 0: "):
        kp.tl.da(adata, **call)


def test_runs_know_what_they_warned_of(adata, tmp_path, caplog):
    adata.obs["batch"] = pd.Categorical(np.arange(adata.n_obs) % 3).codes.astype(float)
    adata.obs.loc[adata.obs_names[:5], "Age"] = np.nan
    with pytest.warns(UserWarning, match="is missing for") as caught:
        kp.tl.da(adata, **CALLS["da"])
    expected = [("UserWarning", str(caught[0].message)), ("logged", caplog.records[0].getMessage())]
    assert expected[1][1].startswith("Without `sample_key`")
    adata.write_h5ad(tmp_path / "data.h5ad")
    adata.write_zarr(tmp_path / "data.zarr")
    for data in (adata, ad.read_h5ad(tmp_path / "data.h5ad"), ad.read_zarr(tmp_path / "data.zarr")):
        found = kp.RunInfo(data).warnings
        assert list(found.itertuples(index=False, name=None)) == expected
    # a later call has its own
    adata.obs["Age"] = adata.obs["Age"].fillna("Mid")
    kp.tl.da(adata, **CALLS["da"], sample_key="Replicate", key_added="other")
    assert kp.RunInfo(adata).warnings.empty
