"""Moments equal plain numpy on the dense copy, for every container, block size and number of threads."""

import dask
import dask.array as da
import numpy as np
import pytest
import scipy.sparse as sp

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp import moments, row_tasks
from kompot_scverse._gp.moments import collect_moments

CONTAINERS = {
    "numpy": np.asarray,
    "csr_array": sp.csr_array,
    "csc_array": sp.csc_array,
    "csr_matrix": sp.csr_matrix,
    "csc_matrix": sp.csc_matrix,
    "dask": lambda y: da.from_array(y, chunks=(70, 7)),
    "dask_csr": lambda y: da.from_array(y, chunks=(70, -1)).map_blocks(sp.csr_array),
}


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.poisson(0.4, size=(250, 20)) * rng.uniform(0.5, 2, size=(250, 20))


@pytest.fixture(scope="module")
def phi() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(250, 6))


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(2).integers(-1, 3, size=250)


def expected(y, phi, codes):
    return np.stack([y[codes == s].T @ phi[codes == s] for s in range(3)])


@pytest.fixture(params=CONTAINERS)
def container(request):
    return CONTAINERS[request.param]


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-11), (np.float32, 1e-4)])
def test_every_container_has_the_same_moments(container, y, phi, codes, dtype, rtol):
    found = collect_moments(matrix_reader(container(y.astype(dtype)), None, "X"), phi, codes, 3)
    assert found.squares.shape == (3, 20, 0)
    assert found.extracted is None
    np.testing.assert_allclose(found.cross, expected(y, phi, codes), rtol=rtol, atol=rtol * 10)


def test_integer_expression(container, y, phi, codes):
    counts = y.astype(np.int64)
    cross = collect_moments(matrix_reader(container(counts), None, "X"), phi, codes, 3).cross
    np.testing.assert_allclose(cross, expected(counts, phi, codes), rtol=1e-4, atol=1e-3)


def test_columns_and_extracted_genes(container, y, phi, codes):
    columns, extract = np.array([3, 4, 9, 15]), np.array([2, 0, 2])
    found = collect_moments(matrix_reader(container(y), columns, "X"), phi, codes, 3, extract=extract)
    np.testing.assert_allclose(found.cross, expected(y[:, columns], phi, codes), rtol=1e-11, atol=1e-10)
    dense = y[:, [9, 3, 9]].copy()
    dense[codes < 0] = 0
    np.testing.assert_array_equal(found.extracted.toarray(), dense)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-11), (np.float32, 1e-4)])
def test_weighted_sums_and_squares(container, y, phi, codes, dtype, rtol):
    weights = np.random.default_rng(3).uniform(size=(len(y), 4))
    reader = matrix_reader(container(y.astype(dtype)), None, "X")
    found = collect_moments(reader, phi, codes, 3, weights=weights)
    np.testing.assert_allclose(found.sums, expected(y, weights, codes), rtol=rtol)
    np.testing.assert_allclose(found.squares, expected(y**2, weights, codes), rtol=rtol)
    np.testing.assert_allclose(found.cross, expected(y, phi, codes), rtol=rtol, atol=rtol * 10)


@pytest.mark.parametrize(("task_rows", "product_rows"), [(1, 1), (17, 5), (10_000, 10_000)])
@pytest.mark.parametrize("dense", [0.15, 1.0])
@pytest.mark.parametrize("cache", [2**21, 0])
def test_block_size_does_not_matter(monkeypatch, y, phi, codes, task_rows, product_rows, dense, cache):
    monkeypatch.setattr(row_tasks, "TASK_ROWS", task_rows)
    monkeypatch.setattr(moments, "PRODUCT_ROWS", product_rows)
    monkeypatch.setattr(moments, "DENSE_ROWS", 7)
    # with the zeros filled in; by cells; by genes
    monkeypatch.setattr(moments, "DENSE", dense)
    monkeypatch.setattr(moments, "CACHE", cache)
    reader = matrix_reader(sp.csr_array(y), None, "X")
    found = collect_moments(reader, phi, codes, 3, extract=np.arange(20))
    np.testing.assert_allclose(found.cross, expected(y, phi, codes), rtol=1e-11, atol=1e-10)
    np.testing.assert_array_equal(found.extracted.toarray(), np.where(codes[:, None] >= 0, y, 0))


@pytest.mark.parametrize("options", [{"scheduler": "synchronous"}, {"num_workers": 1}, {"num_workers": 4}])
def test_threads_do_not_matter(y, phi, codes, options):
    with dask.config.set(**options):
        cross = collect_moments(matrix_reader(y, None, "X"), phi, codes, 3).cross
    np.testing.assert_allclose(cross, expected(y, phi, codes), rtol=1e-11, atol=1e-10)


def test_a_sample_without_cells_has_no_moments(y, phi, codes):
    weights = np.ones((len(y), 1))
    found = collect_moments(matrix_reader(y, None, "X"), phi, codes, 4, weights=weights)
    assert (found.cross[3] == 0).all()
    assert (found.squares[3] == 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(container, y, phi, codes, bad):
    broken = y.copy()
    broken[np.flatnonzero(codes >= 0)[3], 4] = bad
    with pytest.raises(ValueError, match=r"layers\['a'\] has values that are not finite"):
        collect_moments(matrix_reader(container(broken), None, "layers['a']"), phi, codes, 3)
