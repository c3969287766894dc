"""What a run of abundance has found, in a sentence."""

import numpy as np
import pandas as pd
from anndata import AnnData
from made_up import add_run

from kompot_scverse._report.abundance import cells_called
from kompot_scverse._report.run import ReportedRun

DIRECTIONS = pd.Categorical(["up", "up", "down", "neutral", "up"], categories=["down", "neutral", "up"])


def sentence(params: dict, **obs: np.ndarray) -> str:
    adata = AnnData(np.zeros((5, 1)))
    adata.obs["Age"] = ["Young", "Old", "Old", "Young", "Mid"]
    values = {"lfc": np.ones(5), "lfc_direction": DIRECTIONS} | obs
    view = add_run(adata, "da", params=params, obs=values)
    return cells_called(ReportedRun(adata, view, None, None, None, 10))


def test_cells_of_the_two_conditions_with_the_rule_of_the_run() -> None:
    assert sentence({"fdr_threshold": 0.1, "lfc_samples_threshold": 0.0}, lfc_qvalue=np.zeros(5)) == (
        "3 of 4 cells are in states that are more (2) or less (1) frequent in Old than in Young: q between samples ≤ 0.1."
    )
    found = sentence({"ptp_threshold": 0.05, "lfc_threshold": 0.5}, neg_log10_lfc_ptp=np.ones(5))
    assert found.endswith("posterior tail probability ≤ 0.05 and |LFC| ≥ 0.5.")
