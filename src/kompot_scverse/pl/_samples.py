"""The smoothed expression of each sample, from the basis of a run and the expression in the data."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from kompot_scverse._data.design import MIN_CELLS
from kompot_scverse._data.errors import INSIDE
from kompot_scverse._data.holders import holder
from kompot_scverse._data.resolve import expression_values, obs_column
from kompot_scverse._data.tables import column_of
from kompot_scverse._gp.posterior import posterior_weights, spectrum
from kompot_scverse._runs.fingerprint import matrix_print
from kompot_scverse._runs.history import iterate_runs, overwriter

from ._fields import RunData, gene_values

__all__ = ["SampleFits", "sample_fits"]

CALL = 'kp.tl.de(..., sample_key="<obs column>")'
TOLERANCE = 1e-2
"""Largest relative difference to the stored weights, which are float32, that counts as none."""


@dataclass(frozen=True)
class SampleFits:
    """One gene in each sample; a sample is a pair of role (reference or group) and label."""

    names: pd.MultiIndex
    """Role and label of each sample."""
    weights: np.ndarray
    """Weights of the function of each sample: samples × features."""
    condition_weights: dict[str, np.ndarray]
    """Posterior weights of each condition from all its cells, by role."""
    phi: np.ndarray
    """Features: cells × rank."""
    codes: np.ndarray
    """Sample of each cell, -1 for cells that take no part."""

    @property
    def cells(self) -> np.ndarray:
        """Cells of the two conditions."""
        return self.codes >= 0

    @property
    def paired(self) -> bool:
        """Whether samples of the two conditions have labels in common, as donors treated and untreated have."""
        first, second = (set(self.names[self.names.get_level_values(0) == role]) for role in ("reference", "group"))
        return bool({label for _, label in first} & {label for _, label in second})


def sample_fits(found: RunData, gene: int) -> SampleFits:
    r"""
    Fit each sample that counted as a replicate to one gene, as the run did.

    Where the run estimated variance components, the function of a sample is that of its condition and its own field,
    :math:`w_c + (I / \rho + G_s)^{-1} (B_s - G_s w_c)` with the ratio :math:`\rho` of the sample's variance to that of the
    noise. With given amplitudes it is :math:`w_s = (G_s + \sigma^2 I)^{-1} B_s`, from the sample's own cells; warns where
    these are not the weights whose deviations the run stored. Likewise where the fingerprint of expression and cells in
    memory is another one.

    Parameters
    ----------
    found
        A de run with replicates.
    gene
        Position of the gene.
    """
    key = found.run.params.get("sample_key")
    if key is None:
        raise LookupError(f"Run {found.run.run_id} (de, {found.title}) has no replicates; call `{CALL}`.")
    phi = np.asarray(found.values("obsm", "basis", CALL), dtype=np.float64)
    labels = obs_column(found.data, key, "sample_key")
    y = gene_values(found.data, np.array([gene]), found.run.params.get("layer"))[:, 0]
    names: list[tuple[str, Any]] = []
    weights, own_weights = [], {}
    codes = np.full(len(phi), -1)
    ratio = _sample_ratio(found, gene) if found.run.params["sigma"] == "evidence" else None
    for role, cells in zip(("reference", "group"), found.conditions(), strict=True):
        cells = cells & _mask(found)
        stored = found.values("varm", f"{role}_weights", CALL)
        own_weights[role] = np.asarray(stored[gene], dtype=np.float64)
        for label in labels.cat.categories:
            rows = np.flatnonzero(cells & (labels == label).to_numpy())
            if len(rows) < MIN_CELLS:
                continue
            codes[rows] = len(names)
            names.append((role, str(label)))
            own = phi[rows]
            weights.append(_sample_weights(own, y[rows], own_weights[role], ratio, found.run.params["sigma"]))
    fits = SampleFits(
        pd.MultiIndex.from_tuples(names, names=["role", "sample"]), np.array(weights), own_weights, phi, codes
    )
    _compare_with_stored(found, gene, fits)
    return fits


def _mask(found: RunData) -> np.ndarray:
    """Cells of the run, where its call named a column; all, where it named none or a mask that is not stored."""
    given = found.run.call.get("arguments", {}).get("mask_obs")
    if isinstance(given, str) and given in found.data.obs:
        return column_of(found.data.obs, given).to_numpy(dtype=bool)
    return np.ones(found.data.n_obs, dtype=bool)


def _sample_ratio(found: RunData, gene: int) -> float:
    """Variance of the sample process of a gene over that of the noise."""
    sample, noise = (float(found.values("var", f"{name}_sd", CALL).iloc[gene]) for name in ("sample", "noise"))
    return (sample / noise) ** 2 / found.run.params["prior_variance"] if noise > 0 else 0.0


def _sample_weights(
    phi: np.ndarray, y: np.ndarray, condition: np.ndarray, ratio: float | None, sigma: float | str
) -> np.ndarray:
    """Weights of the function of one sample: around its condition, or by itself where the noise is given."""
    eigen, cross = spectrum(phi.T @ phi), y @ phi
    if ratio is None:
        return posterior_weights(eigen, cross[None], float(sigma))[0]
    if ratio == 0:
        return condition
    residual = cross - phi.T @ (phi @ condition)
    return condition + posterior_weights(eigen, residual[None], 1 / np.sqrt(ratio))[0]


def _is_changed(found: RunData) -> bool:
    """Whether the expression in memory, or which cells are of the run, differ from its fingerprint."""
    values, _ = expression_values(found.data, found.run.params.get("layer"))
    several = any(run.same_call(found.run) and run.run_id != found.run.run_id for run in iterate_runs(found.data))
    # a call with several groups has one fingerprint for all of them
    if (
        several
        or not (isinstance(values, np.ndarray) or sp.issparse(values))
        or "expression" not in found.run.fingerprint
    ):
        return False
    cells = np.logical_or(*found.conditions()) & _mask(found)
    return matrix_print(values, cells, found.data.var_names) != found.run.fingerprint["expression"]


def _compare_with_stored(found: RunData, gene: int, fits: SampleFits) -> None:
    """Warn if the deviations from the mean of the samples are not those that the run stored."""
    if found.run.params["sigma"] == "evidence":
        if _is_changed(found):
            _warn(found)
        return
    for role in ("reference", "group"):
        entry = found.entry("varm", f"{role}_sample_weights")
        varm = holder(found.data).varm
        if entry is None or entry["key"] not in varm:
            continue
        if overwriter(list(iterate_runs(found.data)), found.run, "varm", entry["key"]) is not None:
            continue
        own = fits.weights[fits.names.get_level_values(0) == role]
        stored: Any = np.asarray(varm[entry["key"]][gene], dtype=np.float64)
        deviations = ((own - own.mean(axis=0)) / np.sqrt(max(len(own) - 1, 1))).T
        if stored.shape != deviations.shape or np.abs(stored - deviations).max() > TOLERANCE * np.abs(stored).max():
            _warn(found)
            return


def _warn(found: RunData) -> None:
    warnings.warn(
        f"The samples of run {found.run.run_id} (de, {found.title}) are not as they were: expression, labels or "
        "cells changed, or the run had a `mask_obs` that is not stored. The plot shows the data as they are.",
        UserWarning,
        skip_file_prefixes=INSIDE,
    )
