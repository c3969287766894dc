"""The smoothed expression of each sample, from the basis of a run and the expression in the data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from kompot_scverse._data.features import feature_values
from kompot_scverse._data.resolve import expression_values, obs_column
from kompot_scverse._data.tables import column_of
from kompot_scverse._gp.posterior import posterior_weights, spectrum
from kompot_scverse._messages import warn
from kompot_scverse._stats.design import MIN_CELLS

from .fingerprint import cells_print, matrix_print
from .view import RunView

ROLES = ("reference", "group")
TOLERANCE = 1e-2
"""Largest relative difference to the stored weights, which are float32, that counts as none."""


@dataclass(frozen=True)
class SampleFits:
    """One gene in each sample; a sample is a pair of role (reference or group, or a level of a design) and label."""

    names: pd.MultiIndex
    """Role and label of each sample."""
    roles: tuple[str, ...]
    """All roles in order."""
    order: np.ndarray
    """In which order samples stand side by side."""
    joined: np.ndarray
    """What samples of one donor have in common."""
    weights: np.ndarray
    """Weights of the function of each sample: samples × features."""
    condition_weights: dict[str, np.ndarray]
    """Posterior weights of each condition from all its cells, by role; of a level, of its samples on average."""
    phi: np.ndarray
    """Features: cells × rank."""
    codes: np.ndarray
    """Sample of each cell, -1 for cells that take no part."""
    values: np.ndarray
    """Expression of each cell."""

    @property
    def cells(self) -> np.ndarray:
        """Cells of the two conditions."""
        return self.codes >= 0

    def means(self, cells: np.ndarray) -> np.ndarray:
        """Mean of the function of each sample over cells of the two conditions, the same for all."""
        return self.phi[self.cells & cells].mean(axis=0) @ self.weights.T

    def observed_means(self, cells: np.ndarray) -> np.ndarray:
        """Mean expression of each sample's own cells among them; NaN for samples without any."""
        own = self.cells & cells
        sizes, sums = (
            np.bincount(self.codes[own], weights=weights, minlength=len(self.names))
            for weights in (None, self.values[own])
        )
        return np.divide(sums, sizes, out=np.full(len(sums), np.nan), where=sizes > 0)

    def profiles(self, parts: list[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Samples × parts and, of each condition, its function; means over the cells whose numbers each part has."""
        means = np.stack([self.phi[part].mean(axis=0) for part in parts])
        return self.weights @ means.T, {role: means @ own for role, own in self.condition_weights.items()}

    @property
    def paired(self) -> bool:
        """Whether some samples are of one donor, as those treated and untreated are."""
        return len(np.unique(self.joined)) < len(self.joined)


def sample_fits(view: RunView, gene: int) -> SampleFits:
    r"""
    Fit each sample that counted as a replicate to one gene, as the run did.

    Where the run estimated variance components, the function of a sample is that of its condition and its own field,
    :math:`w_c + (I / \rho + G_s)^{-1} (B_s - G_s w_c)` with the ratio :math:`\rho` of the sample's variance to that of the
    noise. With given amplitudes :math:`\rho = 1 / \sigma^2`, and 0 is in the place of :math:`w_c`; warns where
    these are not the weights whose deviations the run stored. Likewise where the fingerprint of expression and cells in
    memory is another one.

    Parameters
    ----------
    view
        A de run with replicates.
    gene
        Position of the gene.
    """
    key = view.run.params.get("sample_key")
    if key is None:
        raise LookupError(f"No replicates of {view.name}; call `{view.call('sample_sd')}`.")
    phi = view.features().astype(np.float64)
    labels = obs_column(view.data, key, "sample_key")
    y = feature_values(view.data, np.array([gene]), view.run.params.get("layer"))[:, 0]
    names: list[tuple[str, Any]] = []
    weights, own_weights = [], {}
    codes = np.full(len(phi), -1)
    ratio, estimated = sample_ratio(view, gene), view.run.params.get("amplitude") == "evidence"
    for role, cells in zip(ROLES, view.conditions(), strict=True):
        cells = cells & run_mask(view)
        stored = view.read(f"{role}_weights")
        own_weights[role] = np.asarray(stored[gene], dtype=np.float64)
        around = own_weights[role] if estimated else np.zeros(phi.shape[1])
        for label in labels.cat.categories:
            rows = np.flatnonzero(cells & (labels == label).to_numpy())
            if len(rows) < MIN_CELLS:
                continue
            codes[rows] = len(names)
            names.append((role, str(label)))
            own = phi[rows]
            weights.append(fit_samples(own, y[rows], around, ratio))
    every = np.array([label for _, label in names])
    fits = SampleFits(
        names=pd.MultiIndex.from_tuples(names, names=["role", "sample"]),
        roles=ROLES,
        order=np.unique(every, return_inverse=True)[1].astype(np.float64),
        joined=every,
        weights=np.array(weights),
        condition_weights=own_weights,
        phi=phi,
        codes=codes,
        values=y,
    )
    _compare_with_stored(view, gene, fits)
    return fits


def run_mask(view: RunView) -> np.ndarray:
    """Cells of the run, where its call named a column; all, where it named none or a mask that is not stored."""
    given = view.run.call.get("arguments", {}).get("mask_obs")
    if isinstance(given, str) and given in view.data.obs:
        return column_of(view.data.obs, given).to_numpy(dtype=bool)
    return np.ones(view.data.n_obs, dtype=bool)


def sample_ratio(view: RunView, gene: int) -> float:
    """
    Variance of the sample process of a gene over that of the noise; with given amplitudes, that of the whole function of a sample.

    Parameters
    ----------
    view
        A de run with replicates.
    gene
        Position of the gene.
    """
    if view.run.params.get("amplitude") != "evidence":
        return float(view.run.params["sigma"]) ** -2
    sample, noise = (float(view.read(f"{name}_sd").iloc[gene]) for name in ("sample", "noise"))
    return (sample / noise) ** 2 / view.run.params["prior_variance"] if noise > 0 else 0.0


def fit_samples(phi: np.ndarray, y: np.ndarray, condition: np.ndarray, ratio: float) -> np.ndarray:
    """
    Weights of the function of one sample around its condition.

    Parameters
    ----------
    phi
        Features of its cells.
    y
        Their expression.
    condition
        Weights of its condition, or of its row of a design; 0 for a sample by itself.
    ratio
        From :func:`sample_ratio`.
    """
    if ratio == 0:
        return condition
    residual = y @ phi - phi.T @ (phi @ condition)
    return condition + posterior_weights(spectrum(phi.T @ phi), residual[None], 1 / np.sqrt(ratio))[0]


def _is_changed(view: RunView) -> bool:
    """Whether the expression in memory, or which cells are of the run, differ from its fingerprint."""
    values, _ = expression_values(view.data, view.run.params.get("layer"))
    several = any(run.same_call(view.run) and run.run_id != view.run.run_id for run in view.history)
    # a call with several groups has one fingerprint for all of them
    if (
        several
        or not (isinstance(values, np.ndarray) or sp.issparse(values))
        or "expression" not in view.run.fingerprint
    ):
        return False
    cells = np.logical_or(*view.conditions()) & run_mask(view)
    if view.data.n_vars < view.run.params["n_genes"]:
        # genes were chosen since, and the print of the expression is one of all together
        if view.effect is not None:
            return False
        codes = view.conditions()[1][cells].astype(np.intp)
        found = cells_print(view.data.obs_names[cells], [view.reference, view.group], codes)
        return found != view.run.fingerprint["cells"]
    return matrix_print(values, cells, view.data.var_names) != view.run.fingerprint["expression"]


def warn_of_changes(view: RunView) -> None:
    """
    Warn if expression or cells are not those of the run.

    Parameters
    ----------
    view
        A de run.
    """
    if _is_changed(view):
        _warn(view)


def _compare_with_stored(view: RunView, gene: int, fits: SampleFits) -> None:
    """Warn if the deviations from the mean of the samples are not those that the run stored."""
    if not any(view.is_there(f"{role}_sample_weights") for role in ROLES):
        warn_of_changes(view)
        return
    for role in ("reference", "group"):
        statistic = f"{role}_sample_weights"
        if not view.is_there(statistic) or view.source(statistic) is not view.run:
            continue
        own = fits.weights[fits.names.get_level_values(0) == role]
        stored: Any = np.asarray(view.read(statistic)[gene], dtype=np.float64)
        deviations = ((own - own.mean(axis=0)) / np.sqrt(max(len(own) - 1, 1))).T
        if stored.shape != deviations.shape or np.abs(stored - deviations).max() > TOLERANCE * np.abs(stored).max():
            _warn(view)
            return


def _warn(view: RunView) -> None:
    warn(
        f"The samples of {view.name} have changed: expression, labels or "
        "cells changed, or the run had a `mask_obs` that is not stored. They are shown as the data are now."
    )
