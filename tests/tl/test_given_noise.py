"""Amplitudes by evidence beside a noise that is given, through the tools, against the dense Gaussian process."""

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist

import kompot_scverse as kp
from kompot_scverse._gp.evidence import ratio_grid
from kompot_scverse._gp.grid_prior import grid_posterior, grid_prior

KEY, SIGMA = "kompot_de_Young_to_Old", 0.4
GP = kp.GPSettings(rtol=0, sigma=SIGMA)
CALL = {"layer": "logged_counts", "gp": GP}
DESIGN = {"groupby": "Age", "reference": "Young", "groups": "Old"}


def dense(adata: AnnData, x: np.ndarray, analysis: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the function of the second column of the design, or of the only one: cells × genes."""
    r = np.sqrt(5) * cdist(adata.obsm["DM_EigenVectors"], adata.obsm["DM_EigenVectors"])
    r /= kp.RunInfo(adata, analysis=analysis).params["ls"]
    k = (1 + r + r**2 / 3) * np.exp(-r)
    y = adata.layers["logged_counts"].toarray().astype(float)
    logs, means, variances = [], [], []
    grid = ratio_grid(samples=False, effects=x.shape[1] > 1)
    for _, state, effect in grid.points:
        c = SIGMA**2 * (np.eye(len(y)) + k * (state + effect * (x[:, 1:] @ x[:, 1:].T)))
        inverse = np.linalg.inv(c)
        information = x.T @ inverse @ x
        fixed = np.linalg.solve(information, x.T @ inverse @ y)
        residual = y - x @ fixed
        squares = np.einsum("ig,ig->g", residual, inverse @ residual)
        logs.append(-0.5 * (squares + np.linalg.slogdet(c)[1] + np.linalg.slogdet(information)[1]))
        cross = SIGMA**2 * k * (state if x.shape[1] == 1 else effect * x[:, 1])
        means.append(fixed[-1] + cross @ inverse @ residual)
        left = (np.arange(x.shape[1]) == x.shape[1] - 1) - cross @ inverse @ x
        prior = SIGMA**2 * (state if x.shape[1] == 1 else effect)
        left_over = np.einsum("ij,ij->i", cross @ inverse, cross)
        variances.append(prior - left_over + np.einsum("ij,ij->i", left, np.linalg.solve(information, left.T).T))
    log = np.transpose(logs)
    log -= log.max(axis=1, keepdims=True)
    probability = grid_posterior(log, grid_prior(log))
    mean = np.einsum("gp,pcg->cg", probability, means)
    return mean, np.sqrt(np.einsum("gp,pc->cg", probability, variances))


@pytest.fixture
def small(adata: AnnData) -> AnnData:
    return adata[adata.obs["Age"] != "Mid"][::3].copy()


def test_smoothed_expression_is_that_of_the_dense_process(small: AnnData):
    kp.tl.smooth(small, **CALL)
    mean, std = dense(small, np.ones((small.n_obs, 1)), "smooth")
    np.testing.assert_allclose(kp.get.layer(small, "imputed", analysis="smooth"), mean, atol=2e-3)
    # a few covariances stand for all
    np.testing.assert_allclose(kp.get.layer(small, "std", analysis="smooth"), std, rtol=0.1)
    assert kp.RunInfo(small, analysis="smooth").params["sigma"] == SIGMA


def test_fold_change_is_that_of_the_dense_process(small: AnnData):
    # a gene of one value takes part like any other
    values = small.layers["logged_counts"].toarray()
    values[:, 5] = 1.0
    small.layers["logged_counts"] = csr_matrix(values)
    kp.tl.de(small, **DESIGN, **CALL)
    x = np.column_stack([np.ones(small.n_obs), np.where(small.obs["Age"] == "Old", 0.5, -0.5)])
    mean, std = dense(small, x, "de")
    np.testing.assert_allclose(kp.get.layer(small, "fold_change"), mean, atol=2e-3)
    np.testing.assert_allclose(kp.get.layer(small, "fold_change_std"), std, rtol=0.1)
    params = kp.RunInfo(small).params
    assert (params["amplitude"], params["sigma"]) == ("evidence", SIGMA)
    np.testing.assert_allclose(small.var[f"{KEY}_noise_sd"], SIGMA, rtol=1e-6)


def test_samples_have_their_component_beside_the_noise(adata: AnnData):
    gp = kp.GPSettings(sigma=SIGMA)
    kp.tl.de(adata, **DESIGN, layer="logged_counts", gp=gp, sample_key="Replicate")
    np.testing.assert_allclose(adata.var[f"{KEY}_noise_sd"], SIGMA, rtol=1e-6)
    assert (adata.var[f"{KEY}_sample_sd"] > 0.05).any()
    kp.pl.replicates(adata, adata.var_names[3], along="pseudotime", show=False)
