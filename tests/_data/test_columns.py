"""Columns of obs: of the MuData, pulled from modalities, of modalities."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse._data.frame import frame_of
from kompot_scverse._data.resolve import cell_mask, obs_column


def test_of_the_whole(mdata):
    mdata.obs["age"] = np.arange(7)
    for mod in (None, "rna", "prot"):
        obs = frame_of(mdata, mod).obs
        names = obs.index
        np.testing.assert_array_equal(obs["age"].to_numpy(), mdata.obs["age"].loc[names])


def test_of_the_modality_and_pulled(mdata):
    assert frame_of(mdata, "rna").obs["only_rna"].to_list() == list(range(6))
    mdata.obs["rna:pulled"] = pd.Series([f"p{name}" for name in mdata.obs_names], index=mdata.obs_names)
    rna = frame_of(mdata, "rna").obs
    assert rna["pulled"].to_list() == rna["rna:pulled"].to_list() == [f"p{name}" for name in rna.index]
    assert frame_of(mdata, "prot").obs["prot:condition"].to_list() == mdata["prot"].obs["condition"].to_list()


def test_what_only_another_modality_knows(mdata):
    found = frame_of(mdata, "prot").obs["only_rna"]
    pd.testing.assert_series_equal(
        found, mdata["rna"].obs["only_rna"].reindex(mdata["prot"].obs_names), check_dtype=False
    )
    pd.testing.assert_series_equal(found, frame_of(mdata, "prot").obs["rna:only_rna"], check_names=False)


def test_the_whole_puts_together_what_the_modalities_know(mdata):
    found = frame_of(mdata).obs["condition"]
    assert found.to_list() == [f"k{int(name[1:]) % 2}" for name in mdata.obs_names]


def test_equal_columns_agree_whatever_their_type(mdata):
    mdata.obs["only_rna"] = [str(number) for number in range(6)] + [None]
    assert frame_of(mdata, "rna").obs["only_rna"].to_list() == list("012345")
    mdata["prot"].obs["condition"] = mdata["prot"].obs["condition"].astype("category")
    assert frame_of(mdata).obs["condition"].notna().all()


@pytest.mark.parametrize("where", ["condition", "rna:condition"])
def test_disagreement_names_the_cells(mdata, where):
    mdata.obs[where] = [f"k{int(name[1:]) % 2}" for name in mdata.obs_names]
    assert frame_of(mdata, "rna").obs["condition"].notna().all()
    mdata.obs.loc[["c1", "c4"], where] = ["k0", None]
    message = r"disagree about 2 cells: c1 \('k0' and 'k1'\), c4 \((nan|None) and 'k0'\)"
    for key in ("condition", "rna:condition") if where == "rna:condition" else ("condition",):
        with pytest.raises(ValueError, match=message):
            obs_column(frame_of(mdata, "rna"), key, "groupby")
    with pytest.raises(ValueError, match="disagree"):
        obs_column(frame_of(mdata), "condition", "groupby")


def test_modalities_that_disagree_about_the_whole(mdata):
    mdata["prot"].obs["condition"] = "other"
    with pytest.raises(ValueError, match=r"mdata\['rna'\].*mdata\['prot'\].*disagree about 4 cells.*rna:condition"):
        _ = frame_of(mdata).obs["condition"]
    # the hint names a modality that there is
    mdata.obs["condition"] = "third"
    with pytest.raises(ValueError, match=r"mdata\.obs.*mdata\['prot'\].*like 'prot:condition'"):
        _ = frame_of(mdata, "prot").obs["condition"]
    del mdata.obs["condition"]
    # each has its own
    assert set(frame_of(mdata, "prot").obs["condition"]) == {"other"}
    assert set(frame_of(mdata).obs["rna:condition"].dropna()) == {"k0", "k1"}


def test_looks_like_a_table(mdata):
    mdata.obs["age"] = np.arange(7)
    obs = frame_of(mdata, "prot").obs
    assert {"age", "condition", "only_rna", "rna:condition"} <= set(obs.columns)
    assert "age" in obs
    assert "nothing" not in obs
    assert len(obs) == 5
    assert obs[["age", "condition"]].shape == (5, 2)
    assert obs.shape == (5, len(obs.columns))
    with pytest.raises(KeyError, match="No obs column 'aeg'; existing: 'age'"):
        _ = obs["aeg"]
    with pytest.raises(KeyError, match="No obs column .`groupby`. 'conditio'; existing: 'condition'"):
        obs_column(frame_of(mdata, "rna"), "conditio", "groupby")


def test_masks_by_name(mdata):
    mdata.obs["young"] = mdata.obs_names.isin(["c0", "c4"])
    assert mdata["prot"].obs_names[cell_mask(frame_of(mdata, "prot"), "young")].to_list() == ["c4", "c0"]


def test_nothing_is_written(mdata):
    before = mdata.obs.copy(), mdata["rna"].obs.copy()
    _ = frame_of(mdata, "rna").obs[["condition", "only_rna"]], frame_of(mdata).obs["only_rna"]
    pd.testing.assert_frame_equal(mdata.obs, before[0])
    pd.testing.assert_frame_equal(mdata["rna"].obs, before[1])
