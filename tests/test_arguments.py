"""Arguments of wrong types stop every public function at its door, in a sentence, before anything is done."""

import datetime
import inspect

import numpy as np
import pandas as pd
import pytest

import kompot_scverse as kp
from kompot_scverse._arguments import (
    check_argument,
    check_at_least,
    check_fraction,
    check_not_negative,
    listed,
    seed_of,
    shown,
)

FUNCTIONS = {
    f"{part}.{name}": getattr(getattr(kp, part), name)
    for part in ("get", "pl", "pp", "tl")
    for name in getattr(kp, part).__all__
    if inspect.isfunction(getattr(getattr(kp, part), name))
} | {"RunInfo": kp.RunInfo, "report": kp.report}
NEEDED = {
    "x": 0,
    "y": 1,
    "region": 0,

    "groupby": "Age", "reference": "Young", "statistic": "fold_change", "gene": "Gene0001", "cell_groups": "celltype",
    "tool": "de", "net": {"a set": ["Gene0001", "Gene0002", "Gene0003"]},
}  # fmt: skip
NOTHING = (
    object(),
    {},
    {"a": 1},
    b"x",
    1j,
    datetime.date(2020, 1, 1),
    np.zeros((2, 2)),
    pd.DataFrame({"a": [1]}),
    dict,
)
"""What no argument takes but a dict and the labels of categories."""
FLAG = (*NOTHING, "no", "True", 0, 1, 1.0, [], [True], np.array([True]), np.nan)
TEXT = (*NOTHING, 0, 1.5, True, [], ["a"], ("a",), {"a"}, np.array("a"), kp.GPSettings())
NUMBER = (*NOTHING, "0.5", True, [], [0.5], np.nan, np.array([0.5]))
WHOLE = (*NUMBER, 0.5, "0", None)
NAMES = (*NOTHING[:1], *NOTHING[3:], 0, 1.5, True, (name for name in "ab"), np.ma.masked_array(["a"], [True]))
SETTINGS = (*NOTHING, True, 0, "GPSettings", kp.GPSettings, [kp.GPSettings()], kp.TestSettings().__dict__)
WRONG = (
    dict.fromkeys(("paired", "sort", "log2"), (*FLAG, None))
    | dict.fromkeys(("overwrite", "show", "normalize"), FLAG)
    | dict.fromkeys(("sample_key", "cell_groups", "use_rep", "gene_symbols", "neighbors_key"), TEXT)
    | {"tool": (*TEXT, "nope", None)}
    | dict.fromkeys(("groupby", "statistic", "gene", "key_added", "basis"), TEXT)
    | dict.fromkeys(("n_genes", "n_top", "ncols"), WHOLE)
    | dict.fromkeys(("n_neighbors", "min_cells", "min_genes", "n_regions"), (*WHOLE, 0, -1))
    | dict.fromkeys(("n_components", "n_programs"), (*WHOLE[:-1], 0))
    | {"title": TEXT, "path": (*NOTHING[:3], *NOTHING[4:], 0, True, ["a"])}
    | dict.fromkeys(("max_fdr", "max_ptp", "min_lfc"), NUMBER)
    | dict.fromkeys(("genes", "covariates", "mask_obs", "cells", "obs_columns", "keep", "color"), NAMES)
    | dict.fromkeys(("gp", "storage", "test"), SETTINGS)
    | dict.fromkeys(("analysis", "value", "y", "kind", "standard_scale"), (*TEXT[:-3], "nope"))
    | dict.fromkeys(("order", "labels", "run_ids"), (*NAMES[:1], *NOTHING, 1.5, True))
    | dict.fromkeys(("highlight", "text_kws"), (object(), "a", 1, ["a"], True))
    | {"rng": (*NOTHING, -1, np.int64(-3), "abc", 1.5, None, True, [1], np.random.RandomState(0))}
    | {"run_id": WHOLE[:-1]}
    | {"cluster": (*NOTHING, 0, 1, "nope", None, ["genes"])}
    | {"layer": (*NOTHING[:1], *NOTHING[3:], 1, True, ["a"]), "mod": (*NOTHING, 1, True)}
)
"""Values by argument, whatever the function."""


