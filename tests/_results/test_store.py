"""Everything is written, or nothing."""

import numpy as np
import pytest
from written import run

from kompot_scverse._results import store
from kompot_scverse._results.store import fill, write
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.history import iterate_runs


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
