"""What is said before the results."""

from types import SimpleNamespace

import pytest
from pages import DESIGN

import kompot_scverse as kp
from kompot_scverse._report.checks import checks


def said(*, samples=None, summary=None, params=None, replicates=True, left_out=()):
    own = SimpleNamespace(
        summary=summary or {},
        params=params or {},
        cells={"conditions": {"a": 50, "b": 50}, "samples": samples or {}, "left_out": list(left_out)},
        group="b",
        contrast={"reference": "a", "group": "b"},
    )
    # the effect of a design has no two conditions, whose samples a column could group
    return list(checks(SimpleNamespace(view=SimpleNamespace(run=own, effect={}), replicates=replicates)))


def test_nothing_to_say():
    of_samples = {"a": {"s1": 20, "s2": 15, "s3": 15}, "b": {"t1": 20, "t2": 15, "t3": 15}}
    summary = {"n_supported": 100, "depth_ratio": 1.2, "n_neighborhoods": 5, "n_neighborhoods_tested": 5}
    assert said(samples=of_samples, summary=summary, params={"residual": 9e-7, "rtol": 1e-6}) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"replicates": False}, "no samples"),
        ({"samples": {"a": {"s1": 25, "s2": 25}}}, "a has 2 samples"),
        ({"left_out": ["s9"]}, "s9"),
        ({"summary": {"n_supported": 90}}, "10 of 100 cells"),
        ({"summary": {"n_neighborhoods": 5, "n_neighborhoods_tested": 3}}, "2 of 5 neighbourhoods"),
        (
            {"summary": {"depth_ratio": 2.0}, "params": {"tested_at_equal_depth": True}},
            "2.00 times as deep as those of a; tests are",
        ),
        ({"summary": {"depth_ratio": 0.5}}, "do not allow"),
        ({"params": {"residual": 0.02, "rtol": 1e-6}}, "2.0%"),
        (
            {"summary": {"influence": {"n_called": 10, "n_resting": {"s1": 4, "s2": 3}, "n_lost": {"s1": 4}}}},
            "4 of the 10 calls",
        ),
        (
            {"summary": {"influence": {"n_called": 9, "n_resting": {}, "n_lost": {"s1": 9, "s2": 7, "s3": 6}}}},
            "any one of s1, s2:",
        ),
    ],
)
def test_each_is_said_once(given, words):
    (sentence,) = said(**given)
    assert words in sentence


def test_samples_that_another_column_groups(made):
    adata = kp.datasets.simulate(480, 4, samples={"Young": 4, "Old": 4}, rng=0)
    number = adata.obs["Replicate"].astype(str).str[-1].astype(int)
    adata.obs["mouse"] = adata.obs["Age"].astype(str) + (number > 2).astype(str)
    kp.tl.da(adata, "Age", **DESIGN)
    said = "Obs column “mouse” groups the 8 samples in 4"
    assert sum(said in text for text in made(adata).texts.get("li", [])) == 1
    adata.obs["mouse"] = number.astype(str)
    assert not any(said in text for text in made(adata).texts.get("li", []))
    del adata.obs["Replicate"]
    assert not any(said in text for text in made(adata).texts.get("li", []))
