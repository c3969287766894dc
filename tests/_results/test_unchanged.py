"""Fields that have their values already are found."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from anndata import AnnData
from written import run

from kompot_scverse._results.store import write
from kompot_scverse._results.unchanged import unchanged
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.history import iterate_runs


def test_values_that_were_there_are_marked(adata, fields, monkeypatch):
    """In blocks of any size; layers are not read for this."""
    monkeypatch.setattr("kompot_scverse._results.unchanged.BLOCK", 3)
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
        unchanged(adata, [Field("obsm", "w", "", "", value=one)])
        for one in (values, other, values.toarray(), 2 * values.T.T)
    ]
    assert found == [[("", "obsm", "w")], [], [], []]
