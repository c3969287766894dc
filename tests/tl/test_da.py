"""Differential abundance: symmetries, known truth, null data, and what is written."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from kompot_scverse import settings, tl
from kompot_scverse._data.resolve import representation
from kompot_scverse._runs.find import find_view
from kompot_scverse.datasets import simulate

# anndata asks pandas for an option that pandas 3.1 deprecates, whenever it is subset
pytestmark = pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option:Warning")

ARGS = {"groupby": "Age", "reference": "Young", "groups": "Old"}
K = "kompot_da_Young_to_Old"
BACK = "kompot_da_Old_to_Young"
TOLERANCE = {(m, s): 1e-4 if m == "ratio" and s else 1e-8 for m in ("ratio", "density") for s in (None, "Replicate")}
"""The fields of samples converge in steps that are not Newton's."""


def analysed(adata: ad.AnnData, **arguments) -> ad.AnnData:
    """A copy with the results."""
    found = adata.copy()
    tl.da(found, **arguments)
    return found


def bare(obs: pd.DataFrame, x: np.ndarray) -> ad.AnnData:
    return ad.AnnData(obs=obs.copy(), obsm={"DM_EigenVectors": x})


@pytest.fixture(scope="module", params=["ratio", "density"])
def method(request):
    return request.param


@pytest.fixture(scope="module")
def result(simulated, method):
    """Without and with replicate variance."""
    out = analysed(simulated, **ARGS, method=method)
    tl.da(out, **ARGS, method=method, sample_key="Replicate", overwrite=True)
    return out


def test_the_fields_are_those_of_the_method(result, simulated, method):
    new = set(result.obs) - set(simulated.obs)
    varying = {f"{K}_lfc_zscore", f"{K}_neg_log10_lfc_ptp", f"{K}_lfc_direction"}
    if method == "ratio":
        varying.add(f"{K}_lfsr")
    shared = {f"{K}_lfc", f"kompot_da_Young_log_{method}", f"kompot_da_Old_log_{method}"}
    tested = {f"{K}_lfc_pvalue", f"{K}_lfc_qvalue", f"{K}_neighborhood_lfc"}
    assert new == shared | tested | varying | {f"{key}_sample_var" for key in varying}
    for slot in ("var", "obsm", "varm", "layers"):
        assert set(getattr(result, slot)) == set(getattr(simulated, slot))
    direction = result.obs[f"{K}_lfc_direction"]
    assert direction.cat.ordered
    assert direction.cat.categories.to_list() == ["down", "neutral", "up"]


def test_fields_agree_with_each_other(result, method):
    obs = result.obs
    young, old = (obs[f"kompot_da_{name}_log_{method}"] for name in ("Young", "Old"))
    np.testing.assert_allclose(obs[f"{K}_lfc"], old - young, atol=1e-12)
    if method == "ratio":
        np.testing.assert_allclose((np.exp(young) + np.exp(old)) / 2, 1, atol=1e-12)
        null = find_view(result).run.summary["null_probability"]
        z = obs[f"{K}_lfc_zscore_sample_var"].abs()
        np.testing.assert_allclose(obs[f"{K}_lfsr_sample_var"], null + (1 - null) * norm.sf(z))
    for suffix in ("", "_sample_var"):
        z = obs[f"{K}_lfc_zscore{suffix}"]
        np.testing.assert_allclose(obs[f"{K}_neg_log10_lfc_ptp{suffix}"], -norm.logsf(z.abs()) / np.log(10))


def test_sample_variance_lowers_z(result):
    plain, varied = result.obs[f"{K}_lfc_zscore"], result.obs[f"{K}_lfc_zscore_sample_var"]
    # the samples of this small study may not be seen to differ; log ratios are then those of the cells
    assert varied.abs().mean() <= plain.abs().mean()
    assert np.corrcoef(varied, plain)[0, 1] > 0.9


