"""Genes of one value have no change; genes of one value in each condition have theirs."""

import anndata as ad
import numpy as np
import pytest

from kompot_scverse.settings import GPSettings, TestSettings
from kompot_scverse.tl import de

K = "kompot_de_Young_to_Old"
ARGS = {"groupby": "Age", "reference": "Young", "groups": "Old", "layer": "log", "test": TestSettings(null_genes=200)}


@pytest.fixture(scope="module", params=[np.float32, np.float64])
def cells(simulated, request) -> ad.AnnData:
    """Constants, a value for each condition, a gene that differs from a constant in one cell, and real genes."""
    y = simulated.layers["logged_counts"].toarray().astype(request.param)
    old = (simulated.obs["Age"] == "Old").to_numpy()
    y[:, 0], y[:, 1], y[:, 2] = 1.5, 0, 1e4
    y[:, 3] = np.where(old, 2.0, 1.5)
    y[:, 4] = np.where(simulated.obs["Age"] == "Mid", 7.0, 0.3)
    out = simulated[:, :12].copy()
    out.layers["log"] = y[:, :12]
    return out


def analysed(adata, **arguments) -> ad.AnnData:
    """A copy with the results."""
    found = adata.copy()
    de(found, **arguments)
    return found


def column(adata, statistic):
    return adata.var[f"{K}_{statistic}"].to_numpy()


@pytest.mark.parametrize("genes", [slice(0, 1), slice(0, 3), slice(0, 12)])
@pytest.mark.parametrize("gp", [GPSettings(), GPSettings.kompot()], ids=["default", "kompot"])
def test_constant_genes(cells, genes, gp):
    found = analysed(cells, **ARGS, genes=list(cells.var_names[genes]), gp=gp)
    constant = found.var_names[[g for g in (0, 1, 2, 4) if g in range(12)[genes]]]
    of_genes = found.var.loc[constant]
    assert (of_genes[f"{K}_mean_lfc"] == 0).all()
    assert (of_genes[f"{K}_mahalanobis"] == 0).all()
    assert (of_genes[f"{K}_mahalanobis_local_fdr"] == 1).all()
    assert not of_genes[f"{K}_is_de"].any()
    # and nowhere a change
    assert (found[:, constant].layers[f"{K}_fold_change"].compute() == 0).all()
    imputed = found[:, constant].layers["kompot_de_Old_imputed"].compute()
    states = (cells.obs["Age"] != "Mid").to_numpy()
    expected = np.array([1.5, 0, 1e4, np.nan, 0.3])[[g for g in (0, 1, 2, 4) if g in range(12)[genes]]]
    np.testing.assert_allclose(imputed[states], np.tile(expected, (states.sum(), 1)), rtol=0.05)


def test_constant_genes_with_replicates(cells):
    found = analysed(cells, **ARGS, sample_key="Replicate", gp=GPSettings.kompot())
    for gene in (0, 1, 2, 4):
        row = found.var.iloc[gene]
        assert row[f"{K}_mean_lfc"] == 0
        assert row[f"{K}_mahalanobis_sample_var"] == 0
        assert not row[f"{K}_is_de_sample_var"]
        assert np.isnan(row[f"{K}_pvalue"])


def test_a_value_for_each_condition_is_a_change(cells):
    fdr = TestSettings(null_genes=200, all_statistics=True)
    found = analysed(cells, **ARGS | {"test": fdr}, gp=GPSettings.kompot(), genes=cells.var_names[3])
    assert column(found, "mahalanobis_pvalue")[3] == pytest.approx(1 / 201)
    assert column(found, "is_de")[3]
    assert column(found, "mean_lfc")[3] == pytest.approx(0.5, abs=0.05)


def test_other_genes_are_fitted_as_without_constants(cells):
    several = analysed(cells, **ARGS)
    alone = analysed(cells, **ARGS, genes=list(cells.var_names[5:]))
    np.testing.assert_allclose(column(several, "mahalanobis")[5:], column(alone, "mahalanobis")[5:], rtol=1e-5)


def test_noise_that_is_too_small(cells):
    own = cells[::2].copy()
    before = (list(own.obs), list(own.var), list(own.obsm), list(own.uns))
    with pytest.raises(ValueError, match="`sigma=1e-08` is too small for these cells"):
        de(own, **ARGS, sample_key="Replicate", gp=GPSettings.kompot(sigma=1e-8))
    assert before == (list(own.obs), list(own.var), list(own.obsm), list(own.uns))
