"""Loaders of published data: files of one's own, download, cache, and errors."""

import functools
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import anndata as ad
import h5py
import mudata as md
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import kompot_scverse as kp
from kompot_scverse.datasets._study import FOLDER_VARIABLE

LOCAL = ["oligodendrocytes", "liver_aging", "melanoma", "pbmc_vaccination"]


def module(name: str):
    return import_module(f"kompot_scverse.datasets.{name}")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args) -> None:
        pass


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which its files can be downloaded."""
    folder = tmp_path / "published"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, empty."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def serve_kang(published, cache, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small file with the columns of pertpy's, in place of it."""
    folder, address = published
    obs = pd.DataFrame(
        {
            "label": pd.Categorical(["ctrl", "stim", "stim"]),
            "replicate": pd.Categorical(["patient_101", "patient_101", "patient_1015"]),
            "cell_type": ["B cells", "NK cells", "B cells"],
            "cluster": [1, 2, 3],
        },
        index=["a", "b", "c"],
    )
    file = folder / "kang_2018.h5ad"
    ad.AnnData(np.eye(3, dtype=np.float32), obs=obs).write_h5ad(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    study = replace(module("kang").STUDY, url=f"{address}/kang_2018.h5ad", sha256=digest)
    monkeypatch.setattr(module("kang"), "STUDY", study)
    return file


def test_download_and_cache(serve_kang: Path, cache: Path) -> None:
    adata = kp.datasets.kang()
    assert adata.obs["condition"].to_list() == ["ctrl", "stim", "stim"]
    assert adata.obs["donor"].to_list() == ["101", "101", "1015"]
    assert adata.obs["sample"].to_list() == ["ctrl_101", "stim_101", "stim_1015"]
    assert adata.obs["cluster"].to_list() == [1, 2, 3]
    assert all(isinstance(adata.obs[name].dtype, pd.CategoricalDtype) for name in module("kang").COLUMNS)
    serve_kang.unlink()
    assert kp.datasets.kang().n_obs == 3
    assert [file.name for file in cache.iterdir()] == ["kang_2018.h5ad"]


def test_wrong_file_is_refused(serve_kang: Path, cache: Path) -> None:
    serve_kang.write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA256"):
        kp.datasets.kang()
    assert not any(cache.iterdir())


def test_without_connection(serve_kang: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a port on which nothing listens
    study = replace(module("kang").STUDY, url="http://127.0.0.1:1/kang_2018.h5ad")
    monkeypatch.setattr(module("kang"), "STUDY", study)
    with pytest.raises(ConnectionError) as raised:
        kp.datasets.kang()
    for text in ("127.0.0.1:1", "`path=`", str(cache), FOLDER_VARIABLE, "GSE96583"):
        assert text in str(raised.value)
    assert kp.datasets.kang(path=serve_kang).n_obs == 3


@pytest.mark.parametrize("name", LOCAL)
def test_not_downloadable(name: str, cache: Path, tmp_path: Path) -> None:
    load: Callable = getattr(kp.datasets, name)
    study = module(name).STUDY
    columns = study.columns
    with pytest.raises(FileNotFoundError, match=r"doi:10\.") as raised:
        load()
    assert "`path=`" in str(raised.value)
    assert study.file in str(raised.value)
    cache.mkdir()
    ad.AnnData(obs=pd.DataFrame(dict.fromkeys(columns, ["x"]), index=["a"])).write_h5ad(cache / study.file)
    assert set(columns) <= set(load().obs)
    other = tmp_path / "other.h5ad"
    ad.AnnData(obs=pd.DataFrame({f"{columns[0]}s": ["x"]}, index=["a"])).write_h5ad(other)
    with pytest.raises(ValueError, match=rf"{study.name.split()[0]}.*lacks '{columns[0]}'.*existing: '{columns[0]}s'"):
        load(path=other)


@pytest.mark.parametrize("name", ["kang", "pbmc_citeseq", *LOCAL])
def test_no_such_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5ad.*Published"):
        getattr(kp.datasets, name)(path=tmp_path / "nothing.h5ad")


def write_10x(file: Path) -> np.ndarray:
    """The format of Cell Ranger 3: genes, two of one name, proteins and a control."""
    counts = np.arange(12).reshape(2, 6)
    names = ["CD4", "CD4", "MS4A1", "CD4_TotalSeqB", "IgG1_control_TotalSeqB", "CD19_TotalSeqB"]
    matrix = sparse.csc_matrix(counts.T)
    kinds = ["Gene Expression"] * 3 + ["Antibody Capture"] * 3
    with h5py.File(file, "w") as written:
        group = written.create_group("matrix")
        group["barcodes"] = np.array(["AAAC-1", "AAAG-1"], dtype="S")
        group["data"], group["indices"], group["indptr"] = matrix.data, matrix.indices, matrix.indptr
        group["shape"] = matrix.shape
        group["features/id"] = np.array([f"ID{number}" for number in range(6)], dtype="S")
        group["features/name"] = np.array(names, dtype="S")
        group["features/feature_type"] = np.array(kinds, dtype="S")
        group["features/genome"] = np.array(["GRCh38"] * 6, dtype="S")
    return counts


def test_both_modalities_are_read(published, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, address = published
    study = module("pbmc_citeseq").STUDY
    counts = write_10x(folder / study.file)
    monkeypatch.setattr(module("pbmc_citeseq"), "STUDY", replace(study, url=f"{address}/{study.file}"))
    mdata = kp.datasets.pbmc_citeseq()
    assert list(mdata.mod) == ["rna", "prot"]
    assert mdata["rna"].var_names.to_list() == ["CD4", "CD4-1", "MS4A1"]
    assert mdata["prot"].var_names.to_list() == ["CD4_TotalSeqB", "CD19_TotalSeqB"]
    np.testing.assert_array_equal(mdata["rna"].X.toarray(), counts[:, :3])
    np.testing.assert_array_equal(mdata["prot"].X.toarray(), counts[:, [3, 5]])


def test_citeseq_of_another_study(tmp_path: Path) -> None:
    adata = ad.AnnData(np.ones((2, 2), dtype=np.float32))
    md.MuData({"rna": adata}).write_h5mu(tmp_path / "rna.h5mu")
    with pytest.raises(ValueError, match="no modality 'prot', but 'rna'"):
        kp.datasets.pbmc_citeseq(path=tmp_path / "rna.h5mu")


@pytest.mark.parametrize(
    ("name", "file", "shape"),
    [
        ("kang", "kang_pbmc_ifnb.h5ad", (3813, 9015)),
        ("oligodendrocytes", "oligodendrocyte_marques.h5ad", (2619, 8343)),
        ("liver_aging", "tms_liver_aging.h5ad", (1779, 1540)),
        ("melanoma", "melanoma_daseq_embedding.h5ad", (16291, 10)),
        ("pbmc_vaccination", "pbmc_vaccination_adt.h5ad", (21600, 9)),
        ("pbmc_citeseq", "citeseq_pbmc10k.h5mu", (6855, 4014)),
    ],
)
def test_development_copies(data_dir: Path, name: str, file: str, shape: tuple[int, int]) -> None:
    data = getattr(kp.datasets, name)(path=data_dir / file)
    assert data.shape == shape
    if name == "kang":
        original = ad.read_h5ad(data_dir / file, backed="r").obs
        pd.testing.assert_frame_equal(data.obs[original.columns.to_list()].astype(str), original.astype(str))
