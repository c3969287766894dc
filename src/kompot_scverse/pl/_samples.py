"""The smoothed expression of each sample, from the basis of a run and the expression in the data."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._data.design import MIN_CELLS
from kompot_scverse._data.errors import INSIDE
from kompot_scverse._data.holders import holder
from kompot_scverse._data.provenance import iterate_runs, overwriter
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._data.tables import column_of
from kompot_scverse._gp.posterior import posterior_weights, spectrum

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
    """Posterior weights of each sample from its own cells: samples × rank."""
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

    The weights are those of the run, since basis, noise and expression are: :math:`w_s = (G_s + \sigma^2 I)^{-1} B_s`
    from the sample's own cells. Warns where they are not those whose deviations the run stored.

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
    for role, cells in zip(("reference", "group"), found.conditions(), strict=True):
        cells = cells & _mask(found)
        stored = found.values("varm", f"{role}_weights", CALL)
        own_weights[role] = np.asarray(stored[gene], dtype=np.float64)
        sigma = _noise(found, role, gene)
        for label in labels.cat.categories:
            rows = np.flatnonzero(cells & (labels == label).to_numpy())
            if len(rows) < MIN_CELLS:
                continue
            codes[rows] = len(names)
            names.append((role, str(label)))
            own = phi[rows]
            weights.append(posterior_weights(spectrum(own.T @ own), (y[rows] @ own)[None], sigma)[0])
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


def _noise(found: RunData, role: str, gene: int) -> float:
    """Noise standard deviation of a gene."""
    if found.entry("var", f"{role}_noise") is None:
        return float(found.run.params["sigma"])
    return float(found.values("var", f"{role}_noise", CALL).iloc[gene])


def _compare_with_stored(found: RunData, gene: int, fits: SampleFits) -> None:
    """Warn if the deviations from the mean of the samples are not those that the run stored."""
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
            warnings.warn(
                f"The samples of run {found.run.run_id} (de, {found.title}) are not as they were: expression, labels or "
                "cells changed, or the run had a `mask_obs` that is not stored. The plot shows the data as they are.",
                UserWarning,
                skip_file_prefixes=INSIDE,
            )
            return
