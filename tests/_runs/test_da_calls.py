"""Directions of the run, and by other thresholds."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._runs.da_calls import da_calls, heights

LFC = np.array([2.0, 0.4, -0.6, -3.0, np.nan, 1.5])
TAIL = np.array([0.001, 0.001, 0.02, 0.3, np.nan, 0.06])
Q = np.array([0.01, 0.01, 0.2, 1e-320, np.nan, 0.04])
EFFECT = np.array([1.0, 1.0, -1.0, -1.0, np.nan, -2.0])
WRITTEN = pd.Categorical(["up", "up", "down", "neutral", None, "neutral"], categories=["down", "neutral", "up"])


@pytest.fixture
def cells() -> AnnData:
    return AnnData(np.zeros((6, 1)))


@pytest.fixture
def pooled(cells: AnnData):
    obs = {"lfc": LFC, "neg_log10_lfc_ptp": -np.log10(TAIL), "lfc_direction": WRITTEN}
    return add_run(cells, "da", obs=obs, params={"ptp_threshold": 0.05, "lfc_threshold": 0.0})


@pytest.fixture
def replicated(cells: AnnData):
    obs = {"lfc": LFC, "lfc_qvalue": Q, "neighborhood_lfc": EFFECT, "lfc_direction": WRITTEN}
    return add_run(cells, "da", obs=obs, params={"fdr_threshold": 0.05, "lfc_samples_threshold": 0.5})


def test_without_thresholds_they_are_as_written(pooled) -> None:
    found = da_calls(pooled)
    assert found.direction.ordered
    assert list(found.direction[[0, 1, 2, 3, 5]]) == ["up", "up", "down", "neutral", "neutral"]
    assert found.params() == {"ptp_threshold": 0.05, "lfc_threshold": 0.0}
    assert found.arguments() == {"max_ptp": 0.05, "min_lfc": 0.0}
    assert found.counts(np.array([True] * 4 + [False] * 2)) == {"down": 1, "neutral": 1, "up": 2}


def test_text_and_lost_categories_are_read(pooled) -> None:
    data = pooled.own
    data.obs["k_lfc_direction"] = data.obs["k_lfc_direction"].astype(str).replace("nan", None)
    assert da_calls(pooled).counts(np.ones(6, dtype=bool)) == {"down": 1, "neutral": 2, "up": 2}


def test_tail_probability_and_size(pooled) -> None:
    found = da_calls(pooled, max_ptp=0.1, min_lfc=0.5)
    assert found.direction.tolist()[:4] == ["up", "neutral", "down", "neutral"]
    assert pd.isna(found.direction[4])
    assert found.direction[5] == "up"
    assert (found.level, found.min_lfc, found.rule) == (0.1, 0.5, "tail")


def test_q_and_the_side_of_the_test(replicated) -> None:
    found = da_calls(replicated, max_fdr=0.05)
    # the last has an effect on the other side than its fold change
    assert found.direction.tolist()[:4] == ["up", "neutral", "neutral", "down"]
    assert found.direction[5] == "neutral"
    assert found.params() == {"fdr_threshold": 0.05, "lfc_samples_threshold": 0.5}
    assert da_calls(replicated, min_lfc=0.0).direction[5] == "down"


def test_each_kind_of_run_has_its_threshold(pooled, replicated) -> None:
    with pytest.raises(LookupError, match="No q-values"):
        da_calls(pooled, max_fdr=0.1)
    with pytest.raises(ValueError, match="pass `max_fdr=`, not `max_ptp=`"):
        da_calls(replicated, max_ptp=0.1)


def test_heights_are_finite_however_small_q_is(replicated, pooled) -> None:
    np.testing.assert_allclose(heights(replicated, "qvalue")[:4], [2, 2, -np.log10(0.2), 300])
    np.testing.assert_allclose(heights(pooled, "tail"), -np.log10(TAIL))
