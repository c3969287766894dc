"""A disk without space is an error, and neither a crash nor a file with holes."""

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData
from mudata import MuData
from scipy import sparse

from kompot_scverse._cli.hdf5 import array_bytes, failures_raised

# a limit on the size of files does what a full disk does, and needs no rights
FULL = """
import resource, sys
import numpy as np
from anndata import AnnData
import kompot_scverse._cli as cli
from kompot_scverse._cli import files
from kompot_scverse._cli.session import errors_as_exit_codes
from kompot_scverse_command import main

@cli.app.command()
def fill(path: files.Path):
    data = AnnData(np.ones((100, 10), dtype=np.float32))
    data.obs = data.obs.assign(**{f"column {number}": np.arange(100.0) for number in range(200)})
    with errors_as_exit_codes():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))
        files.write(data, path, overwrite=False)

sys.argv[1:] = ["fill", sys.argv[1]]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of resources there")
def test_no_space(tmp_path: Path) -> None:
    found = subprocess.run([sys.executable, "-c", FULL, tmp_path / "a.h5ad"], capture_output=True, text=True)
    assert found.returncode == 1, found.stderr
    last = found.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {tmp_path / 'a.h5ad'} could not be written: ")
    assert not any(tmp_path.iterdir())


class Dataset:
    """Its buffer cannot be written when it goes out of use, as h5py's."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error


@pytest.fixture(autouse=True)
def flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is not to end in a hurry."""
    monkeypatch.setattr("kompot_scverse._cli.hdf5._failed", False)


def fails_unseen() -> None:
    with failures_raised(Path("a.h5ad")):
        dataset = Dataset(OSError(28, "Driver write request failed (errno = 28, more)"))
        del dataset
        gc.collect()


def test_failures_that_nobody_is_told() -> None:
    before = sys.unraisablehook
    with pytest.raises(OSError, match=r"a\.h5ad could not be written: no space is left on the disk\."):
        fails_unseen()
    assert sys.unraisablehook is before
    with pytest.raises(OSError, match="Input/output error"), failures_raised(Path("a.h5ad")):
        raise OSError(5, "Input/output error")


def test_array_bytes() -> None:
    rna = AnnData(np.ones((5, 4), dtype=np.float32), obsm={"X_pca": np.ones((5, 2))})
    rna.layers["counts"] = sparse.csr_matrix(np.eye(5, 4))
    expected = 5 * 4 * 4 + 5 * 2 * 8 + 4 * 8 + (4 + 6) * 4
    assert array_bytes(rna) == expected
    rna.raw = rna.copy()
    assert array_bytes(rna) == expected + 5 * 4 * 4
    other = AnnData(np.ones((5, 1), dtype=np.float32))
    other.var_names = ["protein"]
    mdata = MuData({"rna": rna, "other": other})
    assert expected + 5 * 4 * 4 + 5 * 4 <= array_bytes(mdata) <= expected + 5 * 4 * 4 + 5 * 4 + 100
