"""Features by name or symbol, of one or of several modalities."""

import numpy as np
import pytest
from anndata import AnnData
from mudata import MuData

from kompot_scverse._data.features import by_modality, cells_of, feature_names, feature_numbers, feature_values
from kompot_scverse._data.frame import frame_of


@pytest.fixture
def mdata() -> MuData:
    rna, prot = AnnData(np.arange(6.0).reshape(3, 2)), AnnData(10 + np.arange(2.0).reshape(2, 1))
    rna.obs_names, prot.obs_names = ["a", "b", "c"], ["c", "a"]
    rna.var_names, prot.var_names = ["g1", "g2"], ["p1"]
    rna.var["symbol"] = ["One", None]
    return MuData({"rna": rna, "prot": prot})


def test_names_and_symbols(mdata):
    assert feature_names(mdata["rna"], "symbol").tolist() == ["One", "g2"]
    joint = frame_of(mdata)
    assert feature_names(joint, "symbol").tolist() == ["rna:One", "rna:g2", "prot:p1"]
    with pytest.raises(KeyError, match="No var column .*'nope'; existing: 'symbol'"):
        feature_names(joint, "nope")


def test_genes_are_found_by_name_and_symbol(mdata):
    assert feature_numbers(mdata["rna"], ["g2", "One", "g1"], "symbol").tolist() == [1, 0, 0]
    assert feature_numbers(frame_of(mdata, "rna"), "rna:g2", None).tolist() == [1]
    assert feature_numbers(frame_of(mdata), ["prot:p1", "rna:g1"], None).tolist() == [2, 0]
    with pytest.raises(KeyError, match="No gene 'g3'; existing: 'g1'"):
        feature_numbers(mdata["rna"], "g3", None)


def test_values_of_cells_that_a_modality_lacks_are_missing(mdata):
    joint = frame_of(mdata)
    order = joint.obs_names.get_indexer(["a", "b", "c"])
    values = feature_values(joint, np.array([2, 1]), None)[order]
    np.testing.assert_array_equal(values, [[11, 1], [np.nan, 3], [10, 5]])
    assert cells_of(joint, ["rna", "prot"])[order].tolist() == [True, False, True]


def test_modalities_of_numbers(mdata):
    found = by_modality(frame_of(mdata), np.array([2, 0]))
    assert {mod: (places.tolist(), own.tolist()) for mod, (places, own) in found.items()} == {
        "rna": ([1], [0]), "prot": ([0], [0]),
    }  # fmt: skip
    assert list(by_modality(mdata["rna"], np.array([1]))) == [""]
