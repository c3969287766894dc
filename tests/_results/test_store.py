"""Everything is written, or nothing."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData

from kompot_scverse._results import store
from kompot_scverse._results.store import check_overwrite, fill, write
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.history import iterate_runs
from kompot_scverse._runs.run import Run


def run(run_id, fields=()):
    entries = [field.entry() for field in fields]
    return Run(
        run_id,
        "de",
        "k",
        {"groupby": "Age", "reference": "Young", "group": "Old"},
        {"sigma": np.float64(1)},
        {},
        {},
        entries,
    )


@pytest.fixture
def fields(adata):
    n, p = adata.shape
    return [
        Field("obs", "k_std", "std", "an obs column", value=np.arange(n) * 1.0),
        Field("var", "base_mean", "mean", "a var column that exists", value=np.zeros(p)),
        Field("obsm", "k_basis", "basis", "features", value=np.ones((n, 2))),
        Field("varm", "k_weights", "weights", "weights", value=np.ones((p, 2))),
        Field("layers", "k_imputed", "imputed", "a layer", value=np.ones((n, p))),
    ]


def test_writes_every_slot(adata, fields):
    write(adata, fields, [run(0, fields)])
    for field in fields:
        np.testing.assert_array_equal(np.asarray(getattr(adata, field.slot)[field.key]), field.value)
    stored = find_view(adata).run
    assert stored.run_id == 0
    assert find_view(adata).key("weights") == "k_weights"
    assert stored.params == {"sigma": 1.0}
    write(adata, fields, [run(1, fields)])
    assert [earlier.run_id for earlier in iterate_runs(adata)] == [0, 1]


@pytest.mark.parametrize("failing", range(5))
def test_a_value_that_cannot_be_written_leaves_nothing(adata, fields, unchanged, failing):
    shape = (3,) if fields[failing].slot in ("obs", "var") else (3, 2)
    fields[failing] = fill([fields[failing]], {(fields[failing].slot, fields[failing].key): np.ones(shape)})[0]
    with unchanged(adata), pytest.raises(ValueError, match=r".+"):
        write(adata, fields, [run(0)])


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_an_interruption_restores_everything(adata, fields, unchanged, monkeypatch, error):
    write(adata, fields[2:], [run(0)])
    before = adata.uns["kompot"]

    def fail(*_):
        adata.uns["kompot"] = "half written"
        raise error

    monkeypatch.setattr(store, "store_runs", fail)
    changed = fill(fields, {(field.slot, field.key): field.value + 5 for field in fields})
    with unchanged(adata), pytest.raises(error):
        write(adata, changed, [run(1)])
    assert adata.uns["kompot"] is before
    np.testing.assert_array_equal(adata.obsm["k_basis"], 1.0)
    np.testing.assert_array_equal(adata.layers["k_imputed"], 1.0)


def test_views_become_copies(adata, fields, unchanged):
    view = adata[:100]
    cut = [
        field if field.slot in ("var", "varm") else fill([field], {(field.slot, field.key): field.value[:100]})[0]
        for field in fields
    ]
    with unchanged(adata), pytest.warns(UserWarning, match="The data are a view"):
        write(view, cut, [run(0)])
    assert not view.is_view
    assert view.obsm["k_basis"].shape == (100, 2)


def test_only_fields_that_exist_need_overwriting(adata, fields):
    new = [field for field in fields if field.key != "base_mean"]
    for overwrite in (None, True, False):
        check_overwrite(adata, new, overwrite)
    check_overwrite(adata, fields, True)
    with pytest.warns(UserWarning, match=r"1 fields written by something else than a recorded run: var\['base_mean'\]"):
        check_overwrite(adata, fields, None)
    write(adata, fields, [run(3, fields)])
    with pytest.raises(ValueError, match=r"5 fields exist already \(written by run 3\).*overwrite=True"):
        check_overwrite(adata, fields, False)


def test_names_that_are_too_long_for_a_file(adata):
    check_overwrite(adata, [Field("var", "é" * 127, "x", "a column")], None)
    with pytest.raises(ValueError, match="a column would be in var under a name of 256 bytes"):
        check_overwrite(adata, [Field("var", "é" * 128, "x", "a column")], None)


def test_values_that_were_there_are_marked(adata, fields, monkeypatch):
    """In blocks of any size; layers are not read for this."""
    monkeypatch.setattr("kompot_scverse._results.store.BLOCK", 3)
    write(adata, fields, [run(0, fields)])
    changed = next(field for field in fields if field.slot == "varm")
    other = np.asarray(changed.value).copy()
    other[-1] += 1
    again = [replace(field, value=other) if field is changed else field for field in fields]
    write(adata, again, [run(1, again)])
    first, second = (
        {(entry["slot"], entry["key"]) for entry in stored.fields if "unchanged" in entry}
        for stored in iterate_runs(adata)
    )
    assert first == set()
    assert second == {field.place[1:] for field in fields if field is not changed and field.slot != "layers"}


def test_sparse_values_are_the_same_where_all_entries_are():
    values = sp.random_array((30, 4), density=0.3, format="csr", rng=0)
    same = sp.csr_matrix(values)
    same.data *= 1 + 1e-9
    other = same.copy()
    other.data[2] += 0.1
    adata = AnnData(np.zeros((30, 1)), obsm={"w": same})
    found = [
        store._is_there(adata, Field("obsm", "w", "", "", value=one))
        for one in (values, other, values.toarray(), 2 * values.T.T)
    ]
    assert found == [True, False, False, False]
