"""The text of a demonstration: what it counts, by hand."""

import numpy as np
import pandas as pd

from kompot_scverse._cli.findings import Findings, found, realised_errors

CELLS = pd.DataFrame(
    {"direction": ["up", "up", "down", "neutral"], "lfc": [2.0, 1.0, -1.0, 0.0]}, index=[f"c{n}" for n in range(4)]
)
GENES = pd.DataFrame(
    {
        "is_de": [True, True, True, False],
        "mean_lfc": [1.0, -1.0, 0.5, 0.0],
        "mahalanobis": [9.0, 8.0, 3.0, 1.0],
        "qvalue": [1e-9, 0.01, 0.04, 0.5],
        "qvalue_cells": [1e-12, 0.001, 0.04, 0.5],
    },
    index=list("abcd"),
)
OBS = pd.DataFrame({"true_log_density_lfc": [2.0, -1.0, -1.0, 0.0]}, index=CELLS.index)
VAR = pd.DataFrame(
    {
        "is_de": [True, True, False, True],
        "is_sample_outlier": [False, False, True, True],
        "true_lfc_mean": [1, -1, 0, 2],
    },
    index=GENES.index,
)


def line(text: str, start: str) -> str:
    (own,) = (one for one in text.splitlines() if one.strip().startswith(start))
    return own.strip().removeprefix(start).strip()


def test_calls_without_and_with_replicates_stand_side_by_side():
    fewer = GENES.assign(is_de=[True, True, False, False])
    text = found([Findings(CELLS, GENES, replicates=False), Findings(CELLS.iloc[1:], fewer, replicates=True)])
    assert line(text, "cells up").split("  ")[0] == "2 of 4"
    assert line(text, "cells up").endswith("1 of 3")
    assert line(text, "genes called").startswith("3 of 4 (2 up, 1 down)")
    assert line(text, "genes called").endswith("2 of 4 (1 up, 1 down)")
    first = next(one for one in text.splitlines() if one.strip().startswith("a "))
    assert first.count("+1.00") == 2
    assert first.index("1e-12") < first.index("1e-09")


def test_errors_are_shares_of_what_was_called_and_of_the_truth():
    text = realised_errors([Findings(CELLS, GENES.iloc[::-1], replicates=True)], OBS, VAR)
    assert line(text, "false among genes called (FDP)") == "0.333 (1 of 3)"
    assert line(text, "true genes found (recall)") == "0.667 (2 of 3)"
    assert line(text, "sample-outlier genes called") == "0.500 (1 of 2)"
    assert line(text, "cells called in wrong direction") == "0.333 (1 of 3)"
    r = np.corrcoef([1, -1, 0.5, 0], [1, -1, 0, 2])[0, 1]
    assert line(text, "lfc of all genes: r with truth") == f"{r:.3f}"


def test_nothing_called_has_no_share():
    text = realised_errors([Findings(CELLS, GENES.assign(is_de=False), replicates=False)], OBS, VAR)
    assert line(text, "false among genes called (FDP)") == "none"
