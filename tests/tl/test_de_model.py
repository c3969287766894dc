"""On real cells, the numbers are those of mellon's `FunctionEstimator` with every cell as a landmark."""

import anndata as ad
import jax
import numpy as np
import pytest

import kompot_scverse as kp
from kompot_scverse._gp import gene_blocks
from kompot_scverse._gp.mellon import load_mellon
from kompot_scverse._gp.model import fit_cell_states
from kompot_scverse.settings import GPSettings
from kompot_scverse.tl import _de_model, de

K = "kompot_de_ctrl_to_stim"


@pytest.fixture(scope="module")
def kang(data_dir) -> ad.AnnData:
    """1,000 cells × 500 genes, with results of ours."""
    adata = ad.read_h5ad(data_dir / "kang_pbmc_ifnb.h5ad")
    rows = np.sort(np.random.default_rng(0).choice(adata.n_obs, 1000, replace=False))
    genes = np.argsort(-np.asarray(adata.X.mean(axis=0)).ravel())[:500]
    size = np.asarray(adata.X[rows].sum(axis=1)).ravel()
    y = np.log1p(adata.X[rows][:, genes].toarray().astype(np.float64) / size[:, None] * 1e4)
    small = ad.AnnData(
        y,
        obs=adata.obs[["condition"]].iloc[rows],
        var=adata.var.iloc[genes][[]],
        obsm={"X_pca_harmony": np.asarray(adata.obsm["X_pca_harmony"], dtype=np.float64)[rows]},
    )
    de(small, "condition", reference="ctrl", use_rep="X_pca_harmony", gp=GPSettings.kompot())
    return small


@pytest.fixture(scope="module")
def mellons(kang):
    """Mean and variance of each condition at every cell, and covariance at the pivots, without any approximation."""
    x = kang.obsm["X_pca_harmony"]
    states = fit_cell_states(x, GPSettings())
    # the pivots: distinct points that determine the function
    inside = states.frame.inward(x)
    points = np.array([np.flatnonzero((inside == pivot).all(axis=1))[0] for pivot in states.basis.pivots])
    found = {}
    with jax.enable_x64(True):
        mellon = load_mellon()
        for condition in ("ctrl", "stim"):
            own = (kang.obs["condition"] == condition).to_numpy()
            estimator = mellon.FunctionEstimator(
                cov_func=mellon.cov.Matern52(ls=states.ls),
                ls=states.ls,  # unused, but else estimated
                landmarks=x[own],
                gp_type="full",
                sigma=1.0,
                predictor_with_uncertainty=True,
            )
            estimator.fit(x[own], kang.X[own])
            predict = estimator.predict
            covariance = predict.covariance(x[points], diag=False)
            found[condition] = tuple(map(np.asarray, (predict(x), predict.covariance(x, diag=True), covariance)))
    return found, points


def test_fold_change(kang, mellons):
    found, _ = mellons
    expected = found["stim"][0] - found["ctrl"][0]
    ours = kang.layers[f"{K}_fold_change"].compute()
    assert np.abs(ours - expected).max() <= 1e-2
    np.testing.assert_allclose(kang.var[f"{K}_mean_lfc"], expected.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("condition", ["ctrl", "stim"])
def test_standard_deviation(kang, mellons, condition):
    expected = np.sqrt(mellons[0][condition][1])
    np.testing.assert_allclose(kang.obs[f"kompot_de_{condition}_std"], expected, rtol=1e-2)


def test_distances_are_those_of_mellon(kang, mellons):
    found, points = mellons
    difference = (found["stim"][0] - found["ctrl"][0])[points]
    covariance = found["stim"][2] + found["ctrl"][2]
    solved = np.linalg.solve(covariance + 1e-10 * np.eye(len(points)), difference)
    expected = np.sqrt((difference * solved).sum(axis=0))
    error = np.abs(kang.var[f"{K}_mahalanobis"].to_numpy() / expected - 1)
    assert np.median(error) <= 1e-3
    assert error.max() <= 1e-2


@pytest.mark.parametrize(
    "arguments",
    [
        {"groupby": "Age", "reference": "Young", "test": kp.TestSettings(null_genes=15)},
        {
            "groupby": kp.Design("~ Age", test="Age"),
            "sample_key": "Replicate",
            "genes": [f"Gene{n:04d}" for n in range(1, 40)],
        },
    ],
    ids=["null genes", "formula and samples"],
)
def test_genes_in_several_passes_have_the_results_of_one(simulated, monkeypatch, arguments):
    kept = {"storage": kp.StorageSettings(layers=None), "layer": "logged_counts"}
    expected, found = simulated.copy(), simulated.copy()
    de(expected, **arguments, **kept)
    passes, plain = [], _de_model.collect_moments
    monkeypatch.setattr(
        _de_model, "collect_moments", lambda y, *others, **more: passes.append(y.shape[1]) or plain(y, *others, **more)
    )
    monkeypatch.setattr(gene_blocks, "LARGEST", 2**14)
    de(found, **arguments, **kept)
    assert len(passes) > 1
    assert max(passes) < 30
    for slot in ("var", "varm", "obsm", "obs"):
        for name in (key for key in getattr(expected, slot) if key not in getattr(simulated, slot)):
            one, other = (getattr(adata, slot)[name] for adata in (found, expected))
            if hasattr(one, "toarray"):
                one, other = one.toarray(), other.toarray()
            if np.asarray(other).dtype.kind in "fc":
                np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-6, err_msg=name)
            else:
                np.testing.assert_array_equal(np.asarray(one).astype(str), np.asarray(other).astype(str), err_msg=name)