def test_the_run_knows_its_fields(result, method):
    view = find_view(result, "da")
    run = view.run
    assert view.key("lfc_zscore") == f"{K}_lfc_zscore_sample_var"
    statistics = {
        "lfc",
        "lfc_zscore",
        "neg_log10_lfc_ptp",
        "lfc_pvalue",
        "lfc_qvalue",
        "neighborhood_lfc",
        "lfc_direction",
        f"reference_log_{method}",
        f"group_log_{method}",
    }
    if method == "ratio":
        statistics.add("lfsr")
    assert {entry["statistic"] for entry in run.fields} == statistics
    assert {"method", "ls", "fdr_threshold"} <= set(run.params)
    assert {"d", "mu", "normalize"} <= set(run.params) or method == "ratio"
    assert run.params["lfc_samples_threshold"] == 0
    cells = result.obs["Age"].isin(["Young", "Old"])
    counts = result.obs.loc[cells, f"{K}_lfc_direction_sample_var"].value_counts()
    assert {name: run.summary[f"n_{name}"] for name in counts.index} == counts.to_dict()
    assert run.summary["mean_lfc"] == pytest.approx(result.obs.loc[cells, f"{K}_lfc"].mean())


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_swapping_the_conditions_flips_signs(adata, sample_key, method):
    tl.da(adata, **ARGS, sample_key=sample_key, method=method)
    tl.da(adata, "Age", reference="Old", groups="Young", sample_key=sample_key, method=method, overwrite=True)
    suffix = "" if sample_key is None else "_sample_var"
    for field in ("lfc", f"lfc_zscore{suffix}"):
        np.testing.assert_allclose(
            adata.obs[f"{BACK}_{field}"], -adata.obs[f"{K}_{field}"], atol=TOLERANCE[method, sample_key]
        )


def test_order_of_the_cells_does_not_matter(simulated, result, method):
    order = np.random.default_rng(1).permutation(simulated.n_obs)
    shuffled = bare(simulated.obs.iloc[order], representation(simulated, None)[1][order])
    tl.da(shuffled, **ARGS, sample_key="Replicate", method=method)
    for field in ("lfc", "lfc_zscore_sample_var"):
        np.testing.assert_allclose(
            shuffled.obs[f"{K}_{field}"], result.obs[f"{K}_{field}"].iloc[order], atol=TOLERANCE[method, "Replicate"]
        )


def test_units_of_the_representation_do_not_matter(simulated, result, method):
    scaled = bare(simulated.obs, representation(simulated, None)[1] * 1000)
    tl.da(scaled, **ARGS, sample_key="Replicate", method=method)
    for field in ("lfc", "lfc_zscore_sample_var"):
        np.testing.assert_allclose(
            scaled.obs[f"{K}_{field}"], result.obs[f"{K}_{field}"], atol=max(TOLERANCE[method, "Replicate"], 1e-6)
        )


@pytest.fixture(scope="module")
def strong():
    return simulate(4000, 5, samples={"Young": 2, "Old": 2}, density_change=3, rng=1)


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_planted_change_is_recovered(strong, method, sample_key):
    found, truth = (
        analysed(strong, **ARGS, method=method, sample_key=sample_key).obs,
        strong.obs["true_log_density_lfc"],
    )
    lfc = found[f"{K}_lfc"]
    assert np.corrcoef(lfc, truth)[0, 1] > 0.95
    if method == "ratio":
        assert 0.9 < np.polyfit(truth, lfc, 1)[0] < 1.1
        assert np.sqrt(np.mean((lfc - truth) ** 2)) < 0.3
    called = found[f"{K}_lfc_direction{'_sample_var' if sample_key else ''}"] != "neutral"
    assert sample_key or called.sum() > 200
    assert (np.sign(lfc) == np.sign(truth))[called].mean() > 0.97


def test_thresholds_decide_the_directions(strong):
    loose, strict = settings.TestSettings(min_lfc=0.0, max_ptp=0.5), settings.TestSettings(min_lfc=50.0)
    found = analysed(strong, **ARGS, test=loose).obs[f"{K}_lfc_direction"]
    assert (found != "neutral").all()
    assert (analysed(strong, **ARGS, test=strict).obs[f"{K}_lfc_direction"] == "neutral").all()


def test_mass_normalisation_shifts_all_cells_alike(simulated):
    count, mass = (analysed(simulated, **ARGS, method="density", normalize=n).obs for n in ("count", None))
    shift = count[f"{K}_lfc"] - mass[f"{K}_lfc"]
    np.testing.assert_allclose(shift, shift.iloc[0], atol=1e-10)


