import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import kompot_scverse.pl as pl
import kompot_scverse.tl as tl
from kompot_scverse import Design
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.sample_fits import sample_fits
from kompot_scverse.settings import GPSettings, TestSettings

PREFIX = "kompot_de"


def points(ax) -> np.ndarray:
    """Of all samples: one row each."""
    drawn = [
        line
        for line in ax.lines
        if line.get_label() in {f"{r}_{f}" for r in ("reference", "group") for f in (True, False)}
    ]
    return np.concatenate([np.column_stack(line.get_data()) for line in drawn])


def of_category(ax, number: int) -> dict[str, np.ndarray]:
    """Values of the samples in a category, in the order of their labels."""
    xy = points(ax)
    xy = xy[(np.abs(xy[:, 0] - number) < 0.5)]
    xy = xy[np.argsort(xy[:, 0])]
    return {"Young": xy[xy[:, 0] < number, 1], "Old": xy[xy[:, 0] > number, 1]}


def test_samples_are_the_condition_and_a_field_of_their_own(replicated):
    """Best linear prediction of the sample's field, from the dense covariance of its cells."""
    gene = 3
    ax = pl.replicates(replicated, replicated.var_names[gene], along="branch")
    features = np.asarray(replicated.obsm[f"{PREFIX}_basis"], dtype=np.float64)
    y = replicated.layers["logged_counts"][:, gene].toarray()[:, 0]
    sample, noise = (replicated.var[f"{PREFIX}_Young_to_Old_{name}_sd"].iloc[gene] for name in ("sample", "noise"))
    # the prior variance of constant and states is 2
    amplitude = sample**2 / 2
    place = (replicated.obs["branch"] == "HSC").to_numpy() & replicated.obs["Age"].isin(["Young", "Old"]).to_numpy()
    values = of_category(ax, list(replicated.obs["branch"].cat.categories).index("HSC"))
    for age, label in (("Young", "Young_1"), ("Old", "Old_2")):
        own = (replicated.obs["Replicate"] == label).to_numpy()
        condition = features @ np.asarray(replicated.varm[f"{PREFIX}_{age}_weights"][gene], dtype=np.float64)
        covariance = amplitude * features[own] @ features[own].T + noise**2 * np.eye(own.sum())
        field = amplitude * features[place] @ features[own].T @ np.linalg.solve(covariance, (y - condition)[own])
        expected = (condition[place] + field).mean()
        np.testing.assert_allclose(values[age][int(label[-1]) - 1], expected, rtol=1e-4)


def test_samples_of_the_model_of_kompot_are_ridge_regressions(replicated):
    options = {"reference": "Young", "groups": "Old", "sample_key": "Replicate", "layer": "logged_counts"}
    tl.de(replicated, "Age", gp=GPSettings.kompot(), key_added="k", **options)
    ax = pl.replicates(replicated, replicated.var_names[3], along="branch", key_added="k")
    basis = np.asarray(replicated.obsm["k_basis"], dtype=np.float64)
    y = replicated.layers["logged_counts"][:, 3].toarray()[:, 0]
    cells = (replicated.obs["branch"] == "HSC").to_numpy() & replicated.obs["Age"].isin(["Young", "Old"]).to_numpy()
    values = of_category(ax, list(replicated.obs["branch"].cat.categories).index("HSC"))
    for age, label in (("Young", "Young_1"), ("Old", "Old_2")):
        own = (replicated.obs["Replicate"] == label).to_numpy()
        ridge = Ridge(alpha=1.0, fit_intercept=False).fit(basis[own], y[own])
        np.testing.assert_allclose(values[age][int(label[-1]) - 1], ridge.predict(basis[cells]).mean(), rtol=1e-5)


def test_every_sample_has_a_point_in_every_category(replicated, unchanged, assert_not_clipped):
    with unchanged(replicated):
        ax = pl.replicates(replicated, replicated.var_names[0])
    branches = replicated.obs["branch"].cat.categories
    assert [label.get_text() for label in ax.get_xticklabels()] == list(branches)
    fits = sample_fits(find_view(replicated, "de"), 0)
    assert [label for _, label in fits.names] == [f"{age}_{n}" for age in ("Young", "Old") for n in (1, 2, 3)]
    for number, branch in enumerate(branches):
        values = of_category(ax, number)
        expected = fits.means((replicated.obs["branch"] == branch).to_numpy())
        np.testing.assert_allclose([*values["Young"], *values["Old"]], expected)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[:2] == ["Young (3 samples)", "Old (3 samples)"]
    assert ax.get_title() == replicated.var_names[0]
    assert_not_clipped(ax.figure)


def test_hollow_points_are_samples_with_few_cells(replicated):
    ax = pl.replicates(replicated, replicated.var_names[0])
    sizes = pd.crosstab(replicated.obs["Replicate"], replicated.obs["branch"]).drop(index=["Mid_1", "Mid_2"])
    hollow = sum(len(line.get_xdata()) for line in ax.lines if line.get_label() in ("reference_False", "group_False"))
    assert hollow == (sizes < 10).to_numpy().sum()


