"""The variance between samples of the model with given amplitudes, computed again where it is not kept."""

import numpy as np

from kompot_scverse._data.features import feature_values
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._gp.posterior import posterior_weights, spectrum
from kompot_scverse._stats.design import MIN_CELLS
from kompot_scverse._stats.sample_covariance import CHUNK

from .sample_fits import ROLES, run_mask, warn_of_changes
from .view import RunView


def sample_factor(view: RunView, role: str, numbers: np.ndarray) -> np.ndarray:
    r"""
    Factor U of the covariance between the samples of a condition, genes × rank × samples.

    It has the columns :math:`(w_s - \bar w) / \sqrt{k - 1}` with :math:`w_s = (G_s + \sigma^2 I)^{-1} B_s`, and is kept by runs
    with `StorageSettings(sample_covariance="memory")`. Warns where expression or cells are not those of the run.

    Parameters
    ----------
    view
        A de run with replicates and given amplitudes.
    role
        reference or group.
    numbers
        Positions of the genes.
    """
    key, layer = view.run.params.get("sample_key"), view.run.params.get("layer")
    if key is None:
        return np.asarray(view.read(f"{role}_sample_weights"))  # which says what is missing
    if view.run.params.get("equal_depth"):
        raise LookupError(
            f"The variance between samples at equal depth is not kept by {view.name}; "
            'call it with `storage=kp.StorageSettings(sample_covariance="memory")`.'
        )
    warn_of_changes(view)
    cells = view.conditions()[ROLES.index(role)] & run_mask(view)
    labels, phi = obs_column(view.data, key, "sample_key"), view.features()
    samples = [np.flatnonzero(cells & (labels == label).to_numpy()) for label in labels.cat.categories]
    features = [(rows, phi[rows].astype(np.float64)) for rows in samples if len(rows) >= MIN_CELLS]
    spectra = [spectrum(own.T @ own) for _, own in features]
    factor = np.empty((len(numbers), phi.shape[1], len(features)), dtype=np.float32)
    for start in range(0, len(numbers), CHUNK):
        block = slice(start, start + CHUNK)
        y = feature_values(view.data, numbers[block], layer)
        for column, ((rows, own), eigen) in enumerate(zip(features, spectra, strict=True)):
            factor[block, :, column] = posterior_weights(eigen, y[rows].T @ own, float(view.run.params["sigma"]))
    factor -= factor.mean(axis=2, keepdims=True)
    factor /= np.sqrt(max(len(features) - 1, 1))
    factor[~np.isfinite(np.asarray(view.read(f"{role}_weights"))[numbers]).all(axis=1)] = np.nan
    return factor