def test_random_halves_do_not_differ(data_dir, method):
    file = data_dir / "melanoma_daseq_embedding.h5ad"
    if not file.is_file():
        pytest.skip(f"{file} is absent")
    cells = ad.read_h5ad(file)
    x, sample = cells.obsm["X_pca"], cells.obs["sample"].astype(str).to_numpy()
    names = np.unique(sample[cells.obs["condition"] == "Non-responder"])
    rng = np.random.default_rng(0)
    for _ in range(3):
        chosen = rng.permutation(names)[:6]
        rows = np.flatnonzero(np.isin(sample, chosen))
        half = np.where(np.isin(sample[rows], chosen[:3]), "a", "b")
        obs = pd.DataFrame({"half": half, "sample": sample[rows]}, index=rows.astype(str))
        split = bare(obs, x[rows])
        tl.da(split, "half", reference="a", groups="b", sample_key="sample", method=method)
        if method == "density":
            assert abs(split.obs["kompot_da_a_to_b_lfc"].mean()) < 0.02
        else:
            # the states of the patients differ by far: the fold change is as large as it is uncertain
            assert (split.obs["kompot_da_a_to_b_lfc_zscore_sample_var"].abs() > norm.isf(0.05)).mean() < 0.25
        assert (split.obs["kompot_da_a_to_b_lfc_direction_sample_var"] == "neutral").mean() > 0.95


def test_several_groups_are_one_contrast_each(adata):
    tl.da(adata, "Age", reference="Young")
    assert {f"kompot_da_Young_to_{group}_lfc" for group in ("Mid", "Old")} <= set(adata.obs)
    assert find_view(adata, run_id=-2).run.contrast["group"] == "Mid"


def test_cells_without_a_state_are_missing(adata, simulated):
    x = representation(simulated, None)[1].copy()
    x[:5] = np.nan
    keep = np.arange(adata.n_obs) >= 20
    with_nan, without = bare(adata.obs, x), bare(adata.obs, np.nan_to_num(x))
    for data in (with_nan, without):
        tl.da(data, **ARGS, sample_key="Replicate", mask_obs=keep)
    written = with_nan.obs.loc[:, with_nan.obs.columns.str.startswith("kompot_da")]
    assert written.iloc[:5].isna().all(axis=None)
    assert written.iloc[5:].notna().all(axis=None)
    np.testing.assert_allclose(with_nan.obs[f"{K}_lfc"].iloc[5:], without.obs[f"{K}_lfc"].iloc[5:], atol=1e-10)


def test_small_samples_do_not_count_as_replicates(adata):
    """Their cells still shape their condition, so only the variance between replicates changes."""
    adata.obs["Replicate"] = adata.obs["Replicate"].astype(str)
    old = np.flatnonzero(adata.obs["Age"] == "Old")
    adata.obs.iloc[old[:4], adata.obs.columns.get_loc("Replicate")] = "tiny"
    plain = analysed(adata, **ARGS, method="density").obs[f"{K}_lfc"]
    with pytest.warns(UserWarning, match="'tiny' \\(Old, 4 cells\\)"):
        tl.da(adata, **ARGS, method="density", sample_key="Replicate")
    np.testing.assert_allclose(adata.obs[f"{K}_lfc"], plain, atol=1e-12)
    assert find_view(adata).run.cells["left_out"] == ["tiny"]


def test_copy_leaves_the_data_alone(adata, unchanged):
    with unchanged(adata):
        out = analysed(adata, **ARGS)
    assert f"{K}_lfc" in out.obs
    assert tl.da(adata, **ARGS) is None
    pd.testing.assert_series_equal(adata.obs[f"{K}_lfc"], out.obs[f"{K}_lfc"])


def test_earlier_fields_are_replaced_with_a_warning(adata, unchanged):
    tl.da(adata, **ARGS)
    with unchanged(adata), pytest.raises(ValueError, match="run 0"):
        tl.da(adata, **ARGS, overwrite=False)
    # the same call leaves the same values, so there is nothing to warn of
    tl.da(adata, **ARGS)
    with pytest.warns(UserWarning, match="run 1"):
        tl.da(adata, **ARGS, gp=settings.GPSettings(ls_factor=5))
    tl.da(adata, **ARGS, overwrite=True)
    tl.da(adata, **ARGS, key_added="other", overwrite=False)


