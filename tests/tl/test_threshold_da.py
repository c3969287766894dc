"""Other thresholds give what a new run with them would give, are recorded, and are written whole or not at all."""

import mudata as md
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._results import store

K = "kompot_da_Young_to_Old"
ARGUMENTS = {"reference": "Young", "groups": "Old"}


@pytest.fixture(scope="module")
def analysed_once() -> AnnData:
    """Run 0 without and run 1 with samples, each with its prefix."""
    adata = kp.datasets.simulate(600, 20, rng=1, density_change=2.5)
    kp.tl.da(adata, "Age", **ARGUMENTS)
    kp.tl.da(adata, "Age", sample_key="Replicate", key_added="samples", **ARGUMENTS)
    return adata


@pytest.fixture
def analysed(analysed_once) -> AnnData:
    return analysed_once.copy()


@pytest.mark.parametrize(
    ("key_added", "thresholds", "settings"),
    [
        ("kompot_da", {"max_ptp": 0.2, "min_lfc": 0.1}, kp.TestSettings(max_ptp=0.2, min_lfc=0.1)),
        ("kompot_da", {"min_lfc": 0.0}, kp.TestSettings(min_lfc=0.0)),
        ("samples", {"max_fdr": 0.3, "min_lfc": 0.2}, kp.TestSettings(threshold=0.3, min_lfc=0.2)),
    ],
)
def test_as_a_new_run(analysed, key_added, thresholds, settings):
    sample_key = "Replicate" if key_added == "samples" else None
    kp.tl.threshold_da(analysed, key_added=key_added, **thresholds)
    fresh = kp.datasets.simulate(600, 20, rng=1, density_change=2.5)
    kp.tl.da(fresh, "Age", sample_key=sample_key, key_added=key_added, test=settings, **ARGUMENTS)
    found, expected = (kp.RunInfo(data, key_added=key_added) for data in (analysed, fresh))
    pd.testing.assert_frame_equal(
        kp.get.da_df(analysed, key_added=key_added, sort=False), kp.get.da_df(fresh, key_added=key_added, sort=False)
    )
    assert found.params == expected.params
    assert found.summary == expected.summary


def test_the_call_repeats_both(analysed):
    kp.tl.threshold_da(analysed, key_added="samples", max_fdr=0.5)
    kp.tl.threshold_da(analysed, key_added="samples", min_lfc=0.3)
    text = kp.RunInfo(analysed, key_added="samples").call("fresh")
    assert text.count("kp.tl.") == 2
    fresh = kp.datasets.simulate(600, 20, rng=1, density_change=2.5)
    exec(text, {"kp": kp, "fresh": fresh})
    key = "samples_Young_to_Old_lfc_direction_sample_var"
    assert analysed.obs[key].equals(fresh.obs[key])
    params = kp.RunInfo(fresh).params
    assert (params["fdr_threshold"], params["lfc_samples_threshold"]) == (0.5, 0.3)


def test_without_limits_the_directions_are_the_signs(analysed):
    kp.tl.threshold_da(analysed, key_added="kompot_da", min_lfc=0.0, max_ptp=1.0)
    lfc = analysed.obs[f"{K}_lfc"]
    assert ((analysed.obs[f"{K}_lfc_direction"] == "up") == (lfc > 0)).all()


def test_all_or_nothing(analysed, unchanged, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "store_runs", fail)
    with unchanged(analysed), pytest.raises(KeyboardInterrupt):
        kp.tl.threshold_da(analysed, min_lfc=2.0)


def test_wrong_thresholds_are_refused(analysed, unchanged):
    with unchanged(analysed):
        with pytest.raises(ValueError, match="at least one threshold"):
            kp.tl.threshold_da(analysed)
        with pytest.raises(ValueError, match="rest on q-values; pass `max_fdr=`"):
            kp.tl.threshold_da(analysed, max_ptp=0.1)
        with pytest.raises(LookupError, match=r"No q-values of run 0 .*sample_key"):
            kp.tl.threshold_da(analysed, key_added="kompot_da", max_fdr=0.1)
        with pytest.raises(ValueError, match="`max_fdr` must be above 0"):
            kp.tl.threshold_da(analysed, max_fdr=2)


def test_overwritten_directions_belong_to_the_later_run(analysed):
    kp.tl.da(analysed, "Age", overwrite=True, **ARGUMENTS)
    with pytest.raises(LookupError, match="was overwritten by run 2; choose that one"):
        kp.tl.threshold_da(analysed, run_id=0, min_lfc=0.0)


def test_a_run_on_a_modality_alone_is_recorded_there(analysed):
    """A run that was made on a modality alone is recorded there."""
    cells = analysed.obs_names[::-3]
    prot = AnnData(np.ones((len(cells), 2), dtype=np.float32), obs=pd.DataFrame(index=cells))
    mdata = md.MuData({"rna": analysed, "prot": prot})
    kp.tl.threshold_da(mdata, mod="rna", max_fdr=1.0, min_lfc=0.0)
    rna = mdata["rna"]
    direction = rna.obs["samples_Young_to_Old_lfc_direction_sample_var"]
    # that of the replicate test, which may differ from the sign of the log fold change of the density
    assert (direction[rna.obs["samples_Young_to_Old_neighborhood_lfc"] > 0] == "up").all()
    assert kp.RunInfo(rna).params["fdr_threshold"] == 1.0
