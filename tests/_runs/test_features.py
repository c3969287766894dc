"""Features of a run that keeps none."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse import GPSettings
from kompot_scverse._gp.recipe import FeatureRecipe
from kompot_scverse._gp.states import States, fit_states
from kompot_scverse._runs.features import FEATURES, run_features
from kompot_scverse._runs.row_prints import row_print

X = np.random.default_rng(0).normal(size=(40, 2))


@pytest.fixture(scope="module")
def states() -> States:
    return fit_states(X, np.ones(40, dtype=bool), "X_pca", GPSettings(rtol=1e-3))


@pytest.fixture
def view(states: States):
    """A run that remembers what its features are computed from; the representation has one column more than is used."""
    adata = AnnData(np.zeros((40, 1)), obsm={"X_pca": np.column_stack([X, np.ones(40)])})
    recipe = FeatureRecipe.of(states.features(), states.model.frame, np.arange(2), "Matern52", float(states.model.ls))
    record = recipe.to_dict() | {"rows": row_print(recipe.inward(adata.obsm["X_pca"]))}
    return add_run(adata, params={"use_rep": "X_pca"}, diagnostics={FEATURES: record}, var={"mean_lfc": np.zeros(1)})


def test_they_are_those_of_the_fit(view, states: States) -> None:
    np.testing.assert_allclose(run_features(view)[:], states.features()[:], rtol=1e-5, atol=1e-7)
    rows = np.array([7, 3])
    np.testing.assert_allclose(run_features(view)[rows], states.features()[rows], rtol=1e-5, atol=1e-7)


def test_another_representation_is_refused(view) -> None:
    view.own.obsm["X_pca"] = view.own.obsm["X_pca"] + 0.1
    with pytest.raises(ValueError, match=r"obsm\['X_pca'\] is not, or not only, what run 0 .* was made on"):
        run_features(view)
    view.own.obsm["X_pca"] = np.ones((40, 1))
    with pytest.raises(ValueError, match="is not, or not only"):
        run_features(view)
    del view.own.obsm["X_pca"]
    with pytest.raises(LookupError, match=r"keeps no basis .* is gone"):
        run_features(view)
