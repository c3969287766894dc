"""One way to a run: by number, prefix, group, analysis and modality."""

import numpy as np
import pytest
from anndata import AnnData
from mudata import MuData

from kompot_scverse._runs.find import all_views, find_view, find_views
from kompot_scverse._runs.history import store_runs
from kompot_scverse._runs.run import Run


def run(
    number: int, group: str, *, analysis: str = "de", key: str = "k", first: int | None = None, mod: str = ""
) -> Run:
    """A run that wrote one statistic."""
    contrast = {"groupby": "Age", "reference": "Young", "group": group}
    field = {"slot": "var", "key": f"{key}_{group}_mean_lfc", "statistic": "mean_lfc", "description": ""}
    call = {"function": analysis, "arguments": {}, "first_run": number if first is None else first}
    return Run(number, analysis, key, contrast, {}, {}, {}, [field], call=call, mod=mod)


@pytest.fixture
def adata() -> AnnData:
    """Runs 0 and 1 of one call on Mid and Old; 2 of abundance; 3 on Old with another prefix."""
    data = AnnData(np.ones((3, 2)))
    store_runs(
        data, [run(0, "Mid", first=0), run(1, "Old", first=0), run(2, "Old", analysis="da"), run(3, "Old", key="other")]
    )
    return data


@pytest.mark.parametrize(
    ("analysis", "arguments", "expected"),
    [
        ("de", {"run_id": 0}, 0),
        ("de", {"run_id": -1}, 3),
        ("de", {"run_id": -3}, 0),
        ("de", {}, 3),
        ("de", {"key_added": "other"}, 3),
        ("de", {"key_added": "k", "group": "Mid"}, 0),
        ("de", {"group": "Old"}, 3),
        ("de", {"group": "Old", "run_id": -2}, 1),
        ("de", {"key_added": "k", "run_id": -1}, 1),
        ("da", {}, 2),
        (None, {"run_id": 2}, 2),
        (None, {}, 3),
    ],
)
def test_one_run(adata, analysis, arguments, expected):
    assert find_view(adata, analysis, **arguments).run.run_id == expected


def test_contrasts_of_a_call_come_together(adata):
    assert [view.run.run_id for view in find_views(adata, "de", key_added="k")] == [0, 1]
    assert [view.run.run_id for view in find_views(adata, "de", run_id=1)] == [1]
    assert [view.run.run_id for view in all_views(adata)] == [0, 1, 2, 3]
    message = (
        r"several contrasts, runs 0 \(Young → Mid, key_added='k'\), 1 \(Young → Old, key_added='k'\); choose one with"
    )
    with pytest.raises(LookupError, match=message):
        find_view(adata, "de", key_added="k")


@pytest.mark.parametrize(
    ("analysis", "arguments", "message"),
    [
        ("de", {"run_id": 2}, r"No de run with run_id=2; existing: 0 \(Young → Mid, key_added='k'\), 1 .*, 3 "),
        ("de", {"run_id": -4}, "No de run with run_id=-4; existing"),
        ("de", {"group": "Ancient"}, "No de run with group='Ancient'; existing"),
        (None, {"key_added": "x", "group": "Old"}, "No run with key_added='x', group='Old'; existing"),
        ("smooth", {}, r"No smooth run in uns\['kompot'\]; call `kp\.tl\.smooth` first"),
    ],
)
def test_no_such_run(adata, analysis, arguments, message):
    with pytest.raises(LookupError, match=message):
        find_view(adata, analysis, **arguments)


def test_runs_of_several_modalities_are_found_in_each():
    parts = {"rna": AnnData(np.ones((3, 2))), "prot": AnnData(np.ones((3, 1)))}
    for mod, own in parts.items():
        own.var_names = [f"{mod} {name}" for name in own.var_names]
    mdata = MuData(parts)
    store_runs(mdata, [run(0, "Old", mod="rna"), run(0, "Old", mod="prot"), run(1, "Old", mod="rna", key="single")])
    assert [view.mod for view in find_views(mdata, "de", run_id=0)] == ["rna", "prot"]
    assert find_view(mdata, "de").mod == "rna"
    both = find_view(mdata, "de", run_id=0)
    with pytest.raises(LookupError, match="Run 0 .* is of the modalities 'rna' and 'prot'; pass one of them as `mod=`"):
        both.check_one_modality()
    with pytest.raises(LookupError, match="is of the modalities"):
        both.read("mean_lfc")
    own = find_view(mdata, "de", run_id=0, mod="prot")
    own.check_one_modality()
    assert own.own is mdata["prot"]
    parts = {
        view.mod: (places.tolist(), numbers.tolist()) for view, places, numbers in both.of_features(np.array([2, 0]))
    }
    assert parts == {"rna": ([1], [0]), "prot": ([0], [0])}
