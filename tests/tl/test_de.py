"""`kp.tl.de`: its numbers against dense formulas, what may not matter, and what is written.

Containers of expression are in `test_containers.py`, bad input in `test_de_errors.py`.
"""

import json

import dask
import numpy as np
import pandas as pd
import pytest

from kompot_scverse._gp.mellon import load_mellon
from kompot_scverse._gp.model import fit_cell_states
from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings
from kompot_scverse.tl import de

K = "kompot_de_Young_to_Old"
FEW = TestSettings(null_genes=40)
NONE = TestSettings(null_genes=0)
KOMPOT = GPSettings.kompot()
"""The model whose numbers have dense formulas per condition; the default model has its own in `_gp/test_components.py`."""


@pytest.fixture
def adata(adata):
    """In float64, so that the tolerances can be tight."""
    adata.layers["logged_counts"] = adata.layers["logged_counts"].astype(np.float64)
    return adata


def run(adata, **arguments):
    """The result on a copy, without replicates unless asked for."""
    found = adata.copy()
    in_place(found, **arguments)
    return found


def in_place(adata, **arguments):
    """The same, on the data themselves."""
    given = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "test": FEW}
    de(adata, "Age", **given | arguments)


def features(adata, conditions=("Young", "Old")):
    x = adata.obsm["DM_EigenVectors"]
    own = adata.obs["Age"].isin(conditions).to_numpy()
    exact = fit_cell_states(x[own], GPSettings()).features(x)
    # features are held in single precision; what follows from them is computed in double precision
    rounded = exact.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(rounded, exact, atol=1e-7)
    return rounded


def dense_fit(phi, y, sigma):
    """Posterior mean (rank × genes) and covariance of the weights."""
    covariance = np.linalg.inv(np.eye(phi.shape[1]) + phi.T @ phi / sigma**2)
    return covariance @ phi.T @ y / sigma**2, covariance


def column(adata, statistic, prefix=K):
    return np.asarray(adata.var[f"{prefix}_{statistic}"])


@pytest.fixture
def by_hand(adata):
    """Features, expression and rows of each condition."""
    phi, y = features(adata), adata.layers["logged_counts"].toarray()
    rows = {name: (adata.obs["Age"] == name).to_numpy() for name in ("Young", "Old")}
    return phi, y, rows


def test_against_the_dense_formulas(adata, by_hand):
    phi, y, rows = by_hand
    (w1, v1), (w2, v2) = (dense_fit(phi[own], y[own], 1.0) for own in rows.values())
    delta = w2 - w1
    found = run(adata, gp=KOMPOT)
    expected = np.sqrt(np.einsum("rg,rs,sg->g", delta, np.linalg.inv(v1 + v2), delta))
    np.testing.assert_allclose(column(found, "mahalanobis"), expected, rtol=1e-8)
    contrast = rows["Young"] | rows["Old"]
    np.testing.assert_allclose(column(found, "mean_lfc"), (phi[contrast] @ delta).mean(axis=0), atol=1e-10)
    # every cell has values, also those of other conditions
    np.testing.assert_allclose(np.asarray(found.layers[f"{K}_fold_change"]), phi @ delta, atol=1e-4)
    np.testing.assert_allclose(np.asarray(found.layers["kompot_de_Old_imputed"]), phi @ w2, atol=1e-4)
    std = np.sqrt(np.einsum("cr,rs,cs->c", phi, v1, phi))
    np.testing.assert_allclose(found.obs["kompot_de_Young_std"], std, rtol=1e-8)


def test_replicates_against_the_dense_formulas(adata, by_hand):
    phi, y, rows = by_hand
    total, weights, between = [], [], []
    for own in rows.values():
        w, v = dense_fit(phi[own], y[own], 1.0)
        samples = [
            dense_fit(phi[own & mine], y[own & mine], 1.0)[0]
            for mine in (adata.obs["Replicate"].to_numpy() == s for s in adata.obs["Replicate"][own].unique())
        ]
        weights.append(w)
        total.append(v)
        between.append(np.stack([np.cov([s[:, gene] for s in samples], rowvar=False) for gene in range(y.shape[1])]))
    delta = weights[1] - weights[0]
    expected = [
        np.sqrt(delta[:, g] @ np.linalg.inv(sum(total) + between[0][g] + between[1][g]) @ delta[:, g])
        for g in range(y.shape[1])
    ]
    found = run(adata, sample_key="Replicate", gp=KOMPOT)
    np.testing.assert_allclose(column(found, "mahalanobis_sample_var"), expected, rtol=1e-8)
    gene = 5
    variance = np.einsum("cr,rs,cs->c", phi, total[0] + between[0][gene], phi)
    std = np.asarray(found.layers["kompot_de_Young_std_sample_var"])[:, gene]
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-4)


