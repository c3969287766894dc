"""Which cell of a modality is which of another; the names are the witness."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse._data.cells import CellMap


def names(mdata, mod):
    return (mdata.mod[mod] if mod else mdata).obs_names


@pytest.mark.parametrize("source", ["", "rna", "prot"])
@pytest.mark.parametrize("target", ["", "rna", "prot"])
def test_positions_match_by_name(mdata, source, target):
    found = CellMap(mdata).positions(source, target)
    np.testing.assert_array_equal(found, names(mdata, source).get_indexer(names(mdata, target)))


@pytest.mark.parametrize("source", ["", "rna", "prot"])
@pytest.mark.parametrize("target", ["", "rna", "prot"])
def test_align_is_reindex(mdata, source, target):
    index, wanted = names(mdata, source), names(mdata, target)
    numbers = pd.Series(np.arange(len(index)), index=index)
    labels = numbers.astype(str).astype("category")
    cells = CellMap(mdata)
    pd.testing.assert_series_equal(
        cells.align(numbers, source, target).astype(float), numbers.reindex(wanted).astype(float), check_names=False
    )
    aligned = cells.align(labels, source, target)
    assert isinstance(aligned.dtype, pd.CategoricalDtype)
    assert aligned.astype(object).where(aligned.notna(), None).to_list() == [
        None if pd.isna(label) else label for label in labels.astype(object).reindex(wanted)
    ]
    matrix = numbers.to_numpy()[:, None] * np.array([1.0, 2.0])
    np.testing.assert_array_equal(
        cells.align(matrix, source, target), pd.DataFrame(matrix, index=index).reindex(wanted).to_numpy()
    )


def test_the_values_themselves_where_the_cells_are_the_same(mdata):
    values = np.zeros(6)
    assert CellMap(mdata).align(values, "rna", "rna") is values


def test_positions_of_a_view_are_its_own(mdata):
    view = mdata[["c4", "c1", "c0"]]
    assert (view["prot"].obs_names[CellMap(view).positions("prot", "rna")] == view["rna"].obs_names).all()


def test_a_modality_that_was_changed_behind_the_back(mdata):
    mdata.mod["rna"] = mdata["rna"][[1, 0, 2, 3, 4, 5]].copy()
    with pytest.raises(ValueError, match=r"'rna' are not those.*mdata\.update"):
        CellMap(mdata).rows("rna")
    mdata.mod["rna"] = mdata["rna"][:3].copy()
    with pytest.raises(ValueError, match=r"mdata\.update"):
        CellMap(mdata).rows("rna")
