"""The simulated data hold the slots they promise, and their stored truth is what independent estimates find."""

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from kompot_scverse.datasets import SimulationSettings, simulate
from kompot_scverse.datasets._expression import draw_counts

ALIKE = SimulationSettings(composition_sd=0, size_spread=0)  # samples alike but for chance


@pytest.fixture(scope="module")
def adata() -> ad.AnnData:
    return simulate(1200, 300, rng=3)


@pytest.fixture(scope="module")
def no_samples() -> ad.AnnData:
    """Many cells and no difference between samples or in density: what differs is the condition's effect on genes."""
    return simulate(
        12_000,
        150,
        samples={"Young": 1, "Mid": 1, "Old": 1},
        frac_de=0.4,
        density_change=0,
        sample_effect=0,
        density=0.5,
        settings=ALIKE,
        rng=5,
    )


@pytest.fixture(scope="module")
def many_cells() -> ad.AnnData:
    """Enough cells to count them in bins along the tree."""
    return simulate(60_000, 2, samples={"Young": 1, "Mid": 1, "Old": 1}, settings=ALIKE, density=0.5, rng=1)


def true_lfc(adata: ad.AnnData) -> np.ndarray:
    return (adata.obsm["true_effect_basis"] @ adata.varm["true_effect"].T).to_numpy()