def test_cell_groups(adata, by_hand):
    phi, y, rows = by_hand
    found = run(adata, cell_groups="branch", gp=KOMPOT)
    lfc, error, zscore = (found.varm[f"{K}_branch_{what}"] for what in ("mean_lfc", "lfc_se", "lfc_zscore"))
    assert list(lfc.columns) == list(adata.obs["branch"].cat.categories)
    (w1, v1), (w2, v2) = (dense_fit(phi[own], y[own], 1.0) for own in rows.values())
    contrast = rows["Young"] | rows["Old"]
    for branch in lfc.columns:
        mean = phi[contrast & (adata.obs["branch"] == branch).to_numpy()].mean(axis=0)
        np.testing.assert_allclose(lfc[branch], mean @ (w2 - w1), atol=1e-10)
        np.testing.assert_allclose(error[branch], np.sqrt(mean @ (v1 + v2) @ mean), rtol=1e-8)
        np.testing.assert_allclose(zscore[branch], lfc[branch] / error[branch], rtol=1e-10)


def test_a_cell_group_with_too_few_cells(adata):
    old = np.flatnonzero(adata.obs["Age"] == "Old")
    labels = np.full(adata.n_obs, "common", dtype=object)
    labels[old[:9]] = "rare"
    labels[np.flatnonzero(adata.obs["Age"] == "Young")[:40]] = "rare"
    adata.obs["type"] = pd.Categorical(labels)
    found = run(adata, cell_groups="type")
    for what in ("mean_lfc", "lfc_se", "lfc_zscore"):
        table = found.varm[f"{K}_type_{what}"]
        assert table["rare"].isna().all()
        assert np.isfinite(table["common"]).all()


def test_replicates_widen_the_error_of_cell_groups(adata):
    without = run(adata, cell_groups="branch", gp=KOMPOT).varm[f"{K}_branch_lfc_se"]
    with_samples = run(adata, cell_groups="branch", sample_key="Replicate", gp=KOMPOT).varm[
        f"{K}_branch_lfc_se_sample_var"
    ]
    assert (with_samples.to_numpy() > without.to_numpy()).all()


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_swapping_the_conditions_flips_signs_only(adata, sample_key):
    suffix = "_sample_var" if sample_key else ""
    there = run(adata, sample_key=sample_key, cell_groups="branch")
    back = run(adata, sample_key=sample_key, cell_groups="branch", reference="Old", groups="Young")
    other = "kompot_de_Old_to_Young"
    for statistic in (f"mahalanobis{suffix}", f"mahalanobis_local_fdr{suffix}"):
        np.testing.assert_allclose(column(there, statistic), column(back, statistic, other), rtol=1e-8)
    np.testing.assert_array_equal(column(there, f"is_de{suffix}"), column(back, f"is_de{suffix}", other))
    np.testing.assert_allclose(column(there, "mean_lfc"), -column(back, "mean_lfc", other), rtol=1e-8, atol=1e-12)
    z = f"branch_lfc_zscore{suffix}"
    np.testing.assert_allclose(there.varm[f"{K}_{z}"], -back.varm[f"{other}_{z}"], rtol=1e-8, atol=1e-12)
    fold_changes = (x.layers[f"{prefix}_fold_change"].compute() for x, prefix in ((there, K), (back, other)))
    np.testing.assert_allclose(next(fold_changes), -next(fold_changes), atol=1e-5)


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_order_of_cells_does_not_matter(adata, sample_key):
    shuffled = adata[np.random.default_rng(0).permutation(adata.n_obs)].copy()
    a, b = run(adata, sample_key=sample_key), run(shuffled, sample_key=sample_key)
    suffix = "_sample_var" if sample_key else ""
    for statistic in (f"mahalanobis{suffix}", "mean_lfc", f"mahalanobis_local_fdr{suffix}"):
        np.testing.assert_allclose(column(a, statistic), column(b, statistic), rtol=1e-7, atol=1e-9)
    std = f"{K}_fold_change_std{suffix}"
    np.testing.assert_allclose(a[b.obs_names].layers[std].compute(), b.layers[std].compute(), rtol=1e-4)


