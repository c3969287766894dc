"""Formulas in the place of `groupby`: equal to the shorthand, found where they were planted, and known to everything else."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad
from mudata import MuData

import kompot_scverse as kp

DAYS = kp.Design("~ C(day) + sex", test="C(day)", block="donor")
TREND = kp.Design("~ time + sex", test=["time", "sex"], block="donor")
CALL = {"sample_key": "sample", "layer": "logged_counts"}


def table() -> pd.DataFrame:
    rows = pd.DataFrame({"donor": np.repeat(list("abcdef"), 3), "day": np.tile([0, 3, 7], 6)})
    rows["sex"] = np.where(rows["donor"].isin(list("abc")), "F", "M")
    rows["time"] = rows["day"] + 0.5
    rows["change"] = rows["day"] / 7
    return rows.set_index(rows["donor"] + rows["day"].astype(str))


@pytest.fixture(scope="module")
def study() -> AnnData:
    return kp.datasets.simulate(
        1440, 60, samples=table(), donor="donor", frac_de=0.3, effect_size=1.5, density=0.4,
        settings=kp.datasets.SimulationSettings(frac_local=0, frac_outliers=0),
    )  # fmt: skip


@pytest.fixture(scope="module")
def days(study: AnnData) -> AnnData:
    data = study.copy()
    kp.tl.de(data, DAYS, cell_groups="branch", **CALL)
    return data


@pytest.fixture(scope="module")
def trend(study: AnnData) -> AnnData:
    data = study.copy()
    kp.tl.de(data, TREND, **CALL)
    return data


def test_any_difference_between_days_and_each_against_the_first(days):
    found = days.var
    called = found["kompot_de_C_day_is_de_sample_var"]
    assert called[found["is_de"]].mean() > 0.7
    assert called[~found["is_de"]].mean() < 0.1
    up = found["is_de"] & (found["true_lfc_mean"] > 0)
    assert (found["kompot_de_C_day_highest"][up] == "7").mean() > 0.8
    late = found["kompot_de_C_day_T.7_mean_lfc"]
    assert np.corrcoef(late[found["is_de"]], found["true_lfc_mean"][found["is_de"]])[0, 1] > 0.8
    levels = days.varm["kompot_de_C_day_level_lfc"]
    assert levels.columns.to_list() == ["0", "3", "7"]
    np.testing.assert_allclose(levels["7"], late, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["kompot_de_C_day_largest_lfc"], np.ptp(levels.to_numpy(), axis=1), rtol=1e-6)


def test_a_slope_is_per_unit(trend, days):
    slope, late = trend.var["kompot_de_time_mean_lfc"], days.var["kompot_de_C_day_T.7_mean_lfc"]
    changed = trend.var["is_de"]
    assert np.corrcoef(slope[changed], late[changed])[0, 1] > 0.9
    assert np.polyfit(late[changed], slope[changed], 1)[0] == pytest.approx(1 / 7, rel=0.3)
    # nothing differs between the sexes
    assert trend.var["kompot_de_sex_is_de_sample_var"].mean() < 0.1
    assert trend.var["kompot_de_time_is_de_sample_var"][changed].mean() > 0.7


def test_two_conditions_are_the_shorthand(study):
    """Same p, z and fields; the shorthand names samples by condition and label."""
    two = study[study.obs["day"] != 3].copy()
    two.obs["when"] = two.obs["day"].map({0: "before", 7: "later"}).astype("category")
    short, long = two.copy(), two.copy()
    kp.tl.de(short, "when", reference="before", groups="later", sample_key="donor", layer="logged_counts")
    kp.tl.de(long, kp.Design("~ when", test="when"), **CALL)
    for name in ("pvalue", "qvalue", "mean_lfc", "effect_sd", "noise_sd", "mahalanobis_sample_var", "is_de_sample_var"):
        np.testing.assert_allclose(
            long.var[f"kompot_de_when_{name}"], short.var[f"kompot_de_before_to_later_{name}"], rtol=1e-5, atol=1e-7
        )
    for name in ("fold_change", "fold_change_std_sample_var", "lfc_zscore"):
        first, second = (
            np.asarray(d.layers[f"kompot_de_{c}_{name}"]) for d, c in ((long, "when"), (short, "before_to_later"))
        )
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5)
    # a number 0 or 1 is the same as a category
    two.obs["late"] = (two.obs["day"] == 7).astype(float)
    kp.tl.de(two, kp.Design("~ late", test="late"), **CALL)
    np.testing.assert_allclose(two.var["kompot_de_late_pvalue"], long.var["kompot_de_when_pvalue"], rtol=1e-8)
    np.testing.assert_allclose(
        two.var["kompot_de_late_mean_lfc"], long.var["kompot_de_when_mean_lfc"], rtol=1e-6, atol=1e-9
    )


def test_another_formula_of_the_same_model(days, study):
    data = study.copy()
    contrasts = {"late": {"C(day)[7]": 1, "C(day)[0]": -1}}
    kp.tl.de(data, kp.Design("~ 0 + C(day) + sex", contrasts=contrasts, block="donor"), **CALL)
    np.testing.assert_allclose(data.var["kompot_de_late_pvalue"], days.var["kompot_de_C_day_T.7_pvalue"], rtol=1e-6)
    np.testing.assert_allclose(
        data.var["kompot_de_late_mean_lfc"], days.var["kompot_de_C_day_T.7_mean_lfc"], rtol=1e-4, atol=1e-6
    )


def test_runs_know_designs(days, study):
    runs = kp.get.runs(days)
    assert runs["group"].to_list() == ["C_day", "C_day_T.3", "C_day_T.7"]
    assert (runs["groupby"] == "~ C(day) + sex").all()
    info = kp.RunInfo(days, 0, analysis="de")
    assert info.params["block"] == "donor"
    assert "C(day) of ~ C(day) + sex" in str(info)
    again = {"kp": kp, "adata": study.copy()}
    exec(info.call(), again)
    np.testing.assert_array_equal(again["adata"].var["kompot_de_C_day_pvalue"], days.var["kompot_de_C_day_pvalue"])


def test_round_trip_and_layers(days, tmp_path):
    path = tmp_path / "days.h5ad"
    kept = days.copy()
    kept.write_h5ad(path)
    back = read_h5ad(path)
    key = "kompot_de_C_day_T.7_fold_change"
    stored = np.asarray(back.layers[key])
    np.testing.assert_allclose(kp.get.layer(back, "fold_change", group="C_day_T.7"), stored, rtol=1e-5, atol=1e-6)
    with pytest.raises(LookupError, match="tests several contrasts together"):
        kp.get.layer(back, "fold_change", group="C_day")
    with pytest.raises(LookupError, match="no two conditions"):
        kp.get.layer(back, "imputed_group", group="C_day_T.7")


def test_tables_know_levels_and_contrasts(days):
    whole = kp.get.de_df(days, group="C_day")
    assert {"largest_lfc", "highest", "pvalue", "qvalue", "is_de"} <= set(whole)
    assert "mean_lfc" not in whole
    assert whole["pvalue"].is_monotonic_increasing
    assert len(kp.get.de_df(days, group="C_day", max_fdr=0.05)) == days.var["kompot_de_C_day_is_de_sample_var"].sum()
    assert "mean_lfc" in kp.get.de_df(days, group="C_day_T.7")
    assert set(kp.get.de_df(days)["group"]) == {"C_day", "C_day_T.3", "C_day_T.7"}
    in_category = kp.get.de_df(days, group="C_day", cell_group="HSC")
    assert {"pvalue", "qvalue"} <= set(in_category)
    assert "mean_lfc" not in in_category
    # which level is highest there: as the fields of the levels say
    cells = (days.obs["branch"] == "HSC").to_numpy()
    at = [
        kp.get.layer(days, "imputed", group="C_day_T.7", at={"day": day}, cells=cells).mean(axis=0) for day in (0, 3, 7)
    ]
    expected = pd.Series(np.argmax(at, axis=0), index=days.var_names)[in_category.index]
    assert (in_category["highest"].cat.codes == expected).mean() > 0.98
    np.testing.assert_allclose(
        in_category["largest_lfc"],
        np.ptp(at, axis=0)[days.var_names.get_indexer(in_category.index)],
        rtol=1e-3,
        atol=1e-4,
    )
    assert "lfsr" in kp.get.de_df(days, group="C_day_T.7", cell_group="HSC")


def test_scanpys_format(days):
    import scanpy as sc

    data = days.copy()
    kp.tl.rank_genes_groups(data, group=["C_day_T.3", "C_day_T.7"], key_added="days")
    assert set(sc.get.rank_genes_groups_df(data, group=None, key="days")["group"].astype(str)) == {
        "C_day_T.3",
        "C_day_T.7",
    }
    kp.tl.rank_genes_groups(data, group="C_day", key_added="any")
    first = sc.get.rank_genes_groups_df(data, group="C_day", key="any")
    assert first["scores"].is_monotonic_decreasing


def test_plots_know_designs(days, trend):
    ax = kp.pl.volcano_de(trend, group="time", show=False)
    assert ax.get_xlabel() == "mean log fold change (per unit of time)"
    assert any("rises with time" in text.get_text() for text in ax.get_legend().get_texts())
    ax = kp.pl.volcano_de(days, group="C_day", show=False)
    assert any("highest at 7" in text.get_text() for text in ax.get_legend().get_texts())
    kp.pl.embedding(trend, "umap", color=trend.var_names[0], group="time", show=False)
    kp.pl.heatmap(trend, cell_groups="branch", kind="fold_change", group="time", show=False)
    assert kp.pl.heatmap(trend, cell_groups="branch", group="time", show=False).get_title() == "time: 0.5 → 3.5 → 7.5"


def test_the_plan_knows_designs(study):
    plan = kp.pp.plan(study, "de", DAYS, **CALL)
    assert "4 coefficients, effects: C(day), C(day)[T.3], C(day)[T.7]" in str(plan)
    # six donors with three samples each
    assert "fields of blocks" in str(plan)
    assert " 54 × " in str(plan)
    alone = kp.pp.plan(study, "de", kp.Design("~ C(day) + sex", test="C(day)"), **CALL)
    assert "fields of blocks" not in str(alone)
    assert alone.peak_memory < plan.peak_memory


def test_genes_of_another_call_are_kept_with_the_same_design_only(study):
    data = study.copy()
    kp.tl.de(data, TREND, genes=list(data.var_names[:20]), **CALL)
    first = data.var["kompot_de_time_pvalue"].copy()
    kp.tl.de(data, TREND, genes=list(data.var_names[20:40]), overwrite=True, **CALL)
    np.testing.assert_array_equal(data.var["kompot_de_time_pvalue"][:20], first[:20])
    other = kp.Design("~ time", test="time", block="donor")
    with pytest.warns(UserWarning, match="lose what run"):
        kp.tl.de(data, other, genes=list(data.var_names[40:]), overwrite=True, **CALL)
    assert data.var["kompot_de_time_pvalue"][:40].isna().all()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"groupby": DAYS, "reference": "x"}, ValueError, "`reference` cannot stand beside a `kp.Design`"),
        ({"groupby": DAYS, "groups": "x", "paired": True}, ValueError, "`groups` and `paired` cannot stand beside"),
        ({"groupby": "day"}, TypeError, "`reference` is missing"),
        ({"groupby": DAYS, "gp": kp.GPSettings.kompot()}, ValueError, "knows no formulas"),
    ],
)
def test_arguments_that_do_not_go_together(study, arguments, error, match):
    with pytest.raises(error, match=match):
        kp.tl.de(study, **CALL | arguments)


@pytest.fixture(scope="module")
def abundance(study: AnnData) -> AnnData:
    data = study.copy()
    kp.tl.da(data, DAYS, sample_key="sample")
    kp.tl.da(data, kp.Design("~ time + sex", test="time", block="donor"), sample_key="sample", key_added="slope")
    return data


def test_abundance_follows_time(abundance):
    truth = abundance.obs["true_log_density_lfc"].to_numpy()
    slope = 7 * abundance.obs["slope_time_lfc"].to_numpy()
    assert np.corrcoef(slope, truth)[0, 1] > 0.8
    assert 0.4 < np.polyfit(truth, slope, 1)[0] < 1.3
    late = abundance.obs["kompot_da_C_day_T.7_lfc"].to_numpy()
    assert np.corrcoef(late, truth)[0, 1] > 0.8
    found = abundance.obs["kompot_da_C_day_lfc_qvalue"] <= 0.1
    assert found.mean() > 0.1
    assert np.abs(truth[found]).mean() > np.abs(truth[~found]).mean()
    highest = abundance.obs["kompot_da_C_day_highest"].astype(str)
    assert (highest[truth > 0.5] == "7").mean() > 0.6
    # the highest level, as the direction of one contrast, is that of the replicate test
    tested = np.column_stack(
        [np.zeros(len(truth)), *(abundance.obs[f"kompot_da_C_day_T.{day}_neighborhood_lfc"] for day in (3, 7))]
    )
    np.testing.assert_allclose(
        abundance.obs["kompot_da_C_day_neighborhood_largest_lfc"], np.ptp(tested, axis=1), rtol=1e-6, atol=1e-9
    )
    assert (highest == np.array(["0", "3", "7"])[tested.argmax(axis=1)]).all()
    directions = abundance.obs["slope_time_lfc_direction_sample_var"]
    assert (truth[directions == "up"] > 0).mean() > 0.9


def test_abundance_of_two_conditions_is_the_shorthand(study):
    two = study[study.obs["day"] != 3].copy()
    two.obs["when"] = two.obs["day"].map({0: "before", 7: "later"}).astype("category")
    kp.tl.da(two, "when", reference="before", groups="later", sample_key="donor")
    kp.tl.da(two, kp.Design("~ when", test="when"), sample_key="sample")
    for name in ("lfc", "lfc_pvalue", "lfc_qvalue", "neighborhood_lfc", "lfc_zscore_sample_var", "lfsr_sample_var"):
        np.testing.assert_allclose(
            two.obs[f"kompot_da_when_{name}"], two.obs[f"kompot_da_before_to_later_{name}"], rtol=1e-3, atol=1e-4
        )


def test_abundance_tables_and_plots(abundance):
    whole = kp.get.da_df(abundance, group="C_day", run_id=0)
    assert whole.columns.to_list() == ["pvalue", "qvalue", "largest_lfc", "neighborhood_largest_lfc", "highest"]
    assert (kp.get.da_df(abundance, group="C_day", run_id=0, min_lfc=1)["largest_lfc"] >= 1).all()
    with pytest.raises(LookupError, match="no direction"):
        kp.get.da_df(abundance, group="C_day", run_id=0, direction="up")
    assert "direction" in kp.get.da_df(abundance, key_added="slope")
    ax = kp.pl.volcano_da(abundance, key_added="slope", show=False)
    assert ax.get_xlabel() == "log fold change of density (per unit of time)"
    kp.pl.direction_barplot(abundance, "branch", key_added="slope", show=False)
    kp.pl.embedding(abundance, "umap", color="lfc", key_added="slope", show=False)
    assert kp.RunInfo(abundance, 0, analysis="da").params["formula"] == "~ C(day) + sex"


def test_abundance_by_density_knows_no_formulas(study):
    with pytest.raises(ValueError, match="method='density'"):
        kp.tl.da(study, DAYS, sample_key="sample", method="density")


def test_blocks_are_in_the_fields(study):
    """Between donors the standard deviation grows, and within them it shrinks."""
    data = study.copy()
    data.obs["old"] = data.obs["donor"].astype(str).isin(list("ace")).astype(float)
    for key, block in (("alone", None), ("blocked", "donor")):
        design = kp.Design("~ old + time", test=["old", "time"], block=block)
        kp.tl.de(data, design, key_added=key, genes=list(data.var_names[~data.var["is_de"]]), **CALL)
    assert kp.RunInfo(data, -1, analysis="de").params["block_share"] > 0.2
    ratio = {}
    for effect in ("old", "time"):
        first, second = (
            kp.get.layer(data, "fold_change_std", key_added=key, group=effect) for key in ("alone", "blocked")
        )
        ratio[effect] = np.nanmedian(second / first)
    assert ratio["old"] > 1.05
    assert ratio["time"] < 0.99


def test_cells_without_samples(study, caplog):
    """The test of the cells: of two conditions that of the shorthand, and of a formula adjusted for the rest."""
    data = study[study.obs["day"] != 3].copy()
    data.obs["when"] = data.obs["day"].map({0: "before", 7: "later"}).astype("category")
    kp.tl.de(data, "when", reference="before", groups="later", layer="logged_counts")
    kp.tl.de(data, kp.Design("~ when", test="when"), layer="logged_counts", key_added="same")
    assert "about the cells measured" in caplog.text
    np.testing.assert_allclose(
        data.var["same_when_mean_lfc"], data.var["kompot_de_before_to_later_mean_lfc"], rtol=1e-5, atol=1e-7
    )
    first, second = data.var["same_when_pvalue_cells"], data.var["kompot_de_before_to_later_pvalue_cells"]
    assert np.corrcoef(np.log(first), np.log(second))[0, 1] > 0.999
    kp.tl.de(study.copy(), kp.Design("~ C(day)", test="C(day)"), layer="logged_counts")
    kp.tl.da(data, kp.Design("~ when", test="when"))
    assert "kompot_da_when_lfc" in data.obs
    rng = np.random.default_rng(0)
    data.obs["random"] = rng.permutation(np.tile([0.5, 1, 2.5, 4], len(data))[: len(data)])
    kp.tl.de(data, kp.Design("~ random + when", test="random"), layer="logged_counts", key_added="noise")
    assert (data.var["noise_random_pvalue_cells"] < 0.05).mean() < 0.2


def test_expression_at_any_values(trend, days):
    """The mean is linear in the fields of the coefficients; its variance is that of the effect where only this changes."""
    genes = list(trend.var_names[:6])
    early, late = (
        kp.get.layer(trend, "imputed", group="time", at={"time": t, "sex": "F"}, genes=genes) for t in (0.5, 7.5)
    )
    slope = kp.get.layer(trend, "fold_change", group="time", genes=genes)
    np.testing.assert_allclose(late - early, 7 * slope, rtol=1e-3, atol=1e-4)
    std = kp.get.layer(trend, "std", group="time", at={"time": 4, "sex": "F"}, genes=genes)
    assert (std > 0).all()
    wide = kp.get.layer(trend, "std", group="time", at={"time": 7.5, "sex": "F"}, genes=genes)
    assert (wide.mean(axis=0) > std.mean(axis=0)).all()
    # close to the cells of such samples
    own = (trend.obs["time"] == 7.5).to_numpy()
    found = kp.get.layer(trend, "imputed", group="time", at={"time": 7.5})[own].mean(axis=0)
    observed = np.asarray(trend.layers["logged_counts"][own].mean(axis=0)).ravel()
    assert np.corrcoef(found, observed)[0, 1] > 0.95
    assert np.abs(found - observed).mean() < 0.15
    with pytest.warns(UserWarning, match="outside the observed range, 0.5 to 7.5"):
        kp.get.layer(trend, "imputed", group="time", at={"time": 10}, genes=genes)
    # a category: two days differ by the effect, and so do their variances with the covariance
    first, last = (kp.get.layer(days, "imputed", group="C_day_T.7", at={"day": d}, genes=genes) for d in (0, 7))
    change = kp.get.layer(days, "fold_change", group="C_day_T.7", genes=genes)
    np.testing.assert_allclose(last - first, change, rtol=1e-3, atol=1e-4)
    with pytest.raises(
        ValueError, match=r"'day' is a category in the design, so it has no value 5 between .*: 0, 3, 7\. A curve has"
    ):
        kp.get.layer(days, "imputed", group="C_day_T.7", at={"day": 5}, genes=genes)
    with pytest.raises(ValueError, match="'old'}` is no number"):
        kp.get.layer(trend, "imputed", group="time", at={"time": "old"}, genes=genes)
    with pytest.raises(KeyError, match="category of 'sex'"):
        kp.get.layer(trend, "imputed", group="time", at={"sex": "X"})
    with pytest.raises(KeyError, match="variable of the design"):
        kp.get.layer(trend, "imputed", group="time", at={"age": 3})
    with pytest.raises(ValueError, match="gives 'imputed' or 'std'"):
        kp.get.layer(trend, "lfsr", group="time", at={"time": 3})


def test_expression_at_values_of_an_overwritten_design(days):
    data = days.copy()
    kp.tl.de(data, kp.Design("~ time", test="time"), overwrite=True, **CALL)
    with pytest.raises(ValueError, match="overwritten by run 3, so the layers of run 2 cannot be built"):
        kp.get.layer(data, "imputed", group="C_day_T.7", at={"day": 7})


def test_cleanup_and_restore(trend):
    data = trend.copy()
    layers = {key: np.asarray(data.layers[key]) for key in data.layers if key is not None and key.startswith("kompot")}
    kp.tl.cleanup(data)
    assert not [key for key in data.layers if key is not None and key.startswith("kompot")]
    for number in (0, 1):
        kp.tl.restore_layers(data, run_id=number)
    assert {key for key in data.layers if key is not None and key.startswith("kompot")} == set(layers)
    for key, values in layers.items():
        np.testing.assert_allclose(np.asarray(data.layers[key]), values, rtol=1e-4, atol=1e-5)


def test_designs_of_several_modalities(study):
    parts = {
        name: AnnData(
            study.layers["logged_counts"][:, own].copy(), obs=study.obs[[]].copy(), var=study.var[[]].iloc[own].copy()
        )
        for name, own in (("rna", slice(0, 40)), ("prot", slice(40, 60)))
    }
    mdata = MuData(parts)
    mdata.obs = study.obs[["sample", "donor", "day", "sex", "time"]].copy()
    mdata.obsm["X_joint"] = study.obsm["DM_EigenVectors"]
    kp.tl.de(mdata, TREND, sample_key="sample")
    kp.tl.da(mdata, kp.Design("~ time + sex", test="time", block="donor"), sample_key="sample")
    assert {"kompot_de_time_pvalue", "kompot_de_sex_pvalue"} <= set(mdata["prot"].var)
    assert "kompot_da_time_lfc" in mdata.obs
    assert len(kp.get.de_df(mdata, group="time")) == 60
    assert kp.get.layer(mdata, "imputed", mod="prot", group="time", at={"time": 3}).shape == (1440, 20)
