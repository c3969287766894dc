"""Genes that a run calls."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._runs.rates import called_genes

PARAMS = {"fdr_threshold": 0.05}
CALLED = np.array([True, False, False])
P, Q = np.array([0.001, 0.02, np.nan]), np.array([0.01, 0.08, np.nan])


@pytest.mark.parametrize("suffix", ["", "_cells"])
def test_q_decides_and_p_orders(suffix: str) -> None:
    genes = {f"pvalue{suffix}": P, f"qvalue{suffix}": Q, "is_de": CALLED, "mahalanobis_local_fdr": np.zeros(3)}
    view = add_run(AnnData(np.zeros((2, 3))), params=PARAMS, var=genes)
    found = called_genes(view)
    np.testing.assert_array_equal(found.called, CALLED)
    np.testing.assert_array_equal(found.order, P)
    assert found.threshold == 0.05
    wider = called_genes(view, 0.1)
    np.testing.assert_array_equal(wider.called, [True, True, False])
    assert wider.threshold == 0.1


def test_the_local_rate_is_its_own_order() -> None:
    rate = np.array([0.01, 0.5, 0.9])
    view = add_run(AnnData(np.zeros((2, 3))), params=PARAMS, var={"mahalanobis_local_fdr": rate, "is_de": CALLED})
    np.testing.assert_array_equal(called_genes(view).order, rate)


def test_runs_without_rates_say_so() -> None:
    view = add_run(AnnData(np.zeros((2, 3))), params=PARAMS, var={"mean_lfc": np.zeros(3)})
    with pytest.raises(LookupError, match="No false discovery rates of run 0"):
        called_genes(view)