def test_threads_do_not_matter(adata):
    expected = column(run(adata), "mahalanobis")
    for options in ({"scheduler": "synchronous"}, {"num_workers": 3}):
        with dask.config.set(**options):
            np.testing.assert_allclose(column(run(adata), "mahalanobis"), expected, rtol=1e-10)


def test_single_precision(adata):
    expected = run(adata)
    adata.layers["logged_counts"] = adata.layers["logged_counts"].astype(np.float32)
    found = run(adata)
    np.testing.assert_allclose(column(found, "mahalanobis"), column(expected, "mahalanobis"), rtol=1e-4)
    np.testing.assert_allclose(column(found, "mean_lfc"), column(expected, "mean_lfc"), atol=1e-5)


def test_same_seed_same_result(adata):
    a, b, c = (
        column(run(adata, test=TestSettings(null_genes=40, rng=seed)), "mahalanobis_local_fdr") for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    drawn = TestSettings(null_genes=40, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(column(run(adata, test=drawn), "mahalanobis_local_fdr"), a)


def test_several_groups_in_one_call(adata):
    found = run(adata, groups=["Mid", "Old"], gp=KOMPOT)
    everything = run(adata, groups=None, gp=KOMPOT)
    for group in ("Mid", "Old"):
        prefix = f"kompot_de_Young_to_{group}"
        np.testing.assert_allclose(
            column(found, "mahalanobis", prefix), column(everything, "mahalanobis", prefix), rtol=1e-10
        )
        assert f"{prefix}_fold_change" in found.layers
    phi, y = features(adata, ("Young", "Mid", "Old")), adata.layers["logged_counts"].toarray()
    (w1, v1), (w2, v2) = (
        dense_fit(phi[own], y[own], 1.0) for own in ((adata.obs["Age"] == name).to_numpy() for name in ("Young", "Mid"))
    )
    expected = np.sqrt(np.einsum("rg,rs,sg->g", w2 - w1, np.linalg.inv(v1 + v2), w2 - w1))
    np.testing.assert_allclose(column(found, "mahalanobis", "kompot_de_Young_to_Mid"), expected, rtol=1e-8)
    assert len(found.uns["kompot"]["runs"]) == 2


@pytest.mark.parametrize("kind", ["names", "mask", "column"])
def test_subset_of_genes(adata, kind):
    mask = np.arange(adata.n_vars) % 3 == 0
    adata.var["chosen"] = mask
    genes = {"names": adata.var_names[mask][::-1], "mask": mask, "column": "chosen"}[kind]
    found, whole = run(adata, genes=genes), run(adata)
    for statistic in ("mahalanobis", "mean_lfc"):
        np.testing.assert_allclose(column(found, statistic)[mask], column(whole, statistic)[mask], rtol=1e-10)
        assert np.isnan(column(found, statistic)[~mask]).all()
    assert np.isnan(column(found, "mahalanobis_local_fdr")[~mask]).all()
    assert column(found, "is_de").dtype == bool
    assert not column(found, "is_de")[~mask].any()
    layer = found.layers[f"{K}_fold_change"].compute()
    assert np.isnan(layer[:, ~mask]).all()
    assert np.isfinite(layer[:, mask]).all()


def test_finds_the_true_genes(adata):
    found = run(adata, test=TestSettings(null_genes=500))
    distance, truth = column(found, "mahalanobis"), adata.var["effect_type"].to_numpy() != "none"
    assert distance[truth].mean() > 1.5 * distance[~truth].mean()


@pytest.mark.parametrize(("null_genes", "written"), [(0, False), (40, True)])
def test_significance_is_optional(adata, null_genes, written):
    found = run(adata, gp=KOMPOT, test=TestSettings(null_genes=null_genes, all_statistics=True))
    for statistic in ("mahalanobis_local_fdr", "is_de", "mahalanobis_pvalue", "mahalanobis_tail_fdr"):
        assert (f"{K}_{statistic}" in found.var) == written


def test_null_distances_from_elsewhere(adata):
    found = run(adata, gp=KOMPOT, test=TestSettings(null_mahalanobis=np.full(99, 1e9), all_statistics=True))
    assert (column(found, "mahalanobis_pvalue") == 1).all()
    assert not column(found, "is_de").any()


def test_mask_leaves_cells_out(adata):
    mask = (adata.obs["branch"] != "Erythroid").to_numpy()
    found, cut = run(adata, mask_obs=mask), run(adata[mask].copy())
    for statistic in ("mahalanobis", "mean_lfc"):
        np.testing.assert_allclose(column(found, statistic), column(cut, statistic), rtol=1e-7, atol=1e-9)
    assert np.isfinite(found.layers[f"{K}_fold_change"].compute()).all()


@pytest.mark.parametrize("layers", ["memory", "lazy", None])
def test_storage_of_layers(adata, layers):
    found = run(adata, test=NONE, storage=StorageSettings(layers=layers))
    if layers is None:
        assert f"{K}_fold_change" not in found.layers
        return
    value = found.layers[f"{K}_fold_change"]
    assert isinstance(value, np.ndarray) == (layers == "memory")
    assert value.dtype == np.float32
    weights = found.varm["kompot_de_Old_weights"] - found.varm["kompot_de_Young_weights"]
    np.testing.assert_allclose(np.asarray(value), found.obsm["kompot_de_basis"] @ weights.T, atol=1e-5)


def test_a_view_becomes_a_copy(adata, unchanged):
    view = adata[adata.obs["Age"] != "Mid", :30]
    with unchanged(adata), pytest.warns(UserWarning, match="The data are a view"):
        in_place(view, test=NONE)
    assert not view.is_view
    expected = run(adata[adata.obs["Age"] != "Mid", :30].copy(), test=NONE)
    np.testing.assert_allclose(column(view, "mahalanobis"), column(expected, "mahalanobis"), rtol=1e-10)


def test_changed_fields_are_replaced_with_a_warning(adata, unchanged, monkeypatch):
    in_place(adata, test=NONE)
    in_place(adata, test=NONE)  # the values stay as they are
    with pytest.warns(UserWarning, match=r"Overwriting \d+ fields written by run 1"):
        in_place(adata, test=NONE, gp=GPSettings(ls_factor=5))
    in_place(adata, test=NONE, overwrite=True)
    in_place(adata, test=NONE, key_added="other")
    assert sorted(adata.uns["kompot"]["runs"]) == ["0", "1", "2", "3", "4"]

    def never(*_, **__):
        raise AssertionError("computed before it looked")

    monkeypatch.setattr("kompot_scverse.tl._steps.fit_states", never)
    with unchanged(adata), pytest.raises(ValueError, match="exist already.*overwrite=True"):
        in_place(adata, test=NONE, overwrite=False)


def test_run_is_recorded_as_resolved(adata):
    found = run(adata, sample_key="Replicate")
    (stored,) = (json.loads(text) for text in found.uns["kompot"]["runs"].values())
    assert stored["params"]["use_rep"] == "DM_EigenVectors"
    # a constant is the first feature
    assert stored["params"]["rank"] + 1 == found.obsm["kompot_de_basis"].shape[1]
    assert stored["params"]["ls"] > 0
    assert stored["cells"]["samples"]["Old"].keys() == {"Old_1", "Old_2", "Old_3"}
    for entry in stored["fields"]:
        assert entry["key"] in getattr(found, entry["slot"])


def test_kernel_and_length_scale(adata):
    a = run(adata, test=NONE, gp=GPSettings(kernel="Matern32", ls=2.0))
    b = run(adata, test=NONE, gp=GPSettings(kernel=load_mellon().cov.Matern32(ls=2.0)))
    np.testing.assert_allclose(column(a, "mahalanobis"), column(b, "mahalanobis"), rtol=1e-10)
    assert not np.allclose(column(a, "mahalanobis"), column(run(adata, test=NONE), "mahalanobis"))