def mean_and_error(adata: ad.AnnData, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log of the mean over cells of counts divided by size factor, and its standard error, per gene."""
    scaled = adata.X[rows].toarray() / adata.obs["size_factor"].to_numpy()[rows, None]
    mean = scaled.mean(axis=0)
    return np.log(mean), scaled.std(axis=0) / np.sqrt(len(scaled)) / mean


def log_ratio(adata: ad.AnnData, group: str, reference: str, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    age = adata.obs["Age"].to_numpy()
    a, error_a = mean_and_error(adata, np.flatnonzero((age == group) & where))
    b, error_b = mean_and_error(adata, np.flatnonzero((age == reference) & where))
    return a - b, np.hypot(error_a, error_b)


def assert_explained(estimate: np.ndarray, truth: np.ndarray, error: np.ndarray) -> None:
    """The estimates scatter around the truth as their standard errors say."""
    z = (estimate - truth) / error
    assert np.abs(z).max() < 5
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert 0.6 < (z**2).mean() < 1.5


# slots


def test_the_data_have_what_is_promised(adata):
    assert adata.shape == (1200, 300)
    assert {"Age", "Replicate", "celltype", "branch", "pseudotime", "size_factor", "true_log_density_lfc"} == set(
        adata.obs
    )
    assert adata.obs["Age"].cat.ordered
    assert adata.obs["Age"].cat.categories.to_list() == ["Young", "Mid", "Old"]
    assert adata.obs["Replicate"].cat.categories.to_list() == [
        *("Young_1", "Young_2", "Young_3"),
        *("Mid_1", "Mid_2"),
        *("Old_1", "Old_2", "Old_3"),
    ]
    assert (adata.obs["Replicate"].astype(str).str.rsplit("_", n=1).str[0] == adata.obs["Age"].astype(str)).all()
    assert adata.obs_names.is_unique
    assert adata.obs_names[0].startswith("Cell00001-")
    assert adata.var_names[[0, -1]].to_list() == ["Gene0001", "Gene0300"]
    assert adata.obs["pseudotime"].between(0, 1).all()
    assert not adata.obs["Replicate"].is_monotonic_increasing
    assert adata.obsm["DM_EigenVectors"].shape == (1200, 10)
    assert adata.obsm["X_umap"].shape == (1200, 2)
    assert set(adata.obs["celltype"].cat.categories) == set(adata.obs["celltype"])
    parameters = adata.uns["simulation"]
    assert json.loads(parameters["samples"]) == {"Young": 3, "Mid": 2, "Old": 3}
    assert all(isinstance(value, str | int | float) for value in parameters.values())


def test_counts_and_their_logs_belong_together(adata):
    counts, logged = adata.X, adata.layers["logged_counts"]
    for matrix in (counts, logged):
        assert sparse.issparse(matrix)
        assert matrix.format == "csr"
        assert matrix.dtype == np.float32
    np.testing.assert_array_equal(counts.data, np.rint(counts.data))
    assert (counts.data > 0).all()
    np.testing.assert_array_equal(counts.indices, logged.indices)
    np.testing.assert_array_equal(counts.indptr, logged.indptr)
    dense = counts.toarray().astype(float)
    np.testing.assert_allclose(
        logged.toarray(), np.log1p(dense * 1e4 / dense.sum(axis=1, keepdims=True)), rtol=1e-6, atol=0
    )


def test_cell_without_counts_stays_empty():
    adata = simulate(160, 2, density=0.05)
    assert (np.asarray(adata.X.sum(axis=1)) == 0).any()
    assert np.isfinite(adata.layers["logged_counts"].data).all()


def test_sizes_are_uneven(adata):
    ratio = adata.obs["Replicate"].value_counts() / (1200 / 8)
    assert 0.4 < ratio.min() < 0.9
    assert 1.1 < ratio.max() < 1.7


# anndata 0.13.4 asks for a pandas option that pandas 3.1 deprecates, whenever it writes text
@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")
@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_round_trip(adata, tmp_path, suffix):
    path = tmp_path / f"adata.{suffix}"
    if suffix == "h5ad":
        adata.write_h5ad(path)
        back = ad.read_h5ad(path)
    else:
        adata.write_zarr(path)
        back = ad.read_zarr(path)
    pd.testing.assert_frame_equal(back.obs, adata.obs, check_index_type=False)
    pd.testing.assert_frame_equal(back.var, adata.var, check_index_type=False)
    np.testing.assert_array_equal(true_lfc(back), true_lfc(adata))
    assert (back.X != adata.X).nnz == 0
    assert back.uns["simulation"] == adata.uns["simulation"]


# determinism


def test_same_seed_same_data():
    one, two, generator, other = (simulate(320, 40, rng=rng) for rng in (7, 7, np.random.default_rng(7), 8))
    for same in (two, generator):
        assert (one.X != same.X).nnz == 0
        pd.testing.assert_frame_equal(one.obs, same.obs)
        pd.testing.assert_frame_equal(one.var, same.var)
        for key in ("DM_EigenVectors", "X_umap"):
            np.testing.assert_array_equal(one.obsm[key], same.obsm[key])
    assert (one.X != other.X).nnz > 0


def test_global_random_state_is_left_alone():
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    simulate(160, 5)
    assert np.random.random() == expected  # noqa: NPY002


# cell states


@pytest.mark.parametrize("n_latent", [5, 10, 40])
def test_distances_follow_the_tree(n_latent):
    adata = simulate(600, 5, n_latent=n_latent)
    states = adata.obsm["DM_EigenVectors"]
    assert states.shape == (600, n_latent)
    time, branch = adata.obs["pseudotime"].to_numpy(), adata.obs["branch"].cat.codes.to_numpy()
    from_fork = np.where(branch == 0, (0.35 - time) / 0.35, (time - 0.35) / 0.65)
    same = branch[:, None] == branch
    along = np.where(same, np.abs(from_fork[:, None] - from_fork), from_fork[:, None] + from_fork)
    euclidean = pdist(states)
    assert euclidean.min() > 0
    assert spearmanr(euclidean, squareform(along, checks=False)).statistic > 0.95


def test_cell_types_follow_differentiation(adata):
    by_type = adata.obs.groupby("celltype", observed=True)["pseudotime"].median()
    for before, after in (
        *(("HSC", "MPP"), ("MPP", "MEP"), ("MPP", "GMP"), ("MPP", "CLP")),
        *(("MEP", "Erythroid"), ("GMP", "Monocyte"), ("CLP", "B cell")),
    ):
        assert by_type[before] < by_type[after]


# density


def test_density_truth_matches_counted_cells(many_cells):
    """Witness: numbers of cells in bins along each branch."""
    obs = many_cells.obs
    bins = [obs["branch"], (obs["pseudotime"] * 30).astype(int)]
    counted = obs.groupby([*bins, "Age"], observed=True).size().unstack(fill_value=0)
    counted = counted[(counted > 30).all(axis=1)]
    share = counted / obs["Age"].value_counts()
    estimate = np.log(share["Old"] / share["Young"])
    error = np.sqrt(1 / counted["Old"] + 1 / counted["Young"])
    # within a bin the ratio of masses is the mean of the ratio over the reference cells
    young = obs["Age"] == "Young"
    truth = np.log(
        np.exp(obs.loc[young, "true_log_density_lfc"]).groupby([b[young] for b in bins], observed=True).mean()
    )
    truth = truth.loc[counted.index]
    assert len(counted) > 30
    assert np.ptp(truth) > 1.5
    assert_explained(estimate.to_numpy(), truth.to_numpy(), error.to_numpy())
    # Mid is half way, up to its own constant
    half = np.log(share["Mid"] / share["Young"])
    assert np.polyfit(truth, half, 1)[0] == pytest.approx(0.5, abs=0.06)


def test_densities_have_unit_mass(many_cells):
    lfc, age = many_cells.obs["true_log_density_lfc"], many_cells.obs["Age"]
    assert np.exp(lfc[age == "Young"]).mean() == pytest.approx(1, abs=0.015)
    assert np.exp(-lfc[age == "Old"]).mean() == pytest.approx(1, abs=0.015)


def test_density_change_by_branch():
    adata = simulate(800, 5, density_change={"Erythroid": -2})
    lfc = adata.obs["true_log_density_lfc"]
    assert lfc.max() - lfc.min() == pytest.approx(2, abs=0.05)
    assert adata.obs["branch"].iloc[lfc.argmin()] == "Erythroid"
    elsewhere = lfc[adata.obs["branch"] != "Erythroid"]
    assert np.ptp(elsewhere) == pytest.approx(0)
    assert elsewhere.iloc[0] > 0
    assert (simulate(200, 5, density_change=0).obs["true_log_density_lfc"].abs() < 1e-12).all()


def test_swapped_conditions_flip_the_fraction():
    """The change points from reference to group whatever their order."""
    adata = simulate(4000, 5, reference="Old", group="Young", samples={"Young": 1, "Old": 1}, settings=ALIKE)
    share = pd.crosstab(adata.obs["celltype"], adata.obs["Age"], normalize="columns")
    assert share.loc["HSC", "Young"] > 1.2 * share.loc["HSC", "Old"]


def test_composition_varies_between_samples():
    def variance(sd: float) -> float:
        adata = simulate(8000, 5, density_change=0, settings=SimulationSettings(composition_sd=sd))
        return pd.crosstab(adata.obs["Replicate"], adata.obs["branch"], normalize="index").var().mean()

    assert variance(0.6) > 5 * variance(0)


# expression


def test_fractions_of_genes(adata):
    var = adata.var
    assert var["is_de"].sum() == 30
    assert var["effect_type"].value_counts().to_dict() == {"none": 270, "global": 15, "local": 15}
    assert var["is_sample_outlier"].sum() == 15
    assert not (var["is_de"] & var["is_sample_outlier"]).any()
    assert ((var["outlier_sample"] != "none") == var["is_sample_outlier"]).all()
    assert not var["outlier_sample"].isin(["Mid_1", "Mid_2"]).any()
    assert ((var["effect_branch"] != "none") == (var["effect_type"] == "local")).all()
    assert abs(np.sign(var["true_lfc_mean"]).sum()) <= 2


def test_true_effects_are_consistent(adata):
    lfc = true_lfc(adata)
    compared = adata.obs["Age"].isin(["Young", "Old"]).to_numpy()
    np.testing.assert_allclose(lfc[compared].mean(axis=0), adata.var["true_lfc_mean"], atol=1e-12)
    np.testing.assert_array_equal((lfc != 0).any(axis=0), adata.var["is_de"])
    everywhere = (adata.var["effect_type"] == "global").to_numpy()
    assert (np.ptp(lfc[:, everywhere], axis=0) == 0).all()
    assert np.abs(lfc[:, everywhere]).mean() == pytest.approx(1, abs=0.15)
    for gene in np.flatnonzero(adata.var["effect_type"] == "local"):
        assert set(adata.obs["branch"][lfc[:, gene] != 0]) == {adata.var["effect_branch"].iloc[gene]}
        assert 0.7 < np.abs(lfc[:, gene]).max() <= 1.25


def test_effect_truth_matches_pseudobulk(no_samples):
    """Witness: mean counts over all cells, for genes that change everywhere or nowhere."""
    estimate, error = log_ratio(no_samples, "Old", "Young", np.ones(no_samples.n_obs, bool))
    not_local = (no_samples.var["effect_type"] != "local").to_numpy()
    truth = no_samples.var["true_lfc_mean"].to_numpy()
    assert_explained(estimate[not_local], truth[not_local], error[not_local])
    half, error = log_ratio(no_samples, "Mid", "Young", np.ones(no_samples.n_obs, bool))
    assert_explained(half[not_local], truth[not_local] / 2, error[not_local])


def test_local_truth_matches_pseudobulk_on_the_branch(no_samples):
    """Witness: mean counts over cells in a narrow window of each branch."""
    lfc = true_lfc(no_samples)
    basis = no_samples.obsm["true_effect_basis"]
    estimates, truths, errors = [], [], []
    for branch in basis.columns.drop("global"):
        genes = ((no_samples.var["effect_branch"] == branch) & (no_samples.var["base_mean"] > 0.1)).to_numpy()
        window = (basis[branch] > 0.9).to_numpy()
        estimate, error = log_ratio(no_samples, "Old", "Young", window)
        estimates.append(estimate[genes])
        errors.append(error[genes])
        truths.append(lfc[window][:, genes].mean(axis=0))
    truth = np.concatenate(truths)
    assert truth.size > 15
    assert np.abs(truth).min() > 0.6
    assert_explained(np.concatenate(estimates), truth, np.concatenate(errors))


def test_scaling_to_equal_totals_shifts_no_gene(no_samples):
    """Up and down balance, so that fold changes survive the scaling of `logged_counts`."""
    totals = np.asarray(no_samples.X.sum(axis=1)).ravel() / no_samples.obs["size_factor"].to_numpy()
    age = no_samples.obs["Age"].to_numpy()
    assert np.log(totals[age == "Old"].mean() / totals[age == "Young"].mean()) == pytest.approx(0, abs=0.2)


def test_markers_mark_their_branch(no_samples):
    counts = no_samples.to_df().groupby(no_samples.obs["branch"].to_numpy()).mean()
    marker = no_samples.var["marker_of"]
    marker = marker[marker != "none"]
    assert len(marker) > 3
    found = counts[marker.index].idxmax()
    assert (found == marker.astype(str)).mean() > 0.8


def test_base_mean(no_samples):
    still = (no_samples.var["effect_type"] == "none").to_numpy()
    estimate, error = mean_and_error(no_samples, np.arange(no_samples.n_obs))
    # base_mean is a mean over 1,000 cells
    assert (np.abs(estimate - np.log(no_samples.var["base_mean"]))[still] < 0.15 + 4 * error[still]).all()


@pytest.mark.parametrize("density", [0.05, 0.2, 0.6])
def test_density_of_counts(density):
    adata = simulate(600, 400, density=density)
    assert adata.X.nnz / np.prod(adata.shape) == pytest.approx(density, abs=0.02)


def test_counts_are_negative_binomial():
    n, mean, dispersion = 40_000, np.array([0.3, 2.0, 20.0]), np.array([1.0, 0.5, 0.1])
    counts = draw_counts(
        np.ones((n, 1), np.float32),
        np.log(mean)[None, None].astype(np.float32),
        np.zeros(n, int),
        np.ones(n, np.float32),
        dispersion,
        np.random.default_rng(0),
    ).toarray()
    np.testing.assert_allclose(counts.mean(axis=0), mean, rtol=0.04)
    np.testing.assert_allclose(counts.var(axis=0), mean + dispersion * mean**2, rtol=0.06)
    np.testing.assert_allclose((counts == 0).mean(axis=0), (1 + dispersion * mean) ** (-1 / dispersion), atol=0.01)


# samples


def between_samples(adata: ad.AnnData) -> pd.DataFrame:
    """Log mean of each gene in each sample."""
    return pd.DataFrame(
        {s: mean_and_error(adata, np.flatnonzero(adata.obs["Replicate"] == s))[0] for s in adata.obs["Replicate"].cat.categories},
        index=adata.var_names,
    )  # fmt: skip


def test_sample_effects_add_variance():
    def variance(sample_effect: float) -> float:
        adata = simulate(
            8000,
            200,
            samples={"Young": 4, "Old": 4},
            density=0.7,
            sample_effect=sample_effect,
            settings=SimulationSettings(composition_sd=0, frac_outliers=0),
        )
        means = between_samples(adata)[adata.var["base_mean"] > 0.5]
        return means.filter(like="Young").var(axis=1).mean()

    none, some = variance(0), variance(0.3)
    # the offsets are half of the variance; what varies along the tree partly averages out
    assert 0.5 * 0.3**2 * 0.8 < some - none < 0.3**2 * 1.1
    assert none < 0.01


def test_outliers_stand_out_in_one_sample():
    adata = simulate(4000, 200, frac_de=0, density=0.6, settings=SimulationSettings(frac_outliers=0.2), rng=2)
    means = between_samples(adata)
    for gene in adata.var_names[adata.var["is_sample_outlier"] & (adata.var["base_mean"] > 0.5)]:
        centred = (means.loc[gene] - means.loc[gene].median()).abs()
        assert centred.idxmax() == adata.var.loc[gene, "outlier_sample"]
        assert centred.max() == pytest.approx(1.5, abs=0.7)
    assert not simulate(160, 40, sample_effect=0).var["is_sample_outlier"].any()


# invariants


@settings(max_examples=15, deadline=None)
@given(
    samples=st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 3), min_size=2, max_size=4),
    extra=st.integers(0, 60),
    n_vars=st.integers(1, 30),
    frac_de=st.floats(0, 1),
    frac_local=st.floats(0, 1),
    effect_size=st.floats(0, 3),
    density=st.floats(0.05, 0.9),
    seed=st.integers(0, 2**31),
)
def test_any_design(samples, extra, n_vars, frac_de, frac_local, effect_size, density, seed):
    n_obs = 20 * sum(samples.values()) + extra
    reference, *_, group = samples
    adata = simulate(
        n_obs,
        n_vars,
        samples=samples,
        reference=reference,
        group=group,
        frac_de=frac_de,
        effect_size=effect_size,
        density=density,
        settings=SimulationSettings(frac_local=frac_local),
        rng=seed,
    )
    assert adata.shape == (n_obs, n_vars)
    assert adata.obs["Replicate"].value_counts().min() >= 5
    assert adata.obs.groupby("Age", observed=True)["Replicate"].nunique().to_dict() == samples
    assert (adata.obs.groupby("Replicate", observed=True)["Age"].nunique() == 1).all()
    assert adata.obs_names.is_unique
    assert np.isfinite(adata.X.data).all()
    assert np.isfinite(adata.layers["logged_counts"].data).all()
    assert np.isfinite(adata.obs["true_log_density_lfc"]).all()
    assert len(np.unique(adata.obsm["DM_EigenVectors"], axis=0)) == n_obs
    if effect_size > 0:
        assert adata.var["is_de"].sum() == round(frac_de * n_vars)
    np.testing.assert_array_equal((true_lfc(adata) != 0).any(axis=0), adata.var["is_de"])


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("settings", {}), ("settings", 3), ("rng", "abc"), ("rng", -1), ("rng", None), ("rng", 1.5), ("n_obs", 1e3),
        ("frac_de", "some"), ("samples", 3), ("sample_effect", np.nan), ("depth", [1]),
    ],
)  # fmt: skip
def test_arguments_of_wrong_types(argument, value):
    with pytest.raises((TypeError, ValueError), match=f"`{argument}` must be .*, not"):
        simulate(**{"n_obs": 200, "n_vars": 5, argument: value})


def test_depth_scales_the_counts_of_conditions_and_samples():
    plain = simulate(900, 200, rng=2)
    found = simulate(900, 200, depth={"Old": 0.4, "Old_2": 1.5, "Young_1": 0.5}, rng=2)
    pd.testing.assert_frame_equal(found.obs.drop(columns="size_factor"), plain.obs.drop(columns="size_factor"))
    sample = found.obs["Replicate"].astype(str)
    expected = sample.map({"Old_1": 0.4, "Old_2": 1.5, "Old_3": 0.4, "Young_1": 0.5}).fillna(1.0)
    np.testing.assert_allclose(found.obs["size_factor"] / plain.obs["size_factor"], expected)
    totals = [pd.Series(a.X.sum(axis=1).A1, a.obs_names).groupby(sample).mean() for a in (found, plain)]
    np.testing.assert_allclose(totals[0] / totals[1], expected.groupby(sample).first(), rtol=0.06)
    assert json.loads(found.uns["simulation"]["depth"]) == {"Old": 0.4, "Old_2": 1.5, "Young_1": 0.5}
