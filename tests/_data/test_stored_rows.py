"""Rows of files, read by path."""

import pickle

import anndata as ad
import h5py
import numpy as np
import pytest
import scipy.sparse as sp
import zarr

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._data.stored_rows import in_same_file, stored_rows

Y = np.random.default_rng(0).poisson(0.5, size=(50, 8)).astype(np.float32)


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
@pytest.mark.parametrize("container", [sp.csr_matrix, np.asarray])
def test_pieces_are_read_by_path_after_they_were_sent(tmp_path, kind, container):
    path = tmp_path / f"data.{kind}"
    adata = ad.AnnData(container(Y))
    if kind == "h5ad":
        adata.write_h5ad(path)
        file = h5py.File(path, "r")
    else:
        adata.write_zarr(path)
        file = zarr.open(path, mode="r")
    values = ad.io.sparse_dataset(file["X"]) if sp.issparse(adata.X) else file["X"]
    reader = matrix_reader(values, np.array([1, 6]), "X")
    assert reader.movable
    for rows in (slice(0, 50), slice(13, 31), slice(49, 50), slice(20, 20)):
        piece = pickle.loads(pickle.dumps(reader.piece(rows)))
        found = piece.read(slice(None))
        np.testing.assert_array_equal(found.toarray() if sp.issparse(found) else found, Y[rows][:, [1, 6]])
    of_piece = stored_rows(values).piece(slice(10, 40)).piece(slice(5, 9))[:]
    np.testing.assert_array_equal(of_piece.toarray() if sp.issparse(of_piece) else of_piece, Y[15:19])
    if kind == "h5ad":
        file.close()
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(OSError, match=r"at the same path for them"):
            piece.read(slice(None))


def test_what_is_not_in_a_file_by_rows_is_read_otherwise(tmp_path):
    with h5py.File("in_memory", "w", driver="core", backing_store=False) as file:
        file["X"] = Y
        assert stored_rows(file["X"]) is None
        assert not matrix_reader(file["X"], None, "X").movable
    with h5py.File(tmp_path / "csc", "w") as file:
        ad.io.write_elem(file, "X", sp.csc_matrix(Y))
        assert stored_rows(ad.io.sparse_dataset(file["X"])) is None
    assert stored_rows(Y) is None


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
@pytest.mark.parametrize("container", [sp.csr_matrix, np.asarray])
def test_representation_is_found_beside_the_expression_where_it_is_the_same(tmp_path, kind, container):
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    x[7] = np.nan
    adata = ad.AnnData(container(Y), obsm={"X_pca": x})
    path = tmp_path / f"data.{kind}"
    (adata.write_h5ad if kind == "h5ad" else adata.write_zarr)(path)
    file = h5py.File(path, "r") if kind == "h5ad" else zarr.open(path, mode="r")
    values = ad.io.sparse_dataset(file["X"]) if sp.issparse(adata.X) else file["X"]
    found = pickle.loads(pickle.dumps(in_same_file(values, "X_pca", x)))
    np.testing.assert_array_equal(found.piece(slice(5, 30))[:], x[5:30])
    other = x.copy()
    other[49, 2] += 1
    for name, array in (("X_pca", other), ("X_pca", x.astype(np.float64)), ("X_pca", x[:, :2]), ("X_umap", x)):
        assert in_same_file(values, name, array) is None
    assert in_same_file(adata.X, "X_pca", x) is None
    if kind == "h5ad":
        file.close()
