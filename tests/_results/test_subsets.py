"""Runs on some genes keep of earlier runs what is of equal data, and adjust for all genes that have a p."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from scipy.stats import false_discovery_control

import kompot_scverse as kp

CALL = {
    "reference": "Young", "groups": "Old", "layer": "logged_counts", "test": kp.TestSettings(null_genes=20),
    "cell_groups": "celltype",
}  # fmt: skip
K = "kompot_de_Young_to_Old"


@pytest.fixture(scope="module")
def done() -> AnnData:
    adata = kp.datasets.simulate(240, 20, rng=0)
    kp.tl.de(adata, "Age", sample_key="Replicate", **CALL)
    return adata


def _swap(columns: list[str], by: str, first: str, second: str):
    """Give nine cells of one category the labels of nine of another, and the other way round."""

    def change(adata: AnnData, call: dict) -> None:
        rows = [np.flatnonzero((adata.obs[by] == label).to_numpy())[:9] for label in (first, second)]
        order = np.arange(adata.n_obs)
        order[rows[0]], order[rows[1]] = rows[1], rows[0]
        for column in columns:
            adata.obs[column] = adata.obs[column].array[order]

    return change


def _one_value(adata: AnnData, call: dict) -> None:
    old = np.flatnonzero((adata.obs["Age"] == "Old").to_numpy())[3]
    y = (
        adata.layers["logged_counts"].toarray()
        if sp.issparse(adata.layers["logged_counts"])
        else adata.layers["logged_counts"].copy()
    )
    y[old, 12] += 1
    adata.layers["logged_counts"] = y


def _states(adata: AnnData, call: dict) -> None:
    adata.obsm["DM_EigenVectors"] = adata.obsm["DM_EigenVectors"][:, ::-1].copy()


def _nulls(adata: AnnData, call: dict) -> None:
    call["test"] = kp.TestSettings(null_mahalanobis=np.ones(20))


CHANGES = {
    "labels": (
        _swap(["Age", "Replicate"], "Replicate", "Young_1", "Old_1"),
        "which cells are in which condition",
        "mean_lfc|weights",
    ),
    "samples": (
        _swap(["Replicate"], "Replicate", "Young_1", "Young_2"),
        "which cells are in which sample",
        "pvalue|sample_weights|sample_var",
    ),
    "expression": (_one_value, "the expression", "mean_lfc|weights"),
    "representation": (_states, "the representation", "mean_lfc|weights"),
    "null distances": (_nulls, "the null distances", "local_fdr"),
    "cell groups": (_swap(["celltype"], "celltype", "HSC", "Erythroid"), "`cell_groups`", "celltype"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_on_one_gene_keeps_no_result_of_other_data(done: AnnData, change: str) -> None:
    adata, call = done.copy(), dict(CALL)
    make, reason, field = CHANGES[change]
    make(adata, call)
    with pytest.warns(
        UserWarning, match=rf"19 other genes lose what run 0 found, in .*({field}).* differs in .*{reason}"
    ):
        kp.tl.de(adata, "Age", sample_key="Replicate", **call, genes=["Gene0001"], overwrite=True)
    kept = adata.copy()
    assert not kept.var.loc[kept.var[f"{K}_pvalue"].isna(), f"{K}_is_de_sample_var"].any()
    if change in ("expression", "representation"):
        assert kept.var[f"{K}_mean_lfc"].notna().sum() == 1
        return
    # whatever is still there is what a run on all genes finds in the data as they are now
    kp.tl.de(adata, "Age", sample_key="Replicate", **call, overwrite=True)
    others = adata.var_names != "Gene0001"
    n_missing = 0
    for slot in ("var", "varm"):
        for key in (key for key in getattr(adata, slot) if key.startswith("kompot") and "is_de" not in key):
            found, expected = (np.asarray(getattr(data, slot)[key])[others] for data in (kept, adata))
            missing = np.isnan(found).reshape(len(found), -1).all(axis=1)
            n_missing += missing.all()
            if not missing.all() and "qvalue" not in key:
                np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5, err_msg=key)
    assert n_missing


def test_a_rerun_without_null_genes_keeps_the_fold_changes_of_the_other_genes(done: AnnData) -> None:
    adata, call = done.copy(), {**CALL, "test": kp.TestSettings(null_genes=0)}
    kp.tl.de(adata, "Age", sample_key="Replicate", **call, genes=["Gene0001", "Gene0002"], overwrite=True)
    for key in (key for key in done.var if key.startswith("kompot") and "qvalue" not in key):
        np.testing.assert_array_equal(adata.var[key].isna(), done.var[key].isna(), err_msg=key)


def test_a_rerun_of_some_genes_says_only_what_changes(done: AnnData) -> None:
    """Warnings are errors: nothing is said where values stay equal, nor where silence is asked for."""
    adata, genes = done.copy(), ["Gene0001", "Gene0002"]
    kp.tl.de(adata, "Age", sample_key="Replicate", **CALL, genes=genes)
    np.testing.assert_allclose(adata.var[f"{K}_mean_lfc"], done.var[f"{K}_mean_lfc"], rtol=1e-5)
    own = kp.datasets.simulate(240, 20, rng=0)
    kp.tl.de(own, "Age", sample_key="Replicate", **CALL, genes=genes)
    call = {**CALL, "gp": kp.GPSettings(ls_factor=5)}
    with pytest.warns(
        UserWarning, match=r"^2 genes get other values than run 0 found, in \d+ fields .*`ls_factor` \(10.0, now 5"
    ):
        kp.tl.de(own, "Age", sample_key="Replicate", **call, genes=genes)
    kp.tl.de(own, "Age", sample_key="Replicate", **CALL, genes=genes, overwrite=True)
    with pytest.raises(ValueError, match="fields exist already"):
        kp.tl.de(own, "Age", sample_key="Replicate", **CALL, genes=genes, overwrite=False)


def test_other_neighborhoods_take_only_what_the_test_gives(done: AnnData) -> None:
    adata, call = done.copy(), {**CALL, "test": kp.TestSettings(null_genes=20, n_neighborhoods=5)}
    n_tested = int(done.var[f"{K}_pvalue"].notna()[1:].sum())
    assert 0 < n_tested < 19
    with pytest.warns(
        UserWarning, match=rf"^{n_tested} other genes lose what run 0 found, in \d+ fields \(.*pvalue.*n_neighb"
    ):
        kp.tl.de(adata, "Age", sample_key="Replicate", **call, genes=["Gene0001"], overwrite=True)
    others = adata.var_names != "Gene0001"
    for key in (key for key in done.var if key.startswith("kompot")):
        gone = key.endswith(("pvalue", "qvalue", "weight", "region", "region_probability", "region_lfc"))
        expected = 0 if gone else int(done.var.loc[others, key].notna().sum())
        assert int(adata.var.loc[others, key].notna().sum()) == expected, key
    table = f"{K}_celltype_lfc_se_sample_var"
    np.testing.assert_array_equal(adata.varm[table][others].isna(), done.varm[table][others].isna())


def test_equal_data_in_another_container_keep_all(done: AnnData) -> None:
    adata = done.copy()
    adata.layers["logged_counts"] = sp.csc_array(adata.layers["logged_counts"])
    adata.obs["Age"] = adata.obs["Age"].cat.reorder_categories(adata.obs["Age"].cat.categories[::-1])
    kp.tl.de(adata, "Age", sample_key="Replicate", **CALL, genes=["Gene0001"], overwrite=True)
    pd.testing.assert_series_equal(adata.var[f"{K}_mean_lfc"], done.var[f"{K}_mean_lfc"], rtol=1e-5)
    assert kp.RunInfo(adata).summary["genes_covered"] == "1 of 20; the others are as run 0 left them"


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_genes_in_three_calls_are_called_as_in_one(done: AnnData, sample_key: str | None) -> None:
    adata = kp.datasets.simulate(240, 20, rng=0)
    for genes in (adata.var_names[:9], adata.var_names[9:15], adata.var_names[15:]):
        kp.tl.de(adata, "Age", sample_key=sample_key, **CALL, genes=genes, overwrite=True)
    if sample_key is None:
        called = adata.var[f"{K}_is_de"]
        np.testing.assert_array_equal(called, adata.var[f"{K}_qvalue_cells"] <= 0.05)
        np.testing.assert_allclose(
            adata.var[f"{K}_qvalue_cells"], false_discovery_control(adata.var[f"{K}_pvalue_cells"])
        )
        return
    for statistic in ("pvalue", "qvalue"):
        np.testing.assert_allclose(adata.var[f"{K}_{statistic}"], done.var[f"{K}_{statistic}"], rtol=1e-6)
        table = f"{K}_celltype_{statistic}"
        np.testing.assert_allclose(adata.varm[table], done.varm[table], rtol=1e-6)
    np.testing.assert_array_equal(adata.var[f"{K}_is_de_sample_var"], done.var[f"{K}_is_de_sample_var"])
    p = check_rates(adata)
    summary = kp.RunInfo(adata).summary
    assert summary["n_genes_in_qvalue"] == len(p)
    assert summary["n_de"] == adata.var[f"{K}_is_de_sample_var"][15:].sum()


def check_rates(adata: AnnData) -> pd.Series:
    """q are those of Benjamini and Hochberg, by scipy, for p over the weights; returns p."""
    p = pd.Series(adata.var[f"{K}_pvalue"]).dropna()
    weight = adata.var.loc[p.index, f"{K}_weight"]
    weight = (weight / weight.mean()).fillna(1)
    np.testing.assert_allclose(
        adata.var.loc[p.index, f"{K}_qvalue"], false_discovery_control((p / weight).clip(upper=1))
    )
    return p


def test_p_of_earlier_calls_count(done: AnnData) -> None:
    adata = done.copy()
    adata.var.loc["Gene0001", f"{K}_pvalue"] = 1e-9
    kp.tl.de(adata, "Age", sample_key="Replicate", **CALL, genes=["Gene0007"], overwrite=True)
    check_rates(adata)
    assert adata.var.loc["Gene0001", f"{K}_is_de_sample_var"]