def test_overwrite_is_checked_before_anything_is_computed(adata, monkeypatch):
    tl.da(adata, **ARGS)
    monkeypatch.setattr("kompot_scverse.tl._steps.fit_states", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(ValueError, match="exist already"):
        tl.da(adata, **ARGS, overwrite=False)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"normalize": "area"}, ValueError, "'mass', 'count' or None, not 'area'"),
        ({"normalize": "mass"}, ValueError, "pass method='density'"),
        ({"method": "densities"}, ValueError, "'ratio' or 'density', not 'densities'"),
        ({"groupby": "age"}, KeyError, "'Age'"),
        ({"groups": "Odl"}, KeyError, "'Old'"),
        ({"groups": "Young"}, ValueError, "both `reference` and in `groups`"),
        ({"use_rep": "X_scvi"}, KeyError, "DM_EigenVectors"),
        ({"sample_key": "mouse"}, KeyError, "'Replicate'"),
        ({"mask_obs": "celltype"}, TypeError, "boolean"),
    ],
)
def test_bad_arguments(adata, unchanged, change, error, match):
    with unchanged(adata), pytest.raises(error, match=match):
        tl.da(adata, **(ARGS | change))


@pytest.mark.parametrize(
    ("rows", "value", "sample_key", "match"),
    [
        ("Old", np.nan, None, "NaN or infinite"),
        ("Old", 1.0, None, "All cells of condition 'Old' are identical"),
        ("Old_1", 1.0, "Replicate", r"All cells of sample 'Old_1' \(Old\) are identical"),
        ("all", 1.0, None, "identical"),
    ],
)
def test_bad_representations(adata, unchanged, rows, value, sample_key, match):
    x = representation(adata, None)[1].copy()
    chosen = (adata.obs["Age"] == rows) | (adata.obs["Replicate"] == rows) | (rows == "all")
    x[chosen] = value
    data = bare(adata.obs, x)
    with unchanged(data), pytest.raises(ValueError, match=match):
        tl.da(data, **ARGS, sample_key=sample_key, method="density")
    if match != "identical":
        return
    with unchanged(data), pytest.raises(ValueError, match=match):
        tl.da(data, **ARGS, sample_key=sample_key)


def test_log_ratios_of_several_groups(adata):
    """Each against the equal mixture of all conditions, so a group alone and with others has the same fold change."""
    both, alone = analysed(adata, groupby="Age", reference="Young").obs, analysed(adata, **ARGS).obs
    fields = np.exp([both[f"kompot_da_{name}_log_ratio"] for name in ("Young", "Mid", "Old")])
    np.testing.assert_allclose(fields.mean(axis=0), 1, atol=1e-12)
    assert np.corrcoef(both[f"{K}_lfc"], alone[f"{K}_lfc"])[0, 1] > 0.98


def test_a_condition_whose_cells_are_all_one_state(adata):
    x = representation(adata, None)[1].copy()
    x[adata.obs["Age"] == "Old"] = x[0]
    data = bare(adata.obs, x)
    tl.da(data, **ARGS)
    assert (data.obs[f"{K}_lfc"][adata.obs["Age"] == "Old"] > 1).all()


def test_small_samples_count_as_much_as_they_know(adata):
    adata.obs["Replicate"] = adata.obs["Replicate"].astype(str)
    old = np.flatnonzero(adata.obs["Age"] == "Old")
    adata.obs.iloc[old[:4], adata.obs.columns.get_loc("Replicate")] = "tiny"
    with pytest.warns(UserWarning, match="'tiny' \\(Old, 4 cells\\)"):
        tl.da(adata, **ARGS, sample_key="Replicate")
    assert np.isfinite(adata.obs[f"{K}_lfc"]).all()


def test_failure_while_writing_restores_everything(adata, unchanged, monkeypatch):
    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr("kompot_scverse._results.store.store_runs", fail)
    with unchanged(adata), pytest.raises(RuntimeError, match="disk full"):
        tl.da(adata, **ARGS)


def test_view_becomes_a_copy_of_its_own(adata):
    view = adata[adata.obs["Age"] != "Mid"]
    with pytest.warns(UserWarning, match="view"):
        tl.da(view, **ARGS)
    assert f"{K}_lfc" in view.obs
    assert f"{K}_lfc" not in adata.obs


def test_written_file_reads_back(result, tmp_path):
    result.write_h5ad(tmp_path / "da.h5ad")
    back = ad.read_h5ad(tmp_path / "da.h5ad")
    np.testing.assert_array_equal(back.obs[f"{K}_lfc"], result.obs[f"{K}_lfc"])
    assert back.obs[f"{K}_lfc_direction"].cat.ordered
    assert find_view(back).run.summary == find_view(result).run.summary