def wrong(name: str, argument: str) -> tuple:
    if name == "pp.joint_states" and argument in ("use_rep", "mod"):
        # a representation of each modality, and several modalities
        takes = dict if argument == "use_rep" else list
        return tuple(value for value in WRONG[argument] if not isinstance(value, takes))
    if (name, argument) == ("tl.rank_genes_groups", "run_id"):
        return (*NOTHING, 0.5, "0", True, ["0"])
    if (name, argument) == ("pl.fold_changes", "y"):
        return (1.5, ["a"], ("a",), {"a"}, None, b"x", np.zeros((2, 2)))
    if (name, argument) == ("pl.samples", "labels"):
        return FLAG
    return (*WRONG[argument], "nope") if (name, argument) == ("tl.da", "normalize") else WRONG[argument]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_wrong_types(simulated, citeseq_once, unchanged, name):
    """The data have no run: what is not caught at the door says so instead."""
    data = citeseq_once if name == "pp.joint_states" else simulated
    function, tried = FUNCTIONS[name], 0
    parameters = inspect.signature(function).parameters.values()
    needed = {one.name: NEEDED[one.name] for one in parameters if one.default is one.empty and one.name in NEEDED}
    with unchanged(data):
        for parameter in parameters:
            for value in wrong(name, parameter.name) if parameter.name in WRONG else ():
                with pytest.raises((TypeError, ValueError), match=rf"^`{parameter.name}` must (be|hold) .*, not .*\.$"):
                    function(data, **(needed | {parameter.name: value}))
                tried += 1
    assert tried > 10


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        ("no", bool, "`a` must be True or False, not 'no'."),
        (1.0, int, "`a` must be a whole number, not 1.0."),
        (True, float | None, "`a` must be a number or None, not True."),
        (kp.TestSettings(), kp.GPSettings | None, "`a` must be GPSettings or None, not a TestSettings."),
        ([1], str | None, "`a` must be text or None, not a list."),
        (dict, str, "`a` must be text, not the class dict."),
        ("x" * 99, int, f"`a` must be a whole number, not '{'x' * 59}…."),
        (np.zeros((2, 3)), str | np.ndarray, "`a` must be text or an array, not an array of shape (2, 3)."),
    ],
)
def test_errors_are_sentences(value, annotation, message):
    with pytest.raises(TypeError) as caught:
        check_argument("a", value, annotation)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "annotation"),
    [(np.bool_(True), bool), (np.int64(3), int), (np.float32(0.5), float), (2, float | None), (np.str_("a"), str)],
)
def test_numpy_scalars_are_what_they_are(value, annotation):
    check_argument("a", value, annotation)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ab", ["ab"]), (3, [3]), (None, [None]), (np.array("ab"), ["ab"]), (np.array(["b", "a"]), ["b", "a"]),
        (("b", "a"), ["b", "a"]), ({"b", "a"}, ["a", "b"]), ({"b": 1, "a": 2}.keys(), ["a", "b"]),
        (pd.Series(["b", "a"], index=[5, 6]), ["b", "a"]), (pd.Index(["b", "a"]), ["b", "a"]),
        (pd.Categorical(["b", "a"]), ["b", "a"]), (range(2), [0, 1]), (pd.Interval(0, 1), [pd.Interval(0, 1)]),
    ],
)  # fmt: skip
def test_one_or_several(value, expected):
    assert listed("a", value) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((one for one in "ab"), "not a generator. It can be read only once; pass a list."),
        ({"a": 1}, "not a dict."),
        (np.zeros((2, 2)), r"not an array of shape \(2, 2\)."),
        (np.ma.masked_array(["a"], [True]), "not a masked array."),
        (pd.DataFrame({"a": [1]}), "not a DataFrame."),
    ],
)
def test_neither_one_nor_several(value, message):
    with pytest.raises(TypeError, match=f"`a` must be one value or a list, {message}"):
        listed("a", value)


def test_kinds_of_the_values():
    with pytest.raises(TypeError, match="`a` must hold text, not 1"):
        listed("a", ["b", 1], str)
    with pytest.raises(TypeError, match="`a` must hold a whole number, not True"):
        listed("a", [True], int)


def test_limits_seeds_and_words():
    check_at_least(3, n=3, of_function=None)
    with pytest.raises(ValueError, match=r"^`n` must be at least 3, not 2\.$"):
        check_at_least(3, n=2)
    for check in (check_fraction, check_not_negative):
        check("a", None)
        with pytest.raises(ValueError, match="`a` must be"):
            check("a", -0.1)
    with pytest.raises(ValueError, match="above 0 and at most 1, not 0"):
        check_fraction("a", 0)
    assert seed_of(np.int64(3)) == 3
    assert type(seed_of(np.int64(3))) is int
    assert seed_of(np.random.default_rng(0)) == "generator"
    assert [shown(one) for one in (np.float64(1.5), "a", None, [1], dict)] == [
        "1.5",
        "'a'",
        "None",
        "a list",
        "the class dict",
    ]


def test_comparison_and_call_of_a_run(simulated):
    adata = simulated.copy()
    kp.tl.smooth(adata, layer="logged_counts", genes=["Gene0001"])
    run = kp.RunInfo(adata, analysis="smooth")
    for value in (True, "0", 0.5, None, [run]):
        with pytest.raises(TypeError, match="`other` must be RunInfo or a whole number, not"):
            run.compare_with(value)
    with pytest.raises(TypeError, match="`data` must be text or None, not 3"):
        run.call(3)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.startswith(("pp.", "tl."))])
def test_nothing_makes_copies(name):
    """What writes, writes in place: who wants a copy passes one."""
    assert "copy" not in inspect.signature(FUNCTIONS[name]).parameters
