"""Matrices of every container, number type, byte order and width of indices: the values of dense float64."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import dask.array as da
import numpy as np
import pytest
import scipy.sparse as sp
import zarr
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._data import stored_rows
from kompot_scverse._data.features import feature_values
from kompot_scverse._data.matrix import as_float, in_memory, matrix_reader

N_CELLS, N_GENES = 30, 9
NUMBERS = [
    "f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?",
    ">f2", ">f4", ">f8", ">i2", ">i4", ">i8", ">u2", ">u4", ">u8",
]  # fmt: skip
IN_SPARSE = [kind for kind in NUMBERS if kind not in ("f2", ">f2")]
"""scipy has no half precision."""


def values(kind: str) -> np.ndarray:
    """What the type can hold exactly: halves, whole numbers, or zeros and ones."""
    x = np.random.default_rng(0).poisson(1.5, (N_CELLS, N_GENES)).astype(np.float64)
    return np.minimum(x, 1) if kind == "?" else x + (x > 2) / 2 if kind[-1] in "fg" or "f" in kind else x


def indexed(kind: Callable, width: type) -> Callable[[np.ndarray], Any]:
    def convert(x: np.ndarray) -> Any:
        matrix = kind(x.astype(x.dtype.newbyteorder("=")))
        # as a file may give it; scipy makes none itself
        matrix.data = matrix.data.astype(x.dtype)
        matrix.indices, matrix.indptr = matrix.indices.astype(width), matrix.indptr.astype(width)
        return matrix

    return convert


SPARSE = {
    f"{kind.__name__} {np.dtype(width).itemsize * 8}": indexed(kind, width)
    for kind in (sp.csr_matrix, sp.csr_array, sp.csc_matrix, sp.csc_array)
    for width in (np.int32, np.int64)
}
DASK = {
    f"dask {kind.__name__}": lambda x, kind=kind: da.from_array(x, chunks=(13, N_GENES)).map_blocks(
        kind, meta=kind(np.zeros((0, 0), x.dtype))
    )
    for kind in (sp.csr_matrix, sp.csr_array)
}
DENSE: dict[str, Callable[[np.ndarray], Any]] = {
    "dense": np.asarray,
    "Fortran": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=0)[::2],
    "read only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "without masked values": np.ma.asarray,
    "dask": lambda x: da.from_array(x, chunks=(13, 4)),
}
FEW = ["f4", "g", "i8", ">f8"]
MEMORY = [(name, kind) for name in DENSE for kind in (NUMBERS if name == "dense" else FEW)]
MEMORY += [(name, kind) for name in SPARSE for kind in IN_SPARSE]
MEMORY += [(name, kind) for name in DASK for kind in FEW[:-1]]

IN_FILES = [
    (how, container, kind)
    for how in ("backed", "lazy h5ad", "lazy zarr")
    for container in ("dense", "csr_matrix 32", "csc_matrix 32", "csr_array 64")
    for kind in ("f4", "f8", "u1", "?", ">f8")
    # which anndata itself cannot read
    if not (how != "lazy zarr" and container != "dense" and kind == ">f8")
]


def check(matrix: Any, expected: np.ndarray) -> None:
    rows, columns = np.array([20, 3, 7]), np.array([1, 4, 8])
    if isinstance(matrix, ad.abc.CSRDataset | ad.abc.CSCDataset) or type(matrix).__module__.startswith(
        ("h5py", "zarr")
    ):
        rows = np.sort(rows)
    for chosen, wanted in ((None, expected), (columns, expected[:, columns])):
        reader = matrix_reader(matrix, chosen, "X")
        assert reader.shape == wanted.shape
        for place in (slice(4, 21), slice(0, N_CELLS), rows):
            block = reader.read(place)
            assert block.dtype in (np.float32, np.float64)
            assert block.dtype.isnative
            np.testing.assert_array_equal(block.toarray() if sp.issparse(block) else block, wanted[place])
        block = reader.piece(slice(2, 9)).read(slice(1, 4))
        np.testing.assert_array_equal(block.toarray() if sp.issparse(block) else block, wanted[3:6])
        if reader.chunks is not None:
            assert np.concatenate([np.arange(*chunk) for chunk in reader.chunks]).tolist() == list(range(N_CELLS))
    adata = AnnData(obs={"n": np.zeros(N_CELLS)}, var={"n": np.zeros(N_GENES)})
    adata.layers["x"] = matrix
    np.testing.assert_array_equal(feature_values(adata, [5, 1, 1, 3], "x"), expected[:, [5, 1, 1, 3]])


@pytest.mark.parametrize(("container", "kind"), MEMORY, ids=lambda part: part)
def test_in_memory(container: str, kind: str) -> None:
    expected = values(kind)
    check((DENSE | SPARSE | DASK)[container](expected.astype(kind)), expected)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.mark.filterwarnings("ignore::anndata.ExperimentalFeatureWarning")
@pytest.mark.parametrize(("how", "container", "kind"), IN_FILES, ids=lambda part: part)
def test_in_files(files: Path, how: str, container: str, kind: str) -> None:
    expected = values(kind)
    suffix = "zarr" if how.endswith("zarr") else "h5ad"
    path = files / f"{container} {kind.replace('>', 'big ').replace('?', 'bool')}.{suffix}"
    if not path.exists():
        written = AnnData((DENSE | SPARSE)[container](expected.astype(kind)))
        (written.write_zarr if suffix == "zarr" else written.write_h5ad)(path)
    opened = ad.read_h5ad(path, backed="r") if how == "backed" else ad.experimental.read_lazy(path)
    check(opened.X, expected)
    np.testing.assert_array_equal(feature_values(opened, [5, 1, 1, 3], None), expected[:, [5, 1, 1, 3]])
    if how == "backed":
        opened.file.close()


@pytest.mark.parametrize("kind", ["f4", "f2", "i4", "?"])
def test_arrays_of_jax_are_read(kind: str, caplog) -> None:
    import jax.numpy as jnp

    expected = values(kind)
    with caplog.at_level(logging.INFO, "kompot_scverse"):
        check(jnp.asarray(expected.astype(kind)), expected)
    assert "X is an array of jax; it is read as one of numpy." in caplog.messages
    np.testing.assert_array_equal(as_float(jnp.asarray(expected.astype(kind)), "x"), expected)


class ndarray:
    """As of cupy, which cannot be installed without a GPU: `.get()` copies, and nothing else reaches the values."""

    __module__ = "cupy"
    __cuda_array_interface__: Any = {}

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype, self.ndim = values, values.shape, values.dtype, values.ndim

    def __getitem__(self, rows: Any) -> "ndarray":
        return ndarray(self.values[rows])

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def get(self) -> np.ndarray:
        return self.values.copy()


class csr_matrix(ndarray):
    """As of cupyx."""

    __module__ = "cupyx.scipy.sparse"
    nnz = 1

    def get(self) -> sp.csr_matrix:
        return sp.csr_matrix(self.values)


@pytest.mark.parametrize("kind", [ndarray, csr_matrix])
def test_of_a_gpu(kind: type, caplog) -> None:
    expected = values("f4")
    with caplog.at_level(logging.INFO, "kompot_scverse"):
        reader = matrix_reader(kind(expected), None, "X")
        np.testing.assert_array_equal(as_float(kind(expected), "x"), expected)
    block = reader.read(np.array([3, 1]))
    np.testing.assert_array_equal(block.toarray() if sp.issparse(block) else block, expected[[3, 1]])
    moved = f"is in the memory of a GPU ({kind.__module__.partition('.')[0]} {kind.__name__}); it is copied to the processor."
    assert caplog.messages == [f"X {moved}", f"x {moved}"]


def test_of_another_device_without_a_way_back() -> None:
    other = type("Odd", (), {"__cuda_array_interface__": {}, "dtype": np.dtype(float), "shape": (2, 2)})()
    with pytest.raises(TypeError, match="^X is in the memory of a GPU .Odd. and cannot be copied .*anndata_to_CPU"):
        matrix_reader(other, None, "X")


def test_cell_states_of_a_gpu_are_those_of_the_processor() -> None:
    """As rapids-singlecell leaves them in obsm, and jax in a layer."""
    import jax.numpy as jnp

    plain, device = kp.datasets.simulate(200, 10), kp.datasets.simulate(200, 10)
    plain.layers["dense"] = plain.layers["logged_counts"].toarray()
    device.layers["dense"] = jnp.asarray(plain.layers["dense"])
    # anndata knows the real class only
    device.obsm._data["X_pca"] = ndarray(plain.obsm["DM_EigenVectors"])
    for data, use_rep in ((plain, "DM_EigenVectors"), (device, "X_pca")):
        kp.tl.de(data, "Age", reference="Young", groups="Old", layer="dense", use_rep=use_rep)
    np.testing.assert_array_equal(kp.get.de_df(device).to_numpy(float), kp.get.de_df(plain).to_numpy(float))


X = values("f8")
MASKED = np.ma.masked_equal(X, 2)
REFUSED: dict[str, tuple[Any, type, str]] = {
    "complex": (X.astype(complex), TypeError, "has complex numbers; pass their real part"),
    "complex csr": (sp.csr_matrix(X.astype(complex)), TypeError, "has complex numbers"),
    "complex dask": (da.from_array(X.astype(complex)), TypeError, "has complex numbers"),
    "masked": (MASKED, ValueError, r"is a masked array, .*\.filled"),
    "masked dask": (da.from_array(MASKED, chunks=(10, 9)), ValueError, "is a masked array"),
}
NOT_NUMBERS = {"text": X.astype(str), "object": X.astype(object), "dates": X.astype("M8[s]")}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("slot", ["X", "layers", "obsm"])
def test_refused_before_anything_is_computed(adata: AnnData, unchanged, monkeypatch, what: str, slot: str) -> None:
    monkeypatch.setattr("kompot_scverse._gp.model.fit_basis", lambda *_: pytest.fail("it was computed"))
    x, error, message = REFUSED[what]
    wide = np.hstack if not hasattr(x, "dask") else da.hstack
    x = (
        sp.hstack([x] * 7, format="csr")[:, :60]
        if sp.issparse(x)
        else (np.ma.hstack if what == "masked" else wide)([x] * 7)[:, :60]
    )
    tall = sp.vstack([x] * 20, format="csr") if sp.issparse(x) else None
    if tall is None:
        tall = (np.ma.vstack if what == "masked" else da.vstack if hasattr(x, "dask") else np.vstack)([x] * 20)
    layer, use_rep, named = None, None, "X"
    if slot == "layers":
        adata.layers["odd"], layer, named = tall, "odd", r"layers\['odd'\]"
    elif slot == "obsm":
        adata.obsm["odd"], use_rep, layer, named = tall, "odd", "logged_counts", r"obsm\['odd'\]"
    else:
        adata.X = tall
    with unchanged(adata), pytest.raises(error, match=f"^{named} {message}"):
        kp.tl.de(adata, "Age", reference="Young", groups="Old", layer=layer, use_rep=use_rep)


@pytest.mark.parametrize("what", NOT_NUMBERS)
def test_not_numbers(what: str) -> None:
    with pytest.raises(TypeError, match=r"^X has values of type .*, not numbers"):
        matrix_reader(NOT_NUMBERS[what], None, "X")


def test_something_else() -> None:
    other = type("Odd", (), {"dtype": np.dtype(float), "shape": (2, 2)})()
    with pytest.raises(TypeError, match="^X is a Odd, which cannot be read; pass a numpy array"):
        matrix_reader(other, None, "X")
    with pytest.raises(TypeError, match="^x is not numeric"):
        as_float(np.array([["a"]]), "x")


def test_what_is_lazy_or_in_a_file_is_brought_into_memory_sparse_where_it_was(tmp_path: Path) -> None:
    values = sp.random_array((20, 3), density=0.4, format="csr", rng=0)
    ad.AnnData(values).write_zarr(tmp_path / "data.zarr")
    in_file = ad.io.sparse_dataset(zarr.open(tmp_path / "data.zarr", mode="r")["X"])
    for one in (values, sp.csc_matrix(values), in_file, da.from_array(values, chunks=(20, 3), asarray=False)):
        found = in_memory(one)
        assert isinstance(found, sp.csr_array)
        np.testing.assert_array_equal(found.toarray(), values.toarray())
    np.testing.assert_array_equal(in_memory(da.ones((3, 2))), np.ones((3, 2)))


def chunks_read(monkeypatch, reader):
    """How often each chunk of a zarr store is read, by array."""
    counts, plain = Counter(), zarr.storage.LocalStore.get

    async def counted(store, key, *others, **more):
        counts[key] += 1
        return await plain(store, key, *others, **more)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)
    for rows in reader.chunks:
        reader.read(slice(*rows))
    return {key: n for key, n in counts.items() if "/c/" in key}


def test_blocks_of_rows_are_whole_chunks_of_a_dense_array(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_rows, "DISK_VALUES", 8 * 1000)
    values = np.arange(5000.0 * 8).reshape(5000, 8)
    array = zarr.create_array(tmp_path / "x.zarr", name="X", data=values, chunks=(700, 3))
    counts = chunks_read(monkeypatch, matrix_reader(array, None, "X"))
    assert set(counts.values()) == {1}
    assert len(counts) == 8 * 3


def test_few_chunks_of_a_compressed_matrix_are_read_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_rows, "DISK_VALUES", 2000)
    monkeypatch.setattr(stored_rows, "DISK_ROWS", (1, 4096))
    values = sp.random(8192, 8, density=0.5, format="csr", rng=np.random.default_rng(0))
    group = zarr.open_group(tmp_path / "x.zarr", mode="w")
    ad.io.write_elem(group, "X", values, dataset_kwargs={"chunks": (1000,), "shards": None})
    counts = chunks_read(monkeypatch, matrix_reader(ad.io.sparse_dataset(group["X"]), None, "X"))
    of_data = [n for key, n in counts.items() if key.startswith("X/data")]
    assert len(of_data) == -(-values.nnz // 1000)
    assert sum(of_data) <= len(of_data) * (1 + 1.5 / stored_rows.CHUNKS)
