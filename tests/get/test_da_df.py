"""The table of differential abundance holds the fields of its run."""

import numpy as np
import pytest

from kompot_scverse import tl
from kompot_scverse.get import da_df


def test_values_are_those_of_the_run(analysed):
    table = da_df(analysed, sort=False)
    assert table.columns.to_list() == [
        "lfc", "lfc_zscore", "neg_log10_lfc_ptp", "lfsr", "direction", "log_ratio_reference", "log_ratio_group",
    ]  # fmt: skip
    assert table.index.equals(analysed.obs_names)
    for column, key in [("lfc", "Young_to_Old_lfc"), ("log_ratio_group", "Old_log_ratio")]:
        np.testing.assert_array_equal(table[column], analysed.obs[f"kompot_da_{key}"])
    np.testing.assert_allclose(table["log_ratio_group"] - table["log_ratio_reference"], table["lfc"], atol=1e-9)
    assert table["direction"].cat.categories.to_list() == ["down", "neutral", "up"]


def test_replicate_fields_are_found(adata):
    tl.da(adata, "Age", reference="Young", groups="Old", sample_key="Replicate")
    z = da_df(adata, sort=False)["lfc_zscore"]
    np.testing.assert_array_equal(z, adata.obs["kompot_da_Young_to_Old_lfc_zscore_sample_var"])
    table = da_df(adata)
    assert table["pvalue"].is_monotonic_increasing
    limit = float(table["qvalue"].median())
    assert da_df(adata, max_fdr=limit).equals(table[table["qvalue"] <= limit])


def test_q_values_need_replicates(analysed):
    with pytest.raises(LookupError, match="No q-values.*sample_key"):
        da_df(analysed, max_fdr=0.1)


def test_sorted_by_tail_probability(analysed):
    table = da_df(analysed)
    assert table["neg_log10_lfc_ptp"].is_monotonic_decreasing
    assert set(table.index) == set(analysed.obs_names)


def test_filters_keep_what_passes(analysed):
    everything = da_df(analysed)
    kept = da_df(analysed, max_ptp=0.05, min_lfc=0.2, direction=["up", "neutral"])
    passed = (everything["neg_log10_lfc_ptp"] >= -np.log10(0.05)) & (everything["lfc"].abs() >= 0.2)
    assert 0 < len(kept) < len(everything)
    assert kept.equals(everything[passed & (everything["direction"] != "down")])


def test_obs_columns(analysed):
    table = da_df(analysed, obs_columns=["celltype", "Age"])
    assert (table["Age"] == analysed.obs.loc[table.index, "Age"]).all()
    assert da_df(analysed, obs_columns="celltype").columns[-1] == "celltype"
    with pytest.raises(KeyError, match="obs_columns.*'cell_type'.*existing: 'celltype'"):
        da_df(analysed, obs_columns="cell_type")


@pytest.mark.parametrize(
    ("arguments", "message"), [({"direction": "higher"}, "direction"), ({"max_ptp": 5}, "max_ptp")]
)
def test_bad_filters(analysed, arguments, message):
    with pytest.raises(ValueError, match=message):
        da_df(analysed, **arguments)


def test_a_column_of_the_result_cannot_be_added(analysed):
    analysed.obs["direction"] = "north"
    with pytest.raises(ValueError, match="rename"):
        da_df(analysed, obs_columns="direction")


def test_subset_of_cells(analysed):
    part = analysed[::3].copy()
    assert da_df(part, sort=False).equals(da_df(analysed, sort=False).iloc[::3])


def test_overwritten_fields_are_named(adata):
    tl.da(adata, "Age", reference="Young", groups="Old")
    tl.da(adata, "Age", reference="Young", groups="Mid", overwrite=True)
    with pytest.warns(UserWarning, match=r"run 0.*of run 1: obs\['kompot_da_Young_log_ratio'\]\. "):
        da_df(adata, run_id=0)


def test_no_run(adata):
    with pytest.raises(LookupError, match=r"kp\.tl\.da"):
        da_df(adata)


def test_duplicate_cell_names(analysed):
    expected = da_df(analysed, obs_columns="Age", direction="neutral")["lfc"].to_numpy()
    analysed.obs_names = ["same"] * analysed.n_obs
    np.testing.assert_array_equal(da_df(analysed, obs_columns="Age", direction="neutral")["lfc"], expected)


def test_several_contrasts_are_one_long_table(adata):
    tl.da(adata, "Age", reference="Young")
    table = da_df(adata, sort=False)
    assert table.columns[0] == "group"
    for group in ("Mid", "Old"):
        assert table[table["group"] == group].drop(columns="group").equals(da_df(adata, group=group, sort=False))


def test_fold_changes_may_be_to_base_2(analysed):
    natural, log2 = (da_df(analysed, log2=log2, sort=False) for log2 in (False, True))
    for name in ("lfc", "log_ratio_group"):
        np.testing.assert_allclose(2 ** log2[name], np.exp(natural[name]))
    assert log2["lfc_zscore"].equals(natural["lfc_zscore"])
