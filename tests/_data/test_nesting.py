"""Columns that group samples within conditions, and those that only look like it."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

from kompot_scverse._data.design import resolve_design
from kompot_scverse._data.frame import frame_of
from kompot_scverse._data.nesting import grouping_column

SAMPLES = np.repeat(np.arange(8), 12)


def found(**columns) -> tuple[str, int] | None:
    obs = pd.DataFrame({"time": np.where(SAMPLES < 4, "early", "late"), "sample": [f"s{n}" for n in SAMPLES]} | columns)
    adata = AnnData(np.zeros((len(SAMPLES), 1)), obs=obs.set_index(obs.index.astype(str)))
    return grouping_column(adata, resolve_design(adata, "time", reference="early", groups=None, sample_key="sample"))


def test_donors_of_two_samples_each_are_found():
    assert found(donor=[f"d{n // 2}" for n in SAMPLES]) == ("donor", 4)
    assert found(first=["x"] * 96, donor=SAMPLES // 2) == ("donor", 4)


@pytest.mark.parametrize(
    "values",
    [
        [f"d{n % 4}" for n in SAMPLES],  # crosses the conditions: paired donors
        [["3m", "18m", "24m"][max(n - 2, 0) // 2 if n >= 4 else 0] for n in SAMPLES],  # names the condition more finely
        [f"lane{n}" for n in SAMPLES],  # the samples under another name
        np.tile(["a", "b"], 48),  # varies within samples
        SAMPLES / 2,  # a measurement
        np.where(SAMPLES == 0, None, SAMPLES // 2),  # not known of all
    ],
)
def test_other_columns_are_not(values):
    assert found(other=values) is None


def test_columns_that_modalities_have_for_themselves_are_passed_over():
    """As clusters of each modality under one name; the column that groups the samples comes after them."""
    obs = pd.DataFrame({"time": np.where(SAMPLES < 4, "early", "late"), "sample": [f"s{n}" for n in SAMPLES]})
    obs.index = obs.index.astype(str)
    parts = {name: AnnData(np.zeros((len(SAMPLES), 1)), obs=obs.copy()) for name in ("rna", "prot")}
    for number, part in enumerate(parts.values(), start=2):
        part.var_names = [f"feature{number}"]
        part.obs["leiden"] = SAMPLES % number
        part.obs["donor"] = SAMPLES // 2
    frame = frame_of(MuData(parts))
    design = resolve_design(frame, "time", reference="early", groups=None, sample_key="sample")
    assert grouping_column(frame, design) == ("rna:donor", 4)
