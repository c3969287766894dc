"""Covariance between samples against its formula."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

import kompot_scverse as kp

RNG = np.random.default_rng(0)
PHI = RNG.normal(size=(5, 3)).astype("f4")
FACTORS = {f"{role}_sample_weights": RNG.normal(size=(2, 3, 2)).astype("f4") for role in ("reference", "group")}


def test_estimated_amplitudes_scale_the_kernel_of_both_conditions() -> None:
    adata = AnnData(np.zeros((5, 2)))
    params = {"amplitude": "evidence", "sample_key": "donor", "prior_variance": 2.0}
    add_run(adata, params=params, obsm={"basis": PHI}, var={"sample_sd": np.array([0.3, 0.5])})
    found = kp.get.sample_covariance(adata, adata.var_names[1], cells=[4, 0])
    np.testing.assert_allclose(found, 2 * 0.25 / 2.0 * (PHI @ PHI.T)[np.ix_([4, 0], [4, 0])], rtol=1e-5)


def test_given_amplitudes_have_the_empirical_covariance() -> None:
    adata = AnnData(np.zeros((5, 2)))
    add_run(adata, params={"sigma": 1.0, "sample_key": "donor"}, obsm={"basis": PHI}, varm=FACTORS)
    smoothed = np.concatenate([PHI @ factor[0] for factor in FACTORS.values()], axis=1)
    np.testing.assert_allclose(kp.get.sample_covariance(adata, adata.var_names[0]), smoothed @ smoothed.T, rtol=1e-4)


def test_runs_without_samples_say_so() -> None:
    adata = AnnData(np.zeros((5, 2)))
    add_run(adata, params={"sigma": 1.0}, obsm={"basis": PHI})
    with pytest.raises(LookupError, match="sample_weights"):
        kp.get.sample_covariance(adata, adata.var_names[0])
