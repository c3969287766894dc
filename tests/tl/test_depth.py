"""Samples of unequal depth: what is not there is not found, and a gene has one p whatever else is asked for."""

import logging

import numpy as np
import pytest
import scipy.sparse as sp

from kompot_scverse import TestSettings, tl
from kompot_scverse._runs.history import iterate_runs
from kompot_scverse.datasets import simulate

K = "kompot_de_Young_to_Old"
NONE = TestSettings(n_neighborhoods=6)
EQUAL = TestSettings(n_neighborhoods=6, equal_depth=True)


def study(depth, n_vars=400, seed=0, n_obs=900):
    return simulate(n_obs, n_vars, samples={"Young": 3, "Old": 3}, depth=depth, rng=seed, density_change=0.5)


def de(adata, **arguments):
    options = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "test": NONE}
    found = adata.copy()
    tl.de(found, "Age", **options | {"sample_key": "Replicate"} | arguments)
    return found


def unchanged(adata):
    return ~(adata.var["is_de"] | adata.var["is_sample_outlier"]).to_numpy()


@pytest.fixture(scope="module")
def shallow():
    """The condition at 40 % of the depth of the other."""
    return study({"Old": 0.4})


@pytest.fixture(scope="module")
def result(shallow):
    return de(shallow, cell_groups="branch")


def test_genes_get_the_same_p_however_they_are_asked_for(shallow, result):
    p = result.var[f"{K}_pvalue"].to_numpy()
    by_name = de(shallow, genes=list(shallow.var_names[::-1]))
    np.testing.assert_allclose(by_name.var[f"{K}_pvalue"], p, rtol=1e-9)
    mask = np.arange(400) % 3 == 0
    some = de(shallow, genes=mask, cell_groups="branch")
    np.testing.assert_allclose(some.var.loc[mask, f"{K}_pvalue"], p[mask], rtol=1e-9)
    assert some.var.loc[~mask, f"{K}_pvalue"].isna().all()
    for field in ("neighborhood_lfc", "neighborhood_zscore", "branch_pvalue"):
        found, expected = (np.asarray(one.varm[f"{K}_{field}"])[mask] for one in (some, result))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)
    # the rest in a second call
    both = de(some, genes=~mask, cell_groups="branch", overwrite=True)
    np.testing.assert_allclose(both.var[f"{K}_pvalue"], p, rtol=1e-9)


def test_one_gene_alone_and_the_order_of_the_genes(shallow, result):
    gene = result.var[f"{K}_pvalue"].idxmin()
    assert de(shallow, genes=gene).var.loc[gene, f"{K}_pvalue"] == pytest.approx(
        result.var.loc[gene, f"{K}_pvalue"], rel=1e-9
    )
    order = np.random.default_rng(0).permutation(400)
    moved = de(shallow[:, order].copy())
    np.testing.assert_allclose(moved.var[f"{K}_pvalue"], result.var[f"{K}_pvalue"].to_numpy()[order], rtol=1e-6)


def test_the_run_says_what_it_borrowed_from(result):
    (run,) = iterate_runs(result)
    assert 300 < run.params["reference_genes"] <= 400
    assert run.params["tested_at_equal_depth"]
    assert not run.params["equal_depth"]
    assert run.summary["depth_ratio"] == pytest.approx(0.4, rel=0.1)


@pytest.mark.parametrize(
    "depth",
    [{"Old": 0.4}, {"Old": 0.6}, {"Old": 1.5}, {"Old_1": 0.4}, {}],
    ids=["40 %", "60 %", "150 %", "one sample", "equal"],
)
def test_genes_that_do_not_change_hold_their_level(depth):
    """About 700 genes; three standard errors beyond 0.03 to 0.06. Without the correction 0.4 to 0.8 at 40 %."""
    p = []
    for seed in (1, 2):
        found = de(study(depth, seed=seed, n_obs=600))
        p.append(found.var.loc[unchanged(found), f"{K}_pvalue"].dropna().to_numpy())
    assert 0.01 < np.mean(np.concatenate(p) < 0.05) < 0.085


def test_fold_changes_at_equal_depth(shallow, result):
    """Genes that do not change seem lower in the shallow condition, unless they are taken at equal depth."""
    own = unchanged(shallow)
    plain = result.var.loc[own, f"{K}_mean_lfc"].mean()
    equal = de(shallow, test=EQUAL, cell_groups="branch")
    unpaired = de(shallow, test=EQUAL, sample_key=None)
    assert plain < -0.1
    for one in (equal, unpaired):
        assert abs(one.var.loc[own, f"{K}_mean_lfc"].mean()) < 0.01
        assert abs(np.asarray(one.layers[f"{K}_fold_change"])[:, own].mean()) < 0.02
    assert np.abs(equal.varm[f"{K}_branch_mean_lfc"].loc[own].mean()).max() < 0.03
    changed = shallow.var["is_de"].to_numpy()
    truth, found = shallow.var.loc[changed, "true_lfc_mean"], equal.var.loc[changed, f"{K}_mean_lfc"]
    biased = result.var.loc[changed, f"{K}_mean_lfc"]
    assert (np.sign(truth) == np.sign(found)).mean() > (np.sign(truth) == np.sign(biased)).mean() + 0.05
    # the test is the same
    np.testing.assert_allclose(equal.var[f"{K}_pvalue"], result.var[f"{K}_pvalue"], rtol=1e-9)


def test_the_depth_ratio_is_said_once(shallow, caplog):
    with caplog.at_level(logging.WARNING):
        de(shallow)
    (record,) = caplog.records
    assert "have 0.38 times the counts" in record.message
    assert "equal_depth=True" in record.message
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        de(shallow, test=EQUAL)
        de(study({}, n_vars=30, n_obs=300))
    assert not caplog.records


def test_depth_that_cannot_be_removed_is_said(shallow, caplog):
    other = shallow[:, :60].copy()
    values = other.layers["logged_counts"].multiply(np.random.default_rng(0).uniform(0.5, 2, 60)).tocsr()
    other.layers["corrected"] = sp.csr_matrix(values)
    with caplog.at_level(logging.WARNING):
        found = de(other, layer="corrected")
    (record,) = caplog.records
    assert "detected features" in record.message
    assert "55 features cannot tell" in record.message
    (run,) = iterate_runs(found)
    assert not run.params["tested_at_equal_depth"]
    assert run.summary["detected_ratio"] < 0.8
    before = other.copy()
    with pytest.raises(ValueError, match="needs logs of scaled counts"):
        tl.de(other, "Age", reference="Young", groups="Old", layer="corrected", sample_key="Replicate", test=EQUAL)
    assert set(other.var) == set(before.var)
    assert "kompot" not in other.uns


def test_values_that_are_not_finite_in_genes_not_asked_for(shallow, result):
    other = shallow.copy()
    y = other.layers["logged_counts"].tolil()
    y[0, 5] = np.nan
    other.layers["logged_counts"] = y.tocsr()
    rest = np.arange(400) != 5
    found = de(other, genes=rest)
    z, expected = (np.asarray(one.varm[f"{K}_neighborhood_zscore"])[rest] for one in (found, result))
    np.testing.assert_allclose(found.var.loc[rest, f"{K}_pvalue"], result.var.loc[rest, f"{K}_pvalue"], rtol=0.6)
    assert np.nanmax(np.abs(z - expected)) < 0.2
