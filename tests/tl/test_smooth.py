"""Smoothing equals the textbook Gaussian process on all cells, and keeps to the rules of the tools."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kompot_scverse import GPSettings, RunInfo, StorageSettings, tl
from kompot_scverse.get import layer

EXACT = GPSettings.kompot(rtol=0, sigma=0.7)


def matern52(x, y, ls):
    r = np.sqrt(5) * cdist(x, y) / ls
    return (1 + r + r**2 / 3) * np.exp(-r)


def dense(values):
    return values.toarray() if hasattr(values, "toarray") else np.asarray(values)


def textbook(adata, own, ls, sigma):
    """Mean and standard deviation at all cells (Rasmussen & Williams 2006, eqs. 2.23 and 2.24)."""
    x = np.asarray(adata.obsm["DM_EigenVectors"], dtype=float)
    k = matern52(x[own], x[own], ls) + sigma**2 * np.eye(own.sum())
    cross = matern52(x, x[own], ls)
    mean = cross @ np.linalg.solve(k, dense(adata.layers["logged_counts"])[own])
    variance = 1 - np.einsum("ij,ji->i", cross, np.linalg.solve(k, cross.T))
    return mean, np.sqrt(variance)


@pytest.fixture
def small(adata):
    return adata[::4].copy()


@pytest.mark.parametrize("group", [None, "Old"])
def test_equals_the_textbook_formula(small, group):
    groupby = None if group is None else "Age"
    tl.smooth(small, groupby, group=group, layer="logged_counts", gp=EXACT)
    prefix = "kompot_smooth" if group is None else "kompot_smooth_Old"
    own = np.ones(small.n_obs, dtype=bool) if group is None else (small.obs["Age"] == group).to_numpy()
    mean, std = textbook(small, own, RunInfo(small, analysis="smooth").params["ls"], EXACT.sigma)
    found = small.layers[f"{prefix}_imputed"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.asarray(found), mean, rtol=0, atol=1e-5)
    np.testing.assert_allclose(small.obs[f"{prefix}_std"], std, rtol=0, atol=1e-5)
    assert small.obsm[f"{prefix}_basis"].shape[0] == small.n_obs
    assert small.varm[f"{prefix}_weights"].shape == (small.n_vars, small.obsm[f"{prefix}_basis"].shape[1])


def test_mask_leaves_cells_out(small):
    own = (np.arange(small.n_obs) % 2) == 0
    tl.smooth(small, layer="logged_counts", mask_obs=own, gp=EXACT)
    mean, _ = textbook(small, own, RunInfo(small, analysis="smooth").params["ls"], EXACT.sigma)
    np.testing.assert_allclose(np.asarray(small.layers["kompot_smooth_imputed"]), mean, rtol=0, atol=1e-5)


def test_conditions_share_length_scale_and_basis(adata):
    for group in ("Young", "Old"):
        tl.smooth(adata, "Age", group=group, layer="logged_counts", overwrite=False)
    young, old = (RunInfo(adata, run, analysis="smooth") for run in (0, 1))
    assert young.params["ls"] == old.params["ls"]
    np.testing.assert_array_equal(adata.obsm["kompot_smooth_Young_basis"], adata.obsm["kompot_smooth_Old_basis"])


def test_same_as_de_where_all_cells_take_part(adata):
    # in the default model the conditions share their state
    tl.smooth(adata, "Age", group="Old", layer="logged_counts", gp=GPSettings.kompot())
    tl.de(adata, "Age", reference="Young", layer="logged_counts", gp=GPSettings.kompot())
    de = np.asarray(adata.layers["kompot_de_Old_imputed"])
    np.testing.assert_allclose(np.asarray(adata.layers["kompot_smooth_Old_imputed"]), de, atol=1e-6)
    np.testing.assert_allclose(adata.obs["kompot_smooth_Old_std"], adata.obs["kompot_de_Old_std"], atol=1e-12)


def test_run_lists_everything_written(adata):
    before = {slot: set(getattr(adata, slot)) for slot in ("obs", "var", "obsm", "varm", "layers")}
    tl.smooth(adata, "Age", group="Old", layer="logged_counts")
    written = {(slot, key) for slot, keys in before.items() for key in set(getattr(adata, slot)) - keys}
    run = RunInfo(adata, analysis="smooth")
    assert set(zip(run.fields["slot"], run.fields["key"], strict=True)) == written
    assert run.cells["conditions"] == {"Old": int((adata.obs["Age"] == "Old").sum())}
    assert "group='Old'" in run.call().replace('"', "'")
    assert "smooth" in str(run)


def test_layers_are_restored(adata):
    tl.smooth(adata, layer="logged_counts")
    expected = np.asarray(adata.layers["kompot_smooth_imputed"])
    tl.cleanup(adata)
    assert "kompot_smooth_imputed" not in adata.layers
    tl.restore_layers(adata)
    np.testing.assert_array_equal(np.asarray(adata.layers["kompot_smooth_imputed"]), expected)


def test_some_genes_are_as_among_all(adata):
    tl.smooth(adata, layer="logged_counts", key_added="all")
    tl.smooth(adata, layer="logged_counts", genes=list(adata.var_names[[3, 8]]))
    some, everything = (np.asarray(adata.layers[f"{key}_imputed"]) for key in ("kompot_smooth", "all"))
    np.testing.assert_allclose(some[:, [3, 8]], everything[:, [3, 8]], atol=1e-5)
    assert np.isnan(np.delete(some, [3, 8], axis=1)).all()


def test_default_model_equals_the_dense_marginal_likelihood(small):
    """The noise and amplitude of most likelihood, on the grid, of the dense Gaussian process."""
    tl.smooth(small, layer="logged_counts", gp=GPSettings(rtol=0))
    x, y = small.obsm["DM_EigenVectors"], dense(small.layers["logged_counts"])
    run = RunInfo(small, analysis="smooth")
    kernel = matern52(x, x, run.params["ls"])
    ratio = 10.0 ** np.arange(-4, 3.1, 0.5)
    n, found = len(y), np.empty_like(y)
    for gene in range(y.shape[1]):
        log, fits = [], []
        for r in ratio:
            inverse = np.linalg.inv(np.eye(n) + r * kernel)
            total = inverse.sum()
            mean = inverse.sum(axis=0) @ y[:, gene] / total
            residual = y[:, gene] - mean
            q = residual @ inverse @ residual
            log.append(-0.5 * ((n - 1) * np.log(max(q, 1e-300)) - np.linalg.slogdet(inverse)[1] + np.log(total)))
            fits.append(mean + r * kernel @ inverse @ residual)
        found[:, gene] = fits[int(np.argmax(log))]
    ours = layer(small, "imputed", analysis="smooth")
    # ours is averaged over the grid, with a prior learnt from few genes
    varies = y.std(axis=0) > 0
    error = (np.sqrt(np.square(ours - found).mean(axis=0))[varies]) / y.std(axis=0)[varies]
    assert np.median(error) < 0.05


def test_layers_are_kept_as_asked_for(adata):
    tl.smooth(adata, layer="logged_counts", storage=StorageSettings(layers="memory"))
    tl.smooth(adata, layer="logged_counts", storage=StorageSettings(layers=None), key_added="none")
    assert isinstance(adata.layers["kompot_smooth_imputed"], np.ndarray)
    assert "none_imputed" not in adata.layers
    np.testing.assert_allclose(
        layer(adata, "imputed", analysis="smooth"), adata.layers["kompot_smooth_imputed"], atol=1e-6
    )


def test_changed_fields_are_replaced_with_a_warning(adata):
    tl.smooth(adata, layer="logged_counts")
    with pytest.raises(ValueError, match="written by run 0"):
        tl.smooth(adata, layer="logged_counts", overwrite=False)
    tl.smooth(adata, layer="logged_counts")  # the values stay as they are
    with pytest.warns(UserWarning, match="Overwriting 6 fields written by run 1"):
        tl.smooth(adata, layer="logged_counts", gp=GPSettings(ls_factor=5))
    tl.smooth(adata, layer="logged_counts", overwrite=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"groupby": "Age"}, ValueError, "needs `group=`.*'Old'"),
        ({"group": "Old"}, ValueError, "needs `groupby=`"),
        ({"groupby": "Agee", "group": "Old"}, KeyError, "existing: 'Age'"),
        ({"groupby": "Age", "group": "old"}, KeyError, "'old'; existing: 'Old'"),
        ({"layer": "logged"}, KeyError, "existing: 'logged_counts'"),
        ({"mask_obs": np.arange(600) < 5}, ValueError, "5 cells"),
        ({"genes": ["nobody"]}, KeyError, "No gene .*'nobody'"),
    ],
)
def test_bad_input_changes_nothing(adata, unchanged, arguments, error, message):
    with unchanged(adata), pytest.raises(error, match=message):
        tl.smooth(adata, **({"layer": "logged_counts"} | arguments))
