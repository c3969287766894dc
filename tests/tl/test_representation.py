"""Offset, scale and order of the representation, and copies of cells, do not change what is found."""

import anndata as ad
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kompot_scverse._gp.mellon import load_mellon
from kompot_scverse._runs.find import find_view
from kompot_scverse.datasets import simulate
from kompot_scverse.settings import GPSettings, TestSettings
from kompot_scverse.tl import da, de

# anndata asks pandas for an option that pandas 3.1 deprecates, whenever it is subset
pytestmark = pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option:Warning")

REP = "DM_EigenVectors"
ARGS = {"groupby": "Age", "reference": "Young", "groups": "Old"}
FEW = TestSettings(null_genes=100)


def with_states(adata: ad.AnnData, x: np.ndarray) -> ad.AnnData:
    out = adata.copy()
    out.obsm[REP] = x
    return out


def analysed(adata: ad.AnnData, **settings) -> ad.AnnData:
    gp = GPSettings(**settings)
    de(adata, **ARGS, layer="logged_counts", sample_key="Replicate", gp=gp, test=FEW)
    da(adata, **ARGS, sample_key="Replicate", gp=gp, method="density")
    return adata


def assert_same(a: ad.AnnData, b: ad.AnnData, rtol: float, shift: float = 0.0) -> None:
    """All numbers of obs and var, after `shift` of the log densities."""
    for slot in ("obs", "var"):
        for key in (key for key in getattr(a, slot) if key.startswith("kompot")):
            one, other = getattr(a, slot)[key], getattr(b, slot)[key]
            if one.dtype.kind != "f":
                assert (one.to_numpy() == other.to_numpy()).all()
                continue
            moved = shift if key.endswith("log_density") else 0.0
            np.testing.assert_allclose(other.to_numpy() + moved, one.to_numpy(), rtol=rtol, atol=rtol, err_msg=key)


@pytest.fixture(scope="module")
def raw() -> ad.AnnData:
    """Coordinates with few binary digits, to which offsets are added without rounding."""
    adata = simulate(300, 20, rng=0)
    return with_states(adata, np.round(adata.obsm[REP] * 2**20) / 2**20)


@pytest.fixture(scope="module")
def plain(raw) -> ad.AnnData:
    return analysed(raw.copy())


@pytest.mark.parametrize("scale", [1e-100, 1e-8, 1e100])
def test_the_scale_of_the_representation_does_not_matter(raw, plain, scale):
    found = analysed(with_states(raw, raw.obsm[REP] * scale))
    run, scaled = find_view(plain, "da").run.params, find_view(found, "da").run.params
    # densities are per unit of the representation, and lengths in it
    assert_same(plain, found, 1e-8, shift=run["d"] * np.log(scale))
    assert scaled["mu"] == pytest.approx(run["mu"] - run["d"] * np.log(scale), abs=1e-8)
    for name in ("ls", "neighborhood_width"):
        assert scaled[name] == pytest.approx(run[name] * scale, rel=1e-8)


@pytest.mark.parametrize("offset", [1e5, 1e8])
def test_the_offset_of_the_representation_does_not_matter(raw, plain, offset):
    assert_same(plain, analysed(with_states(raw, raw.obsm[REP] + offset)), 1e-8)


def test_given_length_scales_are_in_units_of_the_representation(raw, plain):
    ls = find_view(plain, "de").run.params["ls"]
    assert_same(plain, analysed(raw.copy(), ls=ls), 1e-8)
    small = with_states(raw, raw.obsm[REP] * 1e-30)
    kernel = load_mellon().cov.Matern52(ls=ls * 1e-30)
    de(small, **ARGS, layer="logged_counts", sample_key="Replicate", gp=GPSettings(kernel=kernel), test=FEW)
    np.testing.assert_allclose(
        small.var["kompot_de_Young_to_Old_mahalanobis_sample_var"],
        plain.var["kompot_de_Young_to_Old_mahalanobis_sample_var"],
        rtol=1e-8,
    )


def test_order_of_cells_on_a_lattice(raw):
    """Cells tie in their first coordinates, and some in all; the last coordinate and the expression tell them apart."""
    x = np.random.default_rng(0).integers(3, size=(300, 5)).astype(float)
    order = np.random.default_rng(1).permutation(300)
    found = analysed(with_states(raw, x))
    turned = analysed(with_states(raw, x)[order].copy())
    # the sums of the expression are in single precision
    assert_same(found[order], turned, 1e-4)


@pytest.fixture(scope="module")
def twice(raw) -> ad.AnnData:
    """Every cell twice."""
    return ad.concat([raw, raw], index_unique="-")


@pytest.fixture(scope="module")
def copies(twice) -> ad.AnnData:
    return analysed(twice.copy())


def test_copies_of_cells(plain, copies):
    """The cell states are those of the cells without copies."""
    for analysis in ("de", "da"):
        one, both = (find_view(data, analysis).run.params for data in (plain, copies))
        assert both["ls"] == pytest.approx(one["ls"])
        assert both["rank"] == one["rank"]
    assert both["d"] == pytest.approx(one["d"])


@pytest.mark.parametrize("apart", [1e-12, 1e-9])
def test_near_copies_are_as_copies(twice, copies, apart):
    x = twice.obsm[REP].copy()
    x[300:] += apart * np.random.default_rng(0).normal(size=(300, x.shape[1]))
    assert_same(copies, analysed(with_states(twice, x)), 3e-5)


@pytest.mark.parametrize("n", [3, 20])
def test_few_cell_states(raw, n):
    few = analysed(with_states(raw, raw.obsm[REP][np.arange(300) % n]), amplitude=1.0, sigma=1.0)
    run = find_view(few, "de").run
    assert 3 <= run.params["rank"] <= n
    # the dense formula
    x = few.obsm[REP]
    r = np.sqrt(5) * cdist(x, x) / run.params["ls"]
    kernel = (1 + r + r**2 / 3) * np.exp(-r)
    own = (few.obs["Age"] == "Young").to_numpy()
    solved = np.linalg.solve(kernel[np.ix_(own, own)] + np.eye(own.sum()), few.layers["logged_counts"][own].toarray())
    np.testing.assert_allclose(few.layers["kompot_de_Young_imputed"].compute(), kernel[:, own] @ solved, atol=2e-3)


def test_two_cell_states_have_no_density(raw):
    with pytest.raises(ValueError, match="from 2 distinct cell states"):
        da(with_states(raw, raw.obsm[REP][np.arange(300) % 2]), **ARGS, method="density")


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_diagnostics_know_the_prior_variance(raw, factor):
    kernel = load_mellon().cov.Matern52(ls=find_ls(raw)) * factor
    found = raw.copy()
    de(found, **ARGS, layer="logged_counts", gp=GPSettings(kernel=kernel), test=TestSettings(null_genes=0))
    run = find_view(found, "de").run
    quantiles = np.array(run.diagnostics["residual_quantiles"])
    assert np.abs(quantiles).max() < 1e-4
    assert quantiles.mean() == pytest.approx(run.params["residual"], rel=0.3)


def test_diagnostics_of_a_linear_kernel(raw):
    found = raw.copy()
    de(found, **ARGS, layer="logged_counts", gp=GPSettings(kernel="Linear"), test=TestSettings(null_genes=0))
    run = find_view(found, "de").run
    assert run.params["rank"] == raw.obsm[REP].shape[1]
    assert np.abs(run.diagnostics["residual_quantiles"]).max() < 1e-10


def find_ls(adata: ad.AnnData) -> float:
    """A length scale that leaves something to a basis of a hundred."""
    return float(np.ptp(adata.obsm[REP]))
