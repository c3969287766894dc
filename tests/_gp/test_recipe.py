"""Features computed from a record are those that were recorded."""

import json

import numpy as np
import pytest

from kompot_scverse import GPSettings
from kompot_scverse._gp.mellon import load_mellon
from kompot_scverse._gp.recipe import FeatureRecipe, kernel_name
from kompot_scverse._gp.states import fit_states


def test_a_record_gives_the_same_features():
    x = 3 + np.random.default_rng(0).normal(size=(150, 4))
    kept = np.array([0, 2, 3])
    gp = GPSettings(kernel="Matern32")
    states = fit_states(x[:, kept], np.ones(150, dtype=bool), "X_pca", gp)
    features = states.features(constant=True, scale=0.5)
    recipe = FeatureRecipe.of(features, states.model.frame, kept, kernel_name(gp.kernel), states.model.ls)
    again = FeatureRecipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    np.testing.assert_array_equal(again.inward(x), states.x)
    np.testing.assert_allclose(again.features(again.inward(x))[:], features[:], atol=1e-7)


def test_only_kernels_with_a_name_can_be_recorded():
    cov = load_mellon().cov
    found = [kernel_name(kernel) for kernel in (None, "Linear", cov.Matern52)]
    assert found == ["Matern52", "Linear", "Matern52"]
    for own in (cov.Matern52(ls=2.0), type("Matern52", (cov.Matern52,), {})):
        with pytest.raises(ValueError, match="kernel of your own"):
            kernel_name(own)
