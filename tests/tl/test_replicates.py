"""The replicate tests inside `kp.tl.de` and `kp.tl.da`: against tests made by hand, and what may not matter."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kompot_scverse import GPSettings, RunInfo, TestSettings, get, tl
from kompot_scverse.datasets import simulate

K, D = "kompot_de_Young_to_Old", "kompot_da_Young_to_Old"
PAIR = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
NONE = TestSettings(null_genes=0)


@pytest.fixture(scope="module")
def study():
    """900 cells of two conditions with four samples each, in float64."""
    adata = simulate(900, 60, samples={"Young": 4, "Old": 4}, rng=3)
    adata.layers["logged_counts"] = adata.layers["logged_counts"].astype(np.float64)
    adata.obs["donor"] = adata.obs["Replicate"].astype(str).str[-1]
    return adata


def on_copy(tool, adata, **arguments):
    """A copy with the results."""
    found = adata.copy()
    tool(found, "Age", **arguments)
    return found


def de(adata, **arguments):
    return on_copy(tl.de, adata, layer="logged_counts", **PAIR | {"test": NONE} | arguments)


def assert_same_where_tested(z, expected):
    """Offsets also make rare genes testable, so only where both are tested."""
    both = np.isfinite(z) & np.isfinite(expected)
    assert both.sum() > 100
    assert stats.spearmanr(z[both], expected[both]).statistic > 0.9


def da(adata, **arguments):
    return on_copy(tl.da, adata, **PAIR | arguments)


@pytest.fixture(scope="module")
def result(study):
    return de(study, cell_groups="branch")


def sample_means(adata, cells):
    """Sample × gene, Young first, and the condition of each row."""
    y = pd.DataFrame(adata.layers["logged_counts"].toarray(), index=adata.obs_names)[cells]
    keys = [adata.obs["Age"][cells].astype(str), adata.obs["Replicate"][cells].astype(str)]
    means = y.groupby(keys).mean()
    return means.to_numpy(), means.index.get_level_values(0).to_numpy() == "Old"


def at_equal_depth(adata, cells):
    """The cells with every sample as deep as the shallowest: expected log expression of a binomial draw from each count."""
    part = adata[cells]
    counts = part.X.toarray().astype(int)
    total = counts.sum(axis=1)
    unit = np.expm1(part.layers["logged_counts"].toarray()).sum(axis=1) / total
    depth = pd.Series(np.log(total)).groupby(part.obs["Replicate"].astype(str).to_numpy()).transform("mean").to_numpy()
    share = np.exp(depth.min() - depth)
    y = np.zeros(counts.shape)
    for cell, gene in zip(*np.nonzero(counts), strict=True):
        c, f = counts[cell, gene], share[cell]
        drawn = np.arange(c + 1)
        y[cell, gene] = stats.binom.pmf(drawn, c, f) @ np.log1p(unit[cell] / f * drawn)
    return y


def test_category_effects_are_those_of_the_sample_means_at_equal_depth(study, result):
    """Weighted by the numbers of cells and, for few genes, a variance between samples of 2.5 times that of counting; the
    residual variance is shrunk towards that between cells."""
    for branch in study.obs["branch"].cat.categories[:2]:
        cells = (study.obs["branch"] == branch).to_numpy()
        values = at_equal_depth(study, cells)
        samples = [study.obs[key][cells].astype(str).to_numpy() for key in ("Age", "Replicate")]
        grouped = pd.DataFrame(values).groupby(samples)
        means, variance = grouped.mean(), 1 / grouped.size().to_numpy()
        old = means.index.get_level_values(0) == "Old"
        root = np.sqrt(variance + 2.5 * np.median(variance))[:, None]
        design, y = np.column_stack([np.ones(len(old)), old]) / root, means.to_numpy() / root
        inverse = np.linalg.inv(design.T @ design)
        residual = y - design @ (inverse @ design.T @ y)
        shrunk = (np.square(residual).sum(axis=0) / (len(y) - 2) + values.var(axis=0)) / 2
        with np.errstate(invalid="ignore"):
            t = (inverse @ design.T @ y)[1] / np.sqrt(inverse[1, 1] * shrunk)
        p = result.varm[f"{K}_branch_pvalue"][branch].to_numpy()
        ok = np.isfinite(p) & np.isfinite(t)
        assert ok.sum() > 30
        assert stats.spearmanr(stats.norm.isf(p[ok] / 2), np.abs(t[ok])).statistic > 0.95


def test_category_rates_are_benjamini_hochberg(result):
    p, q = (result.varm[f"{K}_branch_{what}"] for what in ("pvalue", "qvalue"))
    for branch in p:
        ok = p[branch].notna()
        np.testing.assert_allclose(q.loc[ok, branch], stats.false_discovery_control(p.loc[ok, branch]), rtol=1e-12)
        assert q.loc[~ok, branch].isna().all()


def test_is_de_rests_on_the_test(study, result):
    q = result.var[f"{K}_qvalue"]
    np.testing.assert_array_equal(result.var[f"{K}_is_de_sample_var"], q <= 0.05)
    threshold = float(np.median(q[q > 0.05]))
    loose = de(study, test=TestSettings(null_genes=0, threshold=threshold))
    np.testing.assert_array_equal(loose.var[f"{K}_is_de_sample_var"], q <= threshold)
    assert loose.var[f"{K}_is_de_sample_var"].sum() > result.var[f"{K}_is_de_sample_var"].sum()


def test_zscore_layer_is_the_weighted_mean_of_the_neighbourhoods(result):
    weights, z = result.obsm["kompot_de_neighborhoods"], np.asarray(result.varm[f"{K}_neighborhood_zscore"])
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    tested = np.isfinite(z)
    expected = np.full((result.n_obs, result.n_vars), np.nan)
    for gene in range(result.n_vars):
        own = tested[gene]
        if own.any():
            share = weights[:, own]
            with np.errstate(invalid="ignore"):
                expected[:, gene] = (share @ z[gene, own]) / share.sum(axis=1)
    layer = np.asarray(result.layers[f"{K}_lfc_zscore"])
    np.testing.assert_allclose(layer, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(get.layer(result, "lfc_zscore", genes=list(result.var_names[:3])), layer[:, :3])


@pytest.mark.parametrize("paired", [False, True])
def test_swapping_the_conditions_flips_signs_only(study, paired):
    there = de(study, sample_key="donor", paired=paired)
    back = de(study, sample_key="donor", paired=paired, reference="Old", groups="Young")
    other = "kompot_de_Old_to_Young"
    np.testing.assert_allclose(there.var[f"{K}_pvalue"], back.var[f"{other}_pvalue"], rtol=1e-6)
    np.testing.assert_allclose(
        there.varm[f"{K}_neighborhood_zscore"], -back.varm[f"{other}_neighborhood_zscore"], rtol=1e-4, atol=1e-5
    )


def test_order_of_the_cells_does_not_matter(study, result):
    order = np.random.default_rng(0).permutation(study.n_obs)
    moved = de(study[order].copy())
    np.testing.assert_allclose(moved.var[f"{K}_pvalue"], result.var[f"{K}_pvalue"], rtol=1e-6)
    tested = da(study).obs[f"{D}_lfc_pvalue"].to_numpy()
    np.testing.assert_allclose(da(study[order].copy()).obs[f"{D}_lfc_pvalue"], tested[order], rtol=1e-6)


def test_other_conditions_do_not_matter_for_the_test():
    """A contrast uses its own samples; only the neighbourhoods are shared by the call."""
    adata = simulate(900, 40, samples={"Young": 3, "Old": 3, "Mid": 3}, rng=1)
    both = de(adata, groups=["Old", "Mid"], test=TestSettings(null_genes=0, n_neighborhoods=1))
    alone = de(adata, test=TestSettings(null_genes=0, n_neighborhoods=1))
    np.testing.assert_allclose(both.var[f"{K}_pvalue"], alone.var[f"{K}_pvalue"], rtol=1e-5)


def test_pairing_uses_the_donors(study):
    """An offset of each donor, the same in both conditions, is noise for the unpaired test alone."""
    adata = study.copy()
    shift = adata.obs["donor"].astype("category").cat.codes.to_numpy() * 3.0
    adata.layers["logged_counts"] = adata.layers["logged_counts"].toarray() + shift[:, None]
    plain = de(adata, sample_key="donor", cell_groups="branch")
    paired = de(adata, sample_key="donor", cell_groups="branch", paired=True)
    assert (plain.var[f"{K}_pvalue"] > 0.3).all()
    z, expected = (
        np.asarray(found.varm[f"{K}_neighborhood_zscore"])
        for found in (paired, de(study, sample_key="donor", paired=True))
    )
    assert_same_where_tested(z, expected)
    assert np.nanmedian(paired.varm[f"{K}_branch_pvalue"]) < np.nanmedian(plain.varm[f"{K}_branch_pvalue"])


def test_covariates_are_adjusted_for(study):
    """An offset of half of the samples is noise unless it is known."""
    adata = study.copy()
    donor = adata.obs["Replicate"].astype("category").cat.codes.to_numpy()
    adata.obs["batch"] = pd.Categorical(np.where(donor % 2 == 0, "a", "b"))
    adata.layers["logged_counts"] = adata.layers["logged_counts"].toarray() + 3.0 * (donor % 2)[:, None]
    assert (de(adata).var[f"{K}_pvalue"] > 0.3).all()
    shifted = de(adata, covariates="batch")
    adata.layers["logged_counts"] = study.layers["logged_counts"]
    expected = de(adata, covariates="batch")
    z, expected_z = (np.asarray(found.varm[f"{K}_neighborhood_zscore"]) for found in (shifted, expected))
    assert_same_where_tested(z, expected_z)
    # what is found without the offset, which hides the counts and so the depth, is found with it
    true = study.var["is_de"].to_numpy()
    found, sought = ((one.var[f"{K}_pvalue"].to_numpy() < 0.15) & true for one in (shifted, expected))
    assert sought.sum() >= 3
    assert found[sought].all()


def test_abundance_of_one_neighbourhood_cannot_change(study):
    """All cells of a sample are in it, whatever the sample."""
    found = da(study, test=TestSettings(n_neighborhoods=1))
    assert found.obs[f"{D}_lfc_qvalue"].isna().all()
    assert (found.obs[f"{D}_lfc_direction_sample_var"] == "neutral").all()


@pytest.mark.parametrize("smallest", [0.0, 0.5])
def test_directions_rest_on_q(smallest):
    adata = simulate(2400, 5, samples={"Young": 4, "Old": 4}, density_change=3.0, sample_effect=0.0, rng=0)
    found = da(adata, test=TestSettings(min_lfc=smallest))
    q, lfc, effect = (found.obs[f"{D}_{name}"] for name in ("lfc_qvalue", "lfc", "neighborhood_lfc"))
    side = np.sign(effect)
    called = (q <= 0.1) & ((side * lfc >= smallest) | (smallest == 0))
    direction = found.obs[f"{D}_lfc_direction_sample_var"]
    np.testing.assert_array_equal(direction.cat.codes - 1, np.where(called, side, 0))
    assert called.sum() > 50
    truth = adata.obs["true_log_density_lfc"].to_numpy()
    assert np.mean(side[called] == np.sign(truth[called])) > 0.9


def test_the_fold_change_does_not_veto_the_test():
    """One of three types of different spread becomes four times as frequent; its density from nearest neighbours falls."""
    rng = np.random.default_rng(3)
    kind, late = rng.integers(0, 3, 2400), np.arange(2400) >= 1200
    kept = (kind == 0) <= (late | (rng.random(2400) < 1 / 4))
    spread = rng.uniform(0.5, 1.5, 3)
    x = 4 * rng.normal(size=(3, 15))[kind] + spread[kind][:, None] * rng.normal(size=(2400, 15))
    obs = pd.DataFrame({"Age": np.where(late, "Old", "Young"), "Replicate": (np.arange(2400) // 400).astype(str)})
    obs.index = obs.index.astype(str)
    adata = ad.AnnData(obs=obs, obsm={"X_pca": x})[kept].copy()
    found = da(adata, method="density").obs[kind[kept] == 0]
    assert (found[f"{D}_lfc"] < 0).all()
    log_ratio = da(adata).obs.loc[kind[kept] == 0, f"{D}_lfc"]
    true = np.log(4) - np.log(np.mean(kept[late]) / np.mean(kept[~late]))
    assert abs(log_ratio.mean() - true) < 0.4
    assert (found[f"{D}_lfc_qvalue"] <= 0.1).mean() > 0.9
    assert (found[f"{D}_neighborhood_lfc"] > 0.3).mean() > 0.9
    assert (found[f"{D}_lfc_direction_sample_var"] == "up").mean() > 0.9


def test_recorded_as_resolved(study):
    found = de(study, paired=False, covariates=None)
    info = RunInfo(found)
    assert info.params["n_neighborhoods"] == found.obsm["kompot_de_neighborhoods"].shape[1]
    assert info.params["paired"] is False
    assert info.params["covariates"] == []
    assert info.summary["n_genes_tested"] == found.var[f"{K}_pvalue"].notna().sum()


@pytest.mark.parametrize("arguments", [{"paired": True}, {"covariates": "branch"}])
def test_designs_need_samples(study, arguments, unchanged):
    with unchanged(study):
        for tool in (de, da):
            with pytest.raises(ValueError, match="name them with `sample_key=`"):
                tool(study, sample_key=None, **arguments)


def test_without_samples_it_says_so(study, caplog):
    with caplog.at_level("WARNING", logger="kompot_scverse"):
        de(study, sample_key=None)
        assert [r.message for r in caplog.records if "not about individuals" in r.message] != []
        caplog.clear()
        de(study)
        assert not [r for r in caplog.records if "individuals" in r.message]


def test_residual_null_genes(study):
    kompot = {"gp": GPSettings.kompot(), "sample_key": None}
    shuffled = de(study, test=TestSettings(null_genes=60), **kompot)
    residual = de(study, test=TestSettings(null_genes=60, null="residuals"), **kompot)
    a, b = (found.var[f"{K}_mahalanobis_local_fdr"].to_numpy() for found in (shuffled, residual))
    np.testing.assert_array_equal(shuffled.var[f"{K}_mahalanobis"], residual.var[f"{K}_mahalanobis"])
    assert not np.array_equal(a, b)
    # a null gene that keeps its pattern varies less around it
    assert np.corrcoef(a, b)[0, 1] > 0.5


def test_residual_null_genes_need_given_amplitudes(study):
    with pytest.raises(ValueError, match=r"null='residuals'.*GPSettings.kompot"):
        de(study, test=TestSettings(null_genes=60, null="residuals"))


def test_subset_of_genes_keeps_the_others(study, result):
    genes = list(study.var_names[:10])
    whole = de(study)
    tl.de(
        whole, "Age", reference="Young", groups="Old", sample_key="Replicate", layer="logged_counts", genes=genes,
        test=NONE, overwrite=True,
    )  # fmt: skip
    np.testing.assert_array_equal(whole.var[f"{K}_pvalue"][10:], result.var[f"{K}_pvalue"][10:])
    np.testing.assert_array_equal(
        np.asarray(whole.varm[f"{K}_neighborhood_zscore"])[10:],
        np.asarray(result.varm[f"{K}_neighborhood_zscore"])[10:],
    )


def test_round_trip(result, tmp_path):
    copy = result.copy()
    assert f"{K}_lfc_zscore" in set(tl.cleanup(copy)["key"])
    copy.write_h5ad(tmp_path / "data.h5ad")
    back = ad.read_h5ad(tmp_path / "data.h5ad")
    tl.restore_layers(back)
    np.testing.assert_allclose(
        np.asarray(back.layers[f"{K}_lfc_zscore"]), np.asarray(result.layers[f"{K}_lfc_zscore"]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("tool", [tl.da, tl.de])
def test_the_run_says_what_a_contrast_does_not_use(adata, tool):
    """A covariate that is constant in one contrast, samples without a partner; and the seed of numpy is a seed."""
    adata.obs["donor"] = adata.obs["Replicate"].astype(str).str[-1]
    adata.obs["lane"] = np.where(adata.obs["Replicate"] == "Old_2", "b", "a")
    call = {"reference": "Young", "sample_key": "donor"}
    call |= {"layer": "logged_counts", "test": TestSettings(rng=np.int64(7))} if tool is tl.de else {}
    with pytest.warns(UserWarning, match=r"obs\['lane'\].*contrast 'Young' to 'Mid' and is left out there"):
        found = on_copy(tool, adata, **call, covariates="lane")
    runs = [RunInfo(found, number, analysis=tool.__name__) for number in (0, 1)]
    assert [run.summary.get("covariates_left_out") for run in runs] == [["lane"], None]
    assert runs[0].params.get("rng") == (7 if tool is tl.de else None)
    # Mid has two donors, who are in the other conditions; the third is not
    with pytest.warns(UserWarning, match="have no partner.*: '3' .Young.") as caught:
        found = on_copy(tool, adata, **call, paired=True)
    assert len(caught) == 1
    runs = [RunInfo(found, number, analysis=tool.__name__) for number in (0, 1)]
    assert [run.summary.get("unpaired") for run in runs] == [["'3' (Young)"], None]
