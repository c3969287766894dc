"""`kp.tl.de` warns where the fit contradicts the means of the cell types."""

import logging

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp

DESIGN = {"reference": "a", "groups": "b", "cell_groups": "type"}


@pytest.fixture(scope="module")
def study() -> AnnData:
    """Three types with markers, and a representation in which those of one condition lie in the places of others."""
    rng = np.random.default_rng(0)
    n, late = 480, np.arange(480) % 2 == 1
    types, places = rng.integers(0, 3, n), np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    noise = rng.normal(size=(n, 2))
    y = rng.normal(2, 0.5, (n, 24))
    for number in range(3):
        y[types == number, 4 * number : 4 * number + 4] += 3
    center, moved = places[types], places[(types + late) % 3]
    obs = {
        "condition": np.where(late, "b", "a"),
        "sample": (np.arange(n) % 6).astype(str),
        "type": np.array(["B", "NK", "T"])[types],
    }
    obs = pd.DataFrame(obs, index=[f"c{i}" for i in range(n)])
    return AnnData(np.abs(y), obs=obs, obsm={"X_pca": center + noise, "X_moved": moved + noise})


@pytest.mark.parametrize("sample_key", [None, "sample"])
def test_a_representation_that_mixes_types_is_found(study: AnnData, caplog, sample_key: str | None) -> None:
    adata = study.copy()
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.de(adata, "condition", sample_key=sample_key, use_rep="X_pca", **DESIGN)
        assert "disagree" not in caplog.text
        assert kp.RunInfo(adata).summary["n_category_disagreements"] == 0
        kp.tl.de(adata, "condition", sample_key=sample_key, use_rep="X_moved", key_added="moved", **DESIGN)
    assert "disagree by far more than their errors" in caplog.text
    assert "(fitted " in caplog.text
    assert "obsm['X_moved']" in caplog.text
    n = kp.RunInfo(adata, -1).summary["n_category_disagreements"]
    assert f" in {n:,} of " in caplog.text


def test_stiff_functions_of_fixed_amplitude_are_announced(study: AnnData, caplog) -> None:
    call = {"reference": "a", "groups": "b", "use_rep": "X_pca"}
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.de(study.copy(), "condition", gp=kp.GPSettings(ls=100.0), **call)
        kp.tl.de(study.copy(), "condition", gp=kp.GPSettings.kompot(ls=2.0), **call)
        assert "smoothed away" not in caplog.text
        kp.tl.de(study.copy(), "condition", gp=kp.GPSettings.kompot(ls=100.0), **call)
    assert "The length scale is 100 and obsm['X_pca'], in 2 dimensions," in caplog.text