def test_bars_are_the_means_of_their_points_and_dashes_those_of_the_cells(replicated):
    gene = replicated.var_names[5]
    ax = pl.replicates(replicated, gene, along="branch")
    bars = {round(line.get_xdata().mean(), 3): line.get_ydata()[0] for line in ax.lines if line.get_linewidth() == 2.5}
    number = list(replicated.obs["branch"].cat.categories).index("HSC")
    values, of_samples = of_category(ax, number), replicated.obs["Replicate"].astype(str)
    cells, y = replicated.obs["branch"] == "HSC", replicated[:, gene].layers["logged_counts"].toarray()[:, 0]
    for age, side, role in (("Young", -0.2, "reference"), ("Old", 0.2, "group")):
        assert bars[round(number + side, 3)] == pytest.approx(values[age].mean())
        dashes = [line for line in ax.lines if line.get_label() == f"{role}_observed"][number].get_ydata()
        labels = sorted(label for label in of_samples.unique() if label.startswith(age))
        expected = [y[(cells & (of_samples == label)).to_numpy()].mean() for label in labels]
        np.testing.assert_allclose(dashes, expected, rtol=1e-6)


@pytest.mark.parametrize("along", ["pseudotime", ("DM_EigenVectors", 1), ("X_DM_EigenVectors", 1)])
def test_every_sample_has_a_line_along_an_axis(replicated, along, assert_not_clipped):
    ax = pl.replicates(replicated, replicated.var_names[0], along=along, alpha=0.4)
    samples = [line for line in ax.lines if line.get_label() in ("reference", "group")]
    assert [line.get_label() for line in samples] == ["reference"] * 3 + ["group"] * 3
    assert {line.get_alpha() for line in samples} == {0.4}
    x, y = samples[0].get_xdata(), np.array([line.get_ydata() for line in samples])
    assert np.isfinite(y).mean() > 0.8
    assert (np.diff(x) > 0).all()
    # equal numbers of cells in each stretch: a line is on average what the sample is over all cells
    fits = sample_fits(find_view(replicated, "de"), 0)
    whole = np.isfinite(y).all(axis=1)
    everywhere = fits.means(np.ones(replicated.n_obs, dtype=bool))
    np.testing.assert_allclose(y[whole].mean(axis=1), everywhere[whole], rtol=0.01)
    assert ax.get_xlabel() == ("pseudotime" if along == "pseudotime" else "DM_EigenVectors 2")
    assert_not_clipped(ax.figure)


def test_pairs_are_joined(replicated):
    assert not [
        line for line in pl.replicates(replicated, replicated.var_names[0]).lines if line.get_label() == "_pair"
    ]
    replicated.obs["donor"] = replicated.obs["Replicate"].astype(str).str[-1].astype("category")
    options = {"reference": "Young", "groups": "Old", "sample_key": "donor", "layer": "logged_counts"}
    tl.de(replicated, "Age", test=TestSettings(null_genes=0), key_added="paired", **options)
    ax = pl.replicates(replicated, replicated.var_names[0], key_added="paired", along="branch")
    pairs = [line for line in ax.lines if line.get_label() == "_pair"]
    assert len(pairs) == 3 * replicated.obs["branch"].nunique()
    ends = np.sort([line.get_ydata() for line in pairs[:3]], axis=0)
    first = of_category(ax, 0)
    np.testing.assert_allclose(ends, np.sort(np.column_stack([first["Young"], first["Old"]]), axis=0))
    assert "same donor" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_changed_data_warn(replicated):
    replicated.layers["logged_counts"] = replicated.layers["logged_counts"] * 2
    with pytest.warns(UserWarning, match="have changed: expression") as caught:
        pl.replicates(replicated, replicated.var_names[0])
    assert {warning.filename for warning in caught} == {__file__}


def test_a_choice_of_genes_is_no_change_and_one_of_cells_is(replicated):
    few = replicated[:, replicated.var_names[:3]].copy()
    pl.replicates(few, few.var_names[0])
    with pytest.warns(UserWarning, match="cells changed"):
        pl.replicates(few[: few.n_obs - 50].copy(), few.var_names[0])


def test_mask_of_the_run(adata):
    adata.obs["use"] = np.arange(adata.n_obs) % 5 > 0
    options = {"reference": "Young", "groups": "Old", "sample_key": "Replicate", "layer": "logged_counts"}
    tl.de(adata, "Age", mask_obs="use", test=TestSettings(null_genes=0), **options)
    pl.replicates(adata, adata.var_names[0], along="branch")
    adata.obs["use"] = True
    with pytest.warns(UserWarning, match="cells changed"):
        pl.replicates(adata, adata.var_names[0], along="branch")


