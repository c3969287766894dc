"""Sums of blocks of genes are those of all of them."""

from dataclasses import fields

import dask.array as da
import numpy as np
import pytest
import scipy.sparse as sp

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp import gene_blocks as module
from kompot_scverse._gp.gene_blocks import collect_in_passes, gene_blocks
from kompot_scverse._gp.moments import collect_moments


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize(
    ("n_genes", "n_samples", "n_columns"), [(20_000, 60, 300), (2_000, 12, 32), (1, 1, 1), (7, 1, 0)]
)
def test_every_gene_is_in_one_block_that_fits(n_genes, n_samples, n_columns, in_file):
    blocks = gene_blocks(n_genes, n_samples, n_columns, in_file=in_file)
    numbers = np.concatenate([np.arange(block.start, block.stop) for block in blocks])
    np.testing.assert_array_equal(numbers, np.arange(n_genes))
    sizes = [block.stop - block.start for block in blocks]
    limit = module.LARGEST_OF_TASK if in_file else module.LARGEST
    assert 8 * max(sizes) * n_samples * n_columns <= limit
    assert max(sizes) - min(sizes) <= 1
    # no more passes than needed
    assert len(blocks) == 1 or 8 * n_genes * n_samples * n_columns > limit * (len(blocks) - 1)


@pytest.mark.parametrize("chunked", [False, True])
def test_sums_in_passes_are_those_of_one(monkeypatch, chunked):
    rng = np.random.default_rng(0)
    y = sp.random(90, 23, density=0.4, format="csr", dtype=np.float32, rng=rng)
    reader = matrix_reader(da.from_array(y, chunks=(20, 23), asarray=False) if chunked else y, None, "X")
    reader = reader.of_genes(np.arange(23)[::-1])
    phi, weights, codes = rng.normal(size=(90, 4)), sp.csr_array(rng.random((90, 3))), rng.integers(-1, 3, 90)
    arguments = {"weights": weights, "extract": np.array([21, 3, 3]), "grams": True}
    expected = collect_moments(reader, phi, codes, 3, **arguments)
    passes = []

    def counted(y, *others, **more):
        passes.append(y.shape[1])
        return collect_moments(y, *others, **more)

    monkeypatch.setattr(module, "collect_moments", counted)
    monkeypatch.setattr(module, "LARGEST", 8 * 3 * 10 * 6)
    monkeypatch.setattr(module, "LARGEST_OF_TASK", 8 * 3 * 10 * 6)
    found = collect_in_passes(reader, phi, codes, 3, **arguments)
    assert sorted(passes) == [3, 5, 6, 6, 6]
    for one in fields(found):
        values, wanted = (getattr(moments, one.name) for moments in (found, expected))
        if one.name == "extracted":
            values, wanted = values.toarray(), wanted.toarray()
        np.testing.assert_allclose(values, wanted, rtol=1e-6, atol=1e-9, err_msg=one.name)
