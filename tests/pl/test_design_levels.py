"""Plots of effects of a design: levels of its variable stand in the place of two conditions."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._runs.design_fits import design_fits
from kompot_scverse._runs.design_levels import design_levels
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.run_samples import samples_of

CALL = {"sample_key": "sample", "layer": "logged_counts", "cell_groups": "branch"}


@pytest.fixture(scope="module")
def study() -> AnnData:
    rows = pd.DataFrame({"donor": np.repeat(list("abcdef"), 3), "day": np.tile([0, 3, 7], 6)})
    rows["sex"] = np.where(rows["donor"].isin(list("abc")), "F", "M")
    rows["age"] = rows["donor"].map(dict(zip("abcdef", [22.5, 31, 44, 52, 66, 75], strict=True))) + rows["day"] / 365
    rows["change"] = rows["day"] / 7
    data = kp.datasets.simulate(
        900, 40, samples=rows.set_index(rows["donor"] + rows["day"].astype(str)), donor="donor", frac_de=0.3,
        effect_size=1.5, density=0.4, settings=kp.datasets.SimulationSettings(frac_local=0, frac_outliers=0),
    )  # fmt: skip
    kp.tl.de(data, kp.Design("~ C(day) + sex", test="C(day)", block="donor"), **CALL)
    kp.tl.de(data, kp.Design("~ age * sex", test=["age", "age:sex"]), key_added="ages", **CALL)
    kp.tl.da(data, kp.Design("~ poly(day, 2)", test="day", block="donor"), sample_key="sample")
    return data


def view(data, analysis="de", **which):
    return find_view(data, analysis, **which)


def test_levels_are_values_bins_or_combinations(study):
    days = design_levels(view(study, group="C_day"))
    assert (days.variable, days.names, days.ordered) == ("day", ("0", "3", "7"), True)
    np.testing.assert_array_equal(np.array([0, 3, 7])[days.codes], study.obs["day"])
    ages = design_levels(view(study, key_added="ages", group="age"))
    assert len(ages.names) == 4
    assert ages.names[0].startswith("22.5 to ")
    # bins of samples, in the order of the number
    own = study.obs.assign(bin=ages.codes).groupby("bin")["age"].agg(["min", "max"])
    assert (own["max"].iloc[:-1].to_numpy() < own["min"].iloc[1:].to_numpy()).all()
    both = design_levels(view(study, key_added="ages", group="age_sex"))
    assert both.variable == "age, sex"
    assert all(name.endswith((", F", ", M")) for name in both.names)


def test_a_heatmap_has_a_strip_for_each_level(study):
    names = list(study.var_names[:5])
    options = {"genes": names, "cluster": False, "standard_scale": None, "show": False}
    ax = kp.pl.heatmap(study, "branch", group="C_day_T.7", **options)
    values = ax.collections[0].get_array().reshape(3, len(names), -1)
    table = pd.DataFrame(study.layers["logged_counts"][:, :5].toarray(), columns=names)
    table["branch"], table["day"] = study.obs["branch"].to_numpy(), study.obs["day"].to_numpy()
    means = table.groupby(["day", "branch"], observed=True)[names].mean()
    shown = [text.get_text() for text in ax.get_xticklabels()]
    for level, day in enumerate((0, 3, 7)):
        np.testing.assert_allclose(values[level], means.loc[day].loc[shown].to_numpy().T, rtol=1e-5)
    assert ax.get_title() == "day: 0 → 3 → 7"
    # of an effect without one fold change the genes of the smallest p
    ax = kp.pl.heatmap(study, "branch", group="C_day", n_genes=4, cluster=False, show=False)
    shown = [text.get_text() for text in ax.get_yticklabels()]
    assert shown == study.var["kompot_de_C_day_pvalue"].sort_values().index[:4].to_list()


def test_samples_of_a_design_are_those_of_its_test(study):
    samples = samples_of(view(study, group="C_day"))
    assert samples.levels == ("0", "3", "7")
    np.testing.assert_array_equal(np.bincount(samples.level), [6, 6, 6])
    assert samples.shared == "donor"
    np.testing.assert_array_equal(np.bincount(samples.design.block), 3)
    assert samples.design.contrast.shape == (4, 2)
    of_sample = study.obs.groupby(samples.codes)["day"].first().to_numpy()
    np.testing.assert_array_equal(of_sample, np.array([0, 3, 7])[samples.level])
    with pytest.raises(LookupError, match="had 18 samples, and .* now has 17"):
        samples_of(view(study[study.obs["sample"] != "a0"].copy(), group="C_day"))


def test_functions_of_samples_are_about_their_row_of_the_design(study):
    number = int(np.flatnonzero(study.var["is_de"])[0])
    fits, samples = design_fits(view(study, group="C_day_T.7"), number)
    days = [(study.obs["day"] == day).to_numpy() for day in (0, 7)]
    for role, day in (("0", 0), ("7", 7)):
        smoothed = kp.get.layer(study, "imputed", group="C_day_T.7", at={"day": day})[:, number]
        np.testing.assert_allclose(fits.phi @ fits.condition_weights[role], smoothed, rtol=1e-4, atol=1e-4)
    # they follow their own cells
    means = np.array([fits.means(samples.codes == s)[s] for s in range(18)])
    observed = np.array([fits.values[samples.codes == s].mean() for s in range(18)])
    assert np.corrcoef(means, observed)[0, 1] > 0.8
    assert sum(one.sum() for one in days) < len(study)


def test_replicates_stand_in_the_order_of_the_number(study):
    gene = study.var_names[0]
    ax = kp.pl.replicates(study, gene, key_added="ages", group="age", along="branch", show=False)
    samples = samples_of(view(study, key_added="ages", group="age"))
    places, ages = [], study.obs.groupby(samples.codes)["age"].first().to_numpy()
    for line in ax.lines:
        if line.get_marker() == "o" and line.get_label() in {
            f"{name}_{full}" for name in samples.levels for full in (True, False)
        }:
            places += [x for x in line.get_xdata() if x < 0.5]
    assert len(places) == 18
    assert len(set(np.round(places, 6))) == len(set(ages)) == 18
    ax = kp.pl.replicates(study, gene, group="C_day", show=False)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[:3] == ["0 (6 samples)", "3 (6 samples)", "7 (6 samples)"]
    assert "same donor" in texts


def test_strips_of_levels(study):
    ax = kp.pl.proportions(study, "branch", show=False)
    assert [text.get_text() for text in ax.get_legend().get_texts()][0] == "0 (6 samples)"
    assert len([line for line in ax.lines if line.get_label() == "_7"]) == study.obs["branch"].nunique()
    panels = kp.pl.pseudobulk(study, list(study.var_names[:2]), group="C_day", show=False)
    assert len(panels.axes) == 2


def test_abundance_of_levels(study):
    found = study.obs["kompot_da_day_lfc_qvalue"] <= 0.1
    ax = kp.pl.volcano_da(study, show=False)
    (high,) = [t.get_text() for t in ax.get_legend().get_texts() if t.get_text().startswith("highest at 7")]
    assert high == f"highest at 7 ({(found & (study.obs['kompot_da_day_highest'] == '7')).sum():,})"
    with pytest.raises(ValueError, match="`min_lfc=1.0` is for effects with a direction"):
        kp.pl.volcano_da(study, min_lfc=1.0, show=False)
    ax = kp.pl.direction_barplot(study, "branch", normalize=False, show=False)
    widths = {bars.get_label(): sum(bar.get_width() for bar in bars) for bars in ax.containers}
    assert widths["neutral"] == (~found).sum()
    kp.pl.embedding(study, "umap", color=["highest", "largest_lfc"], show=False)


def test_what_several_coefficients_have_none_of(study):
    for draw in (
        lambda: kp.pl.gene_barplot(study, group="C_day", show=False),
        lambda: kp.pl.volcano_de(study, group="C_day", cell_group="HSC", show=False),
        lambda: kp.tl.programs(study, group="C_day"),
    ):
        with pytest.raises(LookupError, match="tests several coefficients together, so it has no"):
            draw()


def test_programs_of_an_effect(study):
    data = study.copy()
    kp.tl.programs(data, group="C_day_T.7", max_fdr=0.5)
    assert "kompot_de_C_day_T.7_program" in data.var
    assert kp.get.programs(data, group="C_day_T.7")["n_genes"].sum() >= 4
