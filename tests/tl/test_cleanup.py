"""Dropping large fields."""

import logging

import pytest
from anndata import AnnData

import kompot_scverse as kp

FEW = kp.TestSettings(null_genes=50)
ARGUMENTS = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "test": FEW}


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


def test_only_runs_of_the_analysis_are_cleaned(done: AnnData) -> None:
    kp.tl.da(done, "Age", reference="Young", groups="Old")
    assert kp.tl.cleanup(done, analysis="da").empty
    assert len(kp.tl.cleanup(done, analysis="de"))


@pytest.mark.parametrize("keep", ["fold_change", ["imputed", "std"], "layers", "a_Young_imputed"])
def test_what_is_kept_is_not_dropped(done: AnnData, keep: str | list[str]) -> None:
    names = [keep] if isinstance(keep, str) else keep
    dropped = kp.tl.cleanup(done, keep=keep)
    assert not any(
        name in row for name in names for row in dropped[["slot", "key", "statistic"]].itertuples(index=False)
    )
    assert _kompot(done, "layers")


def test_unknown_names_are_errors(done: AnnData) -> None:
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


def test_a_view_becomes_a_copy(done: AnnData) -> None:
    view = done[:300]
    with pytest.warns(UserWarning, match="are a view"):
        kp.tl.cleanup(view)
    assert not view.is_view
    assert _kompot(view, "layers") == set()
    assert _kompot(done, "layers")
