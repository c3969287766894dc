"""Fields of a run by their statistic, as they are now."""

import made_up
import numpy as np
import pytest
from anndata import AnnData

from kompot_scverse._runs.find import find_view


def add_run(adata: AnnData, **statistics: np.ndarray) -> None:
    """A run that writes statistics of genes."""
    made_up.add_run(adata, var=statistics)


@pytest.fixture
def adata() -> AnnData:
    data = AnnData(np.ones((4, 3)))
    data.obs["Age"] = ["Young", "Old", "Mid", "Old"]
    add_run(data, mean_lfc=np.array([1.0, np.nan, 2.0]), pvalue=np.array([0.1, 0.2, 0.3]))
    return data


def test_values_by_statistic(adata):
    view = find_view(adata, "de")
    assert view.name == "run 0 (de, Young → Old)"
    np.testing.assert_array_equal(view.numbers("mean_lfc"), [1, np.nan, 2])
    assert view.has("pvalue")
    assert not view.has("qvalue")
    assert view.key("pvalue") == "k_pvalue"
    np.testing.assert_array_equal(
        np.stack(view.conditions()), [[True, False, False, False], [False, True, False, True]]
    )
    view.warn()


def test_one_style_of_error(adata):
    del adata.var["k_pvalue"]
    view = find_view(adata, "de")
    assert not view.is_there("pvalue")
    with pytest.raises(LookupError, match=r"^var\['k_pvalue'\] of run 0 .* is gone; call `kp.tl.de\(..., sample_key="):
        view.read("pvalue")
    with pytest.raises(LookupError, match=r"^No 'mahalanobis' of run 0 \(de, Young → Old\); call `kp.tl.de\(...\)`\.$"):
        view.read("mahalanobis")


def test_other_values_of_a_later_run_warn_once(adata):
    add_run(adata, mean_lfc=np.array([1.0, 1.0, 2.0]), pvalue=np.array([0.1, 0.2, 0.3]))
    view = find_view(adata, "de", run_id=0)
    view.read("pvalue")
    view.warn()  # the same values
    assert view.source("mean_lfc").run_id == 1
    assert view.source("pvalue").run_id == 0
    view.read("mean_lfc")
    with pytest.warns(UserWarning, match=r"run 0 .* now hold the values of run 1: var\['k_mean_lfc'\]\. ") as caught:
        view.warn()
    assert [warning.filename for warning in caught] == [__file__]
    view.warn()


def test_values_up_to_rounding_are_the_same(adata):
    values = adata.var["k_mean_lfc"].to_numpy()
    add_run(adata, mean_lfc=values * (1 + 1e-9), pvalue=np.array([0.1, 0.2, 0.300001]))
    view = find_view(adata, "de", run_id=0)
    view.read("mean_lfc")
    assert not view.overwritten
    view.read("pvalue")
    assert list(view.overwritten) == ["var['k_pvalue']"]


def test_the_last_other_values_count(adata):
    """Runs 1 and 2 write the same: those are the values of run 1."""
    for _ in range(2):
        add_run(adata, mean_lfc=np.zeros(3))
    assert find_view(adata, "de", run_id=0).source("mean_lfc").run_id == 1
    assert find_view(adata, "de", run_id=1).source("mean_lfc").run_id == 1
