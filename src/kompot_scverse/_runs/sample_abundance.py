"""The abundance of each sample, as its own cells have it and as the densities of a run do."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .run_samples import Samples, samples_of
from .sample_fits import run_mask
from .view import RunView


@dataclass(frozen=True)
class SampleAbundance:
    """Log shares of the cells of each sample, less their mean over the conditions; a sample is a pair of level and number."""

    names: pd.MultiIndex
    roles: tuple[str, ...]
    """The levels."""
    order: np.ndarray
    """In which order samples stand side by side."""
    joined: np.ndarray
    """What samples of one donor have in common."""
    codes: np.ndarray
    """Sample of each cell, -1 for cells that take no part."""
    densities: dict[str, np.ndarray]
    """Share of each cell in the fitted density of each condition; none for a design, whose levels have no densities."""

    @property
    def cells(self) -> np.ndarray:
        """Cells of the samples."""
        return self.codes >= 0

    @property
    def paired(self) -> bool:
        """Whether some samples are of one donor."""
        return len(np.unique(self.joined)) < len(self.joined)

    def means(self, cells: np.ndarray) -> np.ndarray:
        """Log share of each sample's cells that are among these."""
        shares = self._log_shares(cells)
        return shares - self._level(shares)

    def fitted(self, cells: np.ndarray) -> np.ndarray:
        """The same of the density of its condition, for each sample."""
        level, shares = self._level(self._log_shares(cells)), self._of_conditions(cells)
        return np.array([shares[role] - level for role in self.names.get_level_values(0)])

    def profiles(self, parts: list[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Samples × parts and, of each condition, its density's; each part is given by the numbers of its cells."""
        masks = np.zeros((len(parts), len(self.codes)), dtype=bool)
        for mask, part in zip(masks, parts, strict=True):
            mask[part] = True
        shares = [self._log_shares(mask) for mask in masks]
        levels = np.array([self._level(one) for one in shares])
        fitted = [self._of_conditions(mask) for mask in masks]
        return np.stack(shares, axis=1) - levels, {
            role: np.array([one[role] for one in fitted]) - levels for role in self.densities
        }

    def _log_shares(self, cells: np.ndarray) -> np.ndarray:
        n = len(self.names)
        inside, every = (np.bincount(self.codes[own], minlength=n) for own in (self.cells & cells, self.cells))
        # half a cell more, as in logits of few
        return np.log((inside + 0.5) / (every + 1))

    def _level(self, shares: np.ndarray) -> float:
        """Mean over the conditions of the means of their samples."""
        return float(pd.Series(shares).groupby(self.names.get_level_values(0)).mean().mean())

    def _of_conditions(self, cells: np.ndarray) -> dict[str, float]:
        with np.errstate(divide="ignore"):
            found = {role: float(np.log(density[cells].sum())) for role, density in self.densities.items()}
        return {role: found.get(role, np.nan) for role in self.roles}


def sample_abundance(view: RunView) -> tuple[SampleAbundance, Samples]:
    r"""
    Abundance of the samples that counted as replicates.

    Cells are draws from the densities of both conditions together, so the share of a region in the density :math:`p_c` is the mean
    over the cells there of :math:`p_c / \sum_k (n_k / n) p_k`, which needs only the ratios of the densities.

    Parameters
    ----------
    view
        A run of differential abundance with samples.
    """
    samples = samples_of(view)
    member = np.flatnonzero(samples.level >= 0)
    place = np.full(len(samples.level) + 1, -1)
    place[member] = np.arange(len(member))
    names = [(samples.levels[samples.level[number]], str(number)) for number in member]
    found = SampleAbundance(
        names=pd.MultiIndex.from_tuples(names, names=["role", "sample"]),
        roles=samples.levels,
        order=samples.order[member],
        joined=samples.labels[member],
        codes=place[samples.codes],
        densities={} if view.effect is not None else _densities(view, samples.levels),
    )
    return found, samples


def _densities(view: RunView, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    of_conditions = [cells & run_mask(view) for cells in view.conditions()]
    method = "density" if view.has("group_log_density") else "ratio"
    logs = np.stack([view.numbers(f"{role}_log_{method}") for role in ("reference", "group")])
    view.warn()
    cells = np.logical_or(*of_conditions) & np.isfinite(logs).all(axis=0)
    sizes = np.array([own[cells].sum() for own in of_conditions], dtype=np.float64)
    ratios = np.exp(logs - logs.max(axis=0))
    ratios = np.where(cells, ratios / (sizes @ ratios), 0.0)
    return dict(zip(names, ratios / ratios.sum(axis=1, keepdims=True), strict=True))
