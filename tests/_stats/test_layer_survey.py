"""What a layer is made of, against the counts it was made from."""

import anndata as ad
import dask.array as da
import numpy as np
import pytest
import scipy.sparse as sp

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._stats.layer_survey import survey_layer

CONTAINERS = {
    "numpy": np.asarray,
    "csr_array": sp.csr_array,
    "csc_matrix": sp.csc_matrix,
    "dask": lambda y: da.from_array(y, chunks=(70, 7)),
}
BASES = {np.e: np.log1p, 2.0: lambda x: np.log1p(x) / np.log(2), 10.0: lambda x: np.log1p(x) / np.log(10)}


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(0.5, 1, 60), size=(250, 60))
    counts[7] = 0
    counts[:, 0] = rng.integers(0, 900, 250)
    counts[:, 1] = 1
    counts[7, :2] = 0
    return counts


@pytest.fixture(scope="module")
def units() -> np.ndarray:
    return np.random.default_rng(1).uniform(0.1, 30, 250)


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(2).integers(-1, 3, size=250)


def survey(y, codes):
    return survey_layer(matrix_reader(y, None, "X").lenient(), codes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("base", BASES, ids=["e", "2", "10"])
def test_units_and_base_are_found(counts, units, codes, base, dtype):
    found = survey(BASES[base](counts * units[:, None]).astype(dtype), codes)
    assert found.scale == pytest.approx(np.log(base))
    expected = np.where((codes >= 0) & (counts > 0).any(axis=1), units, np.nan)
    np.testing.assert_allclose(found.unit, expected, rtol=1e-5)
    np.testing.assert_array_equal(found.detected, np.where(codes >= 0, (counts > 0).sum(axis=1), 0))
    np.testing.assert_array_equal(found.expressing, (counts[codes >= 0] > 0).sum(axis=0))


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_and_files(counts, units, codes, container, tmp_path):
    y = np.log1p(counts * units[:, None])
    plain, found = survey(y, codes), survey(CONTAINERS[container](y), codes)
    for name in ("unit", "detected", "expressing"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    if container == "csr_array":
        ad.AnnData(sp.csr_matrix(y)).write_h5ad(tmp_path / "y.h5ad")
        backed = ad.read_h5ad(tmp_path / "y.h5ad", backed="r")
        np.testing.assert_array_equal(survey(backed.X, codes).unit, plain.unit)
        backed.file.close()


def test_other_values_tell_nothing(counts, units, codes):
    y = np.log1p(counts * units[:, None])
    rng = np.random.default_rng(3)
    corrected = y * rng.uniform(0.5, 2, 60)
    for other in (
        corrected,
        y - y.mean(axis=0),
        np.sqrt(counts * units[:, None]),
        np.zeros((250, 60)),
        10 * y,
        1e6 * y,
    ):
        found = survey(other, codes)
        assert found.scale is None
        assert np.isnan(found.unit).all()
        np.testing.assert_array_equal(found.expressing, (other[codes >= 0] != 0).sum(axis=0))


def test_values_that_are_not_finite_are_left_out(counts, units, codes):
    y = np.log1p(counts * units[:, None])
    broken = y.copy()
    broken[codes == 1, 30], broken[codes < 0, 31] = np.nan, np.inf
    found, plain = survey(broken, codes), survey(np.delete(y, 30, axis=1), codes)
    np.testing.assert_array_equal(found.unit, plain.unit)
    assert found.expressing[30] == 0
    np.testing.assert_array_equal(np.delete(found.expressing, 30), plain.expressing)
