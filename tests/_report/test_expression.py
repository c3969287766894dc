"""What a run of expression has found, in a sentence."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._report.expression import genes_called
from kompot_scverse._report.run import ReportedRun

CALLED = {"n_genes": 2000, "n_de": 12, "n_up": 7, "n_down": 5}


@pytest.mark.parametrize(
    ("summary", "statistic", "sentence"),
    [
        (
            CALLED | {"n_genes_tested": 1500},
            "qvalue",
            "12 of 1,500 genes change (7 up, 5 down): q between samples ≤ 0.05.",
        ),
        (CALLED, "qvalue_cells", "12 of 2,000 genes change (7 up, 5 down): q of the cells ≤ 0.05."),
        ({"n_genes": 2000, "n_de": 12}, "mahalanobis_local_fdr", "12 of 2,000 genes change: local FDR ≤ 0.05."),
        ({"n_genes": 2000}, "mahalanobis", "2,000 genes; the run has no false discovery rates."),
    ],
)
def test_calls_with_the_rule_they_rest_on(summary: dict, statistic: str, sentence: str) -> None:
    adata = AnnData(np.zeros((2, 3)))
    view = add_run(adata, params={"fdr_threshold": 0.05}, summary=summary, var={statistic: np.zeros(3)})
    assert genes_called(ReportedRun(adata, view, None, None, None, 10)) == sentence
