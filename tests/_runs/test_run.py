"""Records of runs."""

import json
from dataclasses import replace

import numpy as np

from kompot_scverse._runs.run import Run, join_runs, versions

FIELDS = [
    {"slot": "var", "key": "a", "statistic": "x", "description": ""},
    {"slot": "obs", "key": "a", "statistic": "y", "description": "", "mod": "rna"},
]
RUN = Run(3, "de", "K", {"reference": "Young", "group": "Old"}, {"ls": 1.0}, {"n": 4}, {"found": 1}, FIELDS)


def test_a_line_of_json_gives_the_run_back() -> None:
    run = replace(RUN, params={"ls": np.float32(0.5), "n": np.int64(3), "who": np.array(["a", "b"])}, time="now")
    text = run.to_json()
    assert "\n" not in text
    assert Run(**json.loads(text)) == replace(run, params={"ls": 0.5, "n": 3, "who": ["a", "b"]})


def test_fields_are_written_in_one_place_and_marked_where_they_did_not_change() -> None:
    assert RUN.writes("var", "a")
    assert not RUN.writes("obs", "a")
    same = RUN.without_change([("", "var", "a")])
    assert same.writes("var", "a")
    assert not same.writes("var", "a", changed=True)
    assert RUN.writes("var", "a", changed=True)
    assert RUN.modalities == ["", "rna"]


def test_runs_of_one_call_share_its_first_run() -> None:
    first, second = replace(RUN, call={"first_run": 3}), replace(RUN, run_id=4, call={"first_run": 3})
    assert first.same_call(second)
    assert not first.same_call(replace(RUN, run_id=5))


def test_titles_name_contrast_effect_or_condition() -> None:
    assert RUN.title == "Young → Old"
    assert replace(RUN, contrast={"group": "age", "effect": "age (per year)"}).title == "age (per year)"
    smooth = replace(RUN, analysis="smooth", contrast={"condition": "Old"})
    assert (smooth.group, smooth.title) == ("Old", "Old")


def test_modalities_of_one_call_are_joined() -> None:
    field = {"slot": "var", "key": "a", "statistic": "x", "description": ""}
    rna = replace(RUN, mod="rna", fields=[field], params={"ls": 1.0, "layer": "counts"})
    prot = replace(RUN, mod="prot", fields=[field], params={"ls": 1.0, "layer": "clr"}, cells={"n": 3})
    joined = join_runs([rna, prot])
    assert joined.mod == ""
    assert joined.params == {"ls": 1.0, "layer": {"rna": "counts", "prot": "clr"}}
    assert joined.cells == {"modalities": {"rna": {"n": 4}, "prot": {"n": 3}}}
    assert joined.summary == RUN.summary
    assert joined.modalities == ["rna", "prot"]
    assert join_runs([RUN]) is RUN


def test_versions_name_packages_only() -> None:
    found = versions()
    assert found["numpy"] == np.__version__
    assert "kompot-scverse" in found
