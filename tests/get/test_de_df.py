"""The table of differential expression holds the fields of its run, and nothing of another."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from kompot_scverse import GPSettings, TestSettings, tl
from kompot_scverse.get import de_df

CELLS = ["mahalanobis", "mean_lfc", "local_fdr", "is_de"]
REPLICATES = [
    "mahalanobis",
    "mean_lfc",
    "pvalue",
    "qvalue",
    "weight",
    "local_fdr",
    "is_de",
    "mahalanobis_pvalue",
    "tail_fdr",
]
REPLICATES += ["region", "region_probability", "region_lfc", "region_cells"]


def test_values_are_those_of_the_run(analysed):
    table = de_df(analysed, run_id=1, sort=False)
    assert table.columns.to_list() == REPLICATES
    assert table.index.equals(analysed.var_names)
    prefix = "kompot_de_Young_to_Old"
    np.testing.assert_array_equal(table["mahalanobis"], analysed.var[f"{prefix}_mahalanobis_sample_var"])
    np.testing.assert_array_equal(table["mean_lfc"], analysed.var[f"{prefix}_mean_lfc"])
    np.testing.assert_array_equal(table["local_fdr"], analysed.var[f"{prefix}_mahalanobis_local_fdr_sample_var"])
    np.testing.assert_array_equal(table["qvalue"], analysed.var[f"{prefix}_qvalue"])
    np.testing.assert_array_equal(table["is_de"], table["qvalue"] <= 0.05)
    assert table["is_de"].dtype == bool


def test_replicates_decide_where_there_are_some(analysed):
    table = de_df(analysed, run_id=1)
    assert table["pvalue"].dropna().is_monotonic_increasing
    kept = de_df(analysed, run_id=1, max_fdr=0.6)
    assert 0 < len(kept) < len(table)
    assert kept.equals(table[table["qvalue"] <= 0.6])


def test_last_run_by_default(analysed):
    table = de_df(analysed, sort=False)
    np.testing.assert_array_equal(table["mahalanobis"], analysed.var["cells_only_Young_to_Old_mahalanobis"])
    assert table.columns.to_list() == CELLS


def test_sorted_by_distance(analysed):
    assert de_df(analysed)["mahalanobis"].is_monotonic_decreasing


def test_filters_keep_what_passes(analysed):
    everything = de_df(analysed)
    kept = de_df(analysed, max_fdr=0.5, min_lfc=0.4)
    expected = everything[(everything["local_fdr"] <= 0.5) & (everything["mean_lfc"].abs() >= 0.4)]
    assert 0 < len(kept) < len(everything)
    assert kept.equals(expected)


def test_gene_symbols_come_first(analysed):
    analysed.var["symbol"] = [f"S{number}" for number in range(analysed.n_vars)]
    table = de_df(analysed, gene_symbols="symbol", max_fdr=0.5)
    assert table.columns[0] == "symbol"
    assert (table["symbol"] == analysed.var.loc[table.index, "symbol"]).all()
    with pytest.raises(KeyError, match="gene_symbols.*'symbols'.*existing: 'symbol'"):
        de_df(analysed, gene_symbols="symbols")


def test_genes_not_analysed_are_left_out(adata):
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", genes=list(adata.var_names[:7]))
    assert set(de_df(adata).index) == set(adata.var_names[:7])
    assert de_df(adata)["is_de"].dtype == bool


def test_without_null_genes(adata):
    kompot = {"gp": GPSettings.kompot(), "test": TestSettings(null_genes=0)}
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", **kompot)
    assert de_df(adata).columns.to_list() == ["mahalanobis", "mean_lfc"]
    with pytest.raises(LookupError, match="No false discovery rates.*null_genes"):
        de_df(adata, max_fdr=0.05)


def test_cells_decide_where_there_are_no_replicates(adata):
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    table = de_df(adata)
    assert table.columns.to_list() == ["mahalanobis", "mean_lfc", "pvalue_cells", "qvalue_cells", "is_de"]
    assert table["pvalue_cells"].is_monotonic_increasing
    np.testing.assert_array_equal(table["is_de"], table["qvalue_cells"] <= 0.05)
    np.testing.assert_allclose(table["qvalue_cells"], false_discovery_control(table["pvalue_cells"]))
    assert de_df(adata, max_fdr=0.05).equals(table[table["is_de"]])


def test_overwritten_fields_are_named(adata):
    adata.layers["halved"] = adata.layers["logged_counts"] / 2
    for layer in ("logged_counts", "halved"):
        tl.de(
            adata, "Age", reference="Young", groups="Old", layer=layer, overwrite=True, test=TestSettings(null_genes=0)
        )
    with pytest.warns(
        UserWarning, match=r"run 0 .*were overwritten.*of run 1: var\['kompot_de_Young_to_Old_mahal"
    ) as caught:
        de_df(adata, run_id=0)
    assert caught[0].filename == __file__
    de_df(adata, run_id=1)  # no warning


def test_groups_of_one_call_do_not_overwrite_each_other(analysed):
    de_df(analysed, run_id=0)
    de_df(analysed, run_id=1)


def test_a_lost_column_says_what_to_call(analysed):
    del analysed.var["cells_only_Young_to_Old_mean_lfc"]
    with pytest.raises(LookupError, match=r"cells_only_Young_to_Old_mean_lfc.*is gone.*kp\.tl\.de"):
        de_df(analysed)


def test_no_run(adata):
    with pytest.raises(LookupError, match=r"kp\.tl\.de"):
        de_df(adata)


def test_run_of_another_analysis(analysed):
    with pytest.raises(
        LookupError, match=r"No de run with run_id=2; existing: 0 \(Young → Mid, key_added=.kompot_de.\), 1 "
    ):
        de_df(analysed, run_id=2)


def test_duplicate_gene_names(analysed):
    analysed.var["symbol"] = "S"
    expected = de_df(analysed, gene_symbols="symbol")["mahalanobis"].to_numpy()
    analysed.var_names = ["same"] * analysed.n_vars
    np.testing.assert_array_equal(de_df(analysed, gene_symbols="symbol")["mahalanobis"], expected)


def test_several_contrasts_are_one_long_table(analysed):
    table = de_df(analysed, key_added="kompot_de")
    assert table.columns.to_list() == ["group", *REPLICATES]
    for run_id, group in enumerate(("Mid", "Old")):
        own = table[table["group"] == group].drop(columns="group")
        assert own.equals(de_df(analysed, run_id=run_id))
        assert own.equals(de_df(analysed, key_added="kompot_de", group=group))


def test_statistics_of_a_category(analysed):
    table = de_df(analysed, run_id=1, cell_group="HSC", sort=False)
    assert table.columns.to_list() == ["mean_lfc", "lfc_se", "lfc_zscore", "lfsr", "pvalue", "qvalue", "n_supported"]
    prefix = "kompot_de_Young_to_Old_branch"
    for column, key in {"mean_lfc": "mean_lfc", "lfc_zscore": "lfc_zscore_sample_var", "qvalue": "qvalue"}.items():
        np.testing.assert_array_equal(table[column], analysed.varm[f"{prefix}_{key}"]["HSC"].loc[table.index])
    limit = float(table["qvalue"].median())
    kept = de_df(analysed, run_id=1, cell_group="HSC", max_fdr=limit, min_lfc=0.1)
    assert set(kept.index) == set(table.index[(table["qvalue"] <= limit) & (table["mean_lfc"].abs() >= 0.1)])
    assert kept["pvalue"].is_monotonic_increasing
    with pytest.raises(KeyError, match="No category of 'branch' 'HSCs'; existing: 'HSC'"):
        de_df(analysed, run_id=1, cell_group="HSCs")
    with pytest.raises(LookupError, match="No 'group_mean_lfc' of run 4 .*cell_groups="):
        de_df(analysed, run_id=4, cell_group="HSC")


def test_fold_changes_may_be_to_base_2(analysed):
    natural, log2 = (de_df(analysed, run_id=1, log2=log2, sort=False) for log2 in (False, True))
    np.testing.assert_allclose(2 ** log2["mean_lfc"], np.exp(natural["mean_lfc"]))
    np.testing.assert_allclose(2 ** log2["region_lfc"], np.exp(natural["region_lfc"]))
    changed = ["mean_lfc", "region_lfc"]
    assert log2.drop(columns=changed).equals(natural.drop(columns=changed))
    kept = de_df(analysed, run_id=1, log2=True, min_lfc=0.3)
    assert len(kept) == (natural["mean_lfc"].abs() >= 0.3 * np.log(2)).sum() > 0


def test_a_category_without_statistics_is_named(analysed):
    data = analysed.copy()
    for key in [key for key, table in data.varm.items() if "HSC" in getattr(table, "columns", ())]:
        data.varm[key] = data.varm[key].assign(HSC=np.nan)
    with pytest.warns(UserWarning, match="'HSC' has too few cells of one of the conditions"):
        assert de_df(data, run_id=1, cell_group="HSC").empty