def test_it_says_what_is_missing(analysed, replicated):
    with pytest.raises(LookupError, match=r"No replicates of run 0 .*; call `kp\.tl\.de\(\.\.\., sample_key="):
        pl.replicates(analysed, analysed.var_names[0])
    with pytest.raises(KeyError, match="existing: 'branch'"):
        pl.replicates(replicated, replicated.var_names[0], along="brnch")
    with pytest.raises(KeyError, match="existing: 'DM_EigenVectors'"):
        pl.replicates(replicated, replicated.var_names[0], along=("DM_Eigen", 0))
    with pytest.raises(ValueError, match="has dimensions 0 to"):
        pl.replicates(replicated, replicated.var_names[0], along=("DM_EigenVectors", 99))
    with pytest.raises(KeyError, match="No gene 'nope'"):
        pl.replicates(replicated, "nope")


def of_abundance(adata) -> tuple[pd.DataFrame, pd.Series]:
    """Log shares of the samples in the branches, less the mean over the conditions, and these means."""
    cells = adata.obs["Age"].isin(["Young", "Old"]).to_numpy()
    counts = pd.crosstab(adata.obs["Replicate"][cells].astype(str), adata.obs["branch"][cells])
    shares = np.log((counts + 0.5).div(counts.sum(axis=1) + 1, axis=0))
    level = shares.groupby(shares.index.str.split("_").str[0]).mean().mean()
    return shares - level, level


@pytest.mark.parametrize("method", ["ratio", "density"])
def test_abundance_of_each_sample_beside_the_density_of_its_condition(replicated, method, assert_not_clipped):
    if method == "density":
        tl.da(replicated, "Age", reference="Young", groups="Old", sample_key="Replicate", method=method, overwrite=True)
    ax = pl.replicates(replicated, along="branch")
    expected, level = of_abundance(replicated)
    cells = replicated.obs["Age"].isin(["Young", "Old"]).to_numpy()
    log = {age: replicated.obs[f"kompot_da_{age}_log_{method}"].to_numpy() for age in ("Young", "Old")}
    sizes = {age: (replicated.obs["Age"] == age).sum() for age in log}
    pooled = sum(sizes[age] / cells.sum() * np.exp(log[age]) for age in log)
    for number, branch in enumerate(replicated.obs["branch"].cat.categories):
        inside = cells & (replicated.obs["branch"] == branch).to_numpy()
        for age in ("Young", "Old"):
            own = {full: drawn_at(ax, f"{age}_{full}", number) for full in (True, False)}
            values = np.concatenate(list(own.values()))
            values = values[np.argsort(values[:, 0]), 1]
            np.testing.assert_allclose(values, expected.loc[expected.index.str.startswith(age), branch])
            ratio = np.exp(log[age]) / pooled
            share = np.log(ratio[inside].sum() / ratio[cells].sum())
            dashes = drawn_at(ax, f"{age}_observed", number)[:, 1]
            np.testing.assert_allclose(dashes, share - level[branch])
            # the fields are of the same cells
            if method == "ratio":
                of_condition = np.log((inside & (replicated.obs["Age"] == age)).sum() / sizes[age])
                assert abs(share - of_condition) < 0.2
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "density of its condition" in texts
    assert ax.get_title() == "Young → Old"
    assert_not_clipped(ax.figure)


def drawn_at(ax, label: str, number: int) -> np.ndarray:
    lines = [np.column_stack(line.get_data()) for line in ax.lines if line.get_label() == label]
    drawn = np.concatenate(lines)
    return drawn[np.abs(drawn[:, 0] - number) < 0.5]


def test_abundance_along_an_axis(replicated):
    ax = pl.replicates(replicated, along="pseudotime")
    lines = {name: [line for line in ax.lines if line.get_label() == name] for name in ("Young", "Old")}
    assert {name: len(own) for name, own in lines.items()} == {"Young": 3, "Old": 3}
    (young,), (old,) = ([line for line in ax.lines if line.get_label() == f"{name}_all"] for name in lines)
    change = old.get_ydata() - young.get_ydata()
    # the mean of the log fold change over the cells of a part, up to how it varies there
    cells = replicated.obs["Age"].isin(["Young", "Old"]).to_numpy()
    order = np.argsort(replicated.obs["pseudotime"].to_numpy()[cells], kind="stable")
    lfc = replicated.obs["kompot_da_Young_to_Old_lfc"].to_numpy()[cells][order]
    expected = np.array([part.mean() for part in np.array_split(lfc, len(change))])
    np.testing.assert_allclose(change, expected, atol=0.12)
    assert np.ptp(change) > 0.5


def test_abundance_of_a_design_and_of_runs_that_have_no_samples(replicated, analysed):
    tl.da(replicated, Design("~ Age", test="Age"), sample_key="Replicate", key_added="design")
    ax = pl.replicates(replicated, along="branch", key_added="design", group="Age")
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[:3] == ["Young (3 samples)", "Mid (2 samples)", "Old (3 samples)"]
    assert not any(line.get_label().endswith("observed") for line in ax.lines)
    with pytest.raises(LookupError, match=r"No samples of run 1 .*sample_key"):
        pl.replicates(analysed, along="branch")
    with pytest.raises(ValueError, match="no `cell_groups`; pass `along=`"):
        pl.replicates(replicated, run_id=1)
