"""All tools take the same steps, with the arguments of their function."""

import inspect
from dataclasses import fields

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
        request, prepared = prepare_call(steps, function, given(tool, simulated))
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
    request, _ = prepare_call(steps, function, given(tool, simulated, gp=gp))
    assert request.gp is gp


@pytest.mark.parametrize("tool", TOOLS)
def test_a_field_that_exists_stops_before_the_fit(simulated, monkeypatch, tool):
    steps, function = TOOLS[tool]
    _, prepared = prepare_call(steps, function, given(tool, simulated))
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
