"""Samples fitted again are those that the run fitted."""

import numpy as np
import pytest

from kompot_scverse import GPSettings, StorageSettings, tl
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.sample_fits import sample_fits

PREFIX = "kompot_de"


def test_weights_are_those_of_the_run(adata):
    gp = GPSettings.kompot()
    options = {"reference": "Young", "groups": "Old", "sample_key": "Replicate", "layer": "logged_counts"}
    tl.de(adata, "Age", gp=gp, storage=StorageSettings(sample_covariance="memory"), **options)
    fits = sample_fits(find_view(adata, "de"), 7)
    for role, age in (("reference", "Young"), ("group", "Old")):
        own = fits.weights[fits.names.get_level_values(0) == role]
        factor = adata.varm[f"{PREFIX}_{age}_sample_weights"][7]
        np.testing.assert_allclose(
            ((own - own.mean(axis=0)) / np.sqrt(len(own) - 1)).T, factor, atol=2e-4 * np.abs(factor).max()
        )


def test_means_are_those_of_the_functions_at_the_cells(adata):
    options = {"reference": "Young", "groups": "Old", "sample_key": "Replicate", "layer": "logged_counts"}
    tl.de(adata, "Age", **options)
    fits = sample_fits(find_view(adata, "de"), 3)
    cells = (adata.obs["branch"] == "HSC").to_numpy()
    own = cells & adata.obs["Age"].isin(["Young", "Old"]).to_numpy()
    np.testing.assert_allclose(fits.means(cells), (fits.phi[own] @ fits.weights.T).mean(axis=0))
    imputed = np.asarray(adata.layers[f"{PREFIX}_Old_imputed"][:, 3])
    np.testing.assert_allclose((fits.phi[own] @ fits.condition_weights["group"]).mean(), imputed[own].mean(), rtol=1e-5)
    y = adata.layers["logged_counts"][:, 3].toarray()[:, 0]
    old_1 = own & (adata.obs["Replicate"] == "Old_1").to_numpy()
    observed = dict(zip(fits.names, fits.observed_means(cells), strict=True))
    assert observed["group", "Old_1"] == pytest.approx(y[old_1].mean())
    assert np.isnan(fits.observed_means(np.zeros(len(y), dtype=bool))).all()
    assert not fits.paired


def test_a_run_without_samples(adata):
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    with pytest.raises(LookupError, match=r"No replicates of run 0 .*sample_key"):
        sample_fits(find_view(adata, "de"), 0)
