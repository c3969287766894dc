"""A modality, or a MuData, as an AnnData."""

import anndata as ad
import mudata as md
import numpy as np
import pytest

from kompot_scverse._data.frame import frame_of
from kompot_scverse._data.holders import split_name
from kompot_scverse._data.resolve import representation


def test_an_anndata_is_its_own_frame(adata):
    assert frame_of(adata) is adata
    with pytest.raises(TypeError, match="`mod='rna'` names a modality.*AnnData, which has none"):
        frame_of(adata, "rna")


def test_shares_everything(mdata):
    frame = frame_of(mdata, "rna")
    assert frame.X is mdata["rna"].X
    assert frame.var is mdata["rna"].var
    assert (frame.n_obs, frame.n_vars) == (6, 3)
    frame.uns["a"] = 1
    assert mdata["rna"].uns["a"] == 1


def test_representations_of_all_modalities_are_seen_from_each(mdata):
    for mod in ("rna", "prot"):
        frame = frame_of(mdata, mod)
        numbers = np.array([float(name[1:]) for name in frame.obs_names])
        np.testing.assert_array_equal(frame.obsm["X_joint"][:, 0], numbers)
        np.testing.assert_array_equal(frame.obsm["X_pca"], numbers[:, None] * [1, 10])
        other = {"rna": "prot", "prot": "rna"}[mod]
        there = np.isin(frame.obs_names, mdata[other].obs_names)
        np.testing.assert_array_equal(frame.obsm[f"{other}:X_pca"][there, 0], numbers[there])
        assert np.isnan(frame.obsm[f"{other}:X_pca"][~there]).all()
        assert set(frame.obsm) == {"X_joint", "X_pca", "rna:X_pca", "prot:X_pca"}
    whole = frame_of(mdata)
    assert set(whole.obsm) == {"X_joint", "rna:X_pca", "prot:X_pca"}
    # two modalities have one
    assert "X_pca" not in whole.obsm
    del mdata["prot"].obsm["X_pca"]
    assert "X_pca" in frame_of(mdata).obsm
    # the masks of the modalities are none
    assert "rna" not in whole.obsm


@pytest.mark.parametrize("given", ["rna:X_pca", "rna:pca"])
def test_both_spellings(mdata, given):
    assert representation(frame_of(mdata, "prot"), given)[0] == "rna:X_pca"


def test_features_of_the_whole(mdata):
    whole = frame_of(mdata)
    assert whole.var_names.to_list() == ["rna:A", "rna:B", "rna:C", "prot:D", "prot:E"]
    found = whole.by_modality([4, 0, 2])
    assert {mod: (places.tolist(), own.tolist()) for mod, (places, own) in found.items()} == {
        "rna": ([1, 2], [0, 2]),
        "prot": ([0], [1]),
    }
    np.testing.assert_array_equal(
        whole.spread(mdata["prot"].obsm["X_pca"][:, 0], "prot"), [0, 1, 2, np.nan, 4, np.nan, 7]
    )


def test_writes_go_to_the_modality(mdata):
    frame = frame_of(mdata, "rna")
    frame.obs["new"] = range(6)
    assert mdata["rna"].obs["new"].to_list() == frame.obs["new"].to_list() == list(range(6))
    assert "new" not in mdata.obs


def test_wrong_modalities_are_refused(mdata):
    with pytest.raises(KeyError, match="No modality .* 'protein'; existing: 'prot'"):
        frame_of(mdata, "protein")
    with pytest.raises(TypeError, match="one modality here"):
        frame_of(mdata, ["rna", "prot"])
    with pytest.raises(TypeError, match="AnnData or MuData, not dict"):
        frame_of({})
    with pytest.raises(ValueError, match="share features"):
        frame_of(md.MuData({"a": mdata["rna"][:3].copy(), "b": mdata["rna"][3:].copy()}, axis=1))
    with pytest.raises(TypeError, match="'inner' is a MuData"):
        frame_of(md.MuData({"inner": mdata.copy()}))
    with pytest.raises(ValueError, match="no cells"):
        frame_of(ad.AnnData(np.ones((0, 2))))


def test_a_modality_with_a_colon_in_its_name(mdata):
    """No tool takes it, but what is there can be looked at; columns of "x" are not meant."""
    parts = {"x:rna": mdata["rna"].copy(), "x": mdata["prot"].copy()}
    whole = md.MuData(parts)
    whole.obs["x:rna:pulled"] = [f"p{name}" for name in whole.obs_names]
    frame = frame_of(whole, "x:rna")
    assert frame.obs["x:rna:only_rna"].to_list() == list(range(6))
    assert frame.obs["pulled"].to_list() == [f"pc{n}" for n in range(6)]
    np.testing.assert_array_equal(frame.obsm["x:rna:X_pca"][:, 0], np.arange(6))
    assert "x:only_rna" not in frame.obs
    assert split_name(whole, "x:rna:A") == ("x:rna", "A")
    assert split_name(whole, "x:D") == ("x", "D")
    assert split_name(whole, "x:") == ("", "x:")
