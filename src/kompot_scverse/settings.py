"""Settings of the analyses: frozen dataclasses, checked when they are made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

__all__ = ["DAThresholdSettings", "FDRSettings", "GPSettings", "StorageSettings"]


@dataclass(frozen=True, kw_only=True)
class GPSettings:
    """The Gaussian process over cell states."""

    sigma: float = 1.0
    """Noise standard deviation of the expression, in the units of the layer."""
    ls: float | None = None
    """Length scale in the units of the representation; None estimates it from the pooled cells."""
    ls_factor: float = 10.0
    """Factor on the estimated length scale (mellon's rule, about 20 nearest-neighbour distances)."""
    n_landmarks: int = 5000
    """Largest rank of the basis."""
    rtol: float = 1e-6
    """Mean residual prior variance at which the basis is complete, relative to the prior variance."""
    kernel: Callable | type | str | None = None
    """A mellon covariance: class, name or instance (an instance keeps its own length scale, in the units of the
    representation). None: Matérn-5/2."""
    empirical_variance: bool = False
    """Estimate each gene's noise from leave-one-out residuals instead of using `sigma` for all."""

    def __post_init__(self) -> None:
        _positive(self, "sigma", "ls_factor")
        if self.ls is not None:
            _positive(self, "ls")
        if isinstance(self.n_landmarks, bool) or int(self.n_landmarks) != self.n_landmarks or self.n_landmarks < 1:
            raise ValueError(f"`n_landmarks` must be a positive integer, not {self.n_landmarks!r}.")
        if not 0 <= self.rtol < 1:
            raise ValueError(f"`rtol` must be in [0, 1), not {self.rtol!r}.")


@dataclass(frozen=True, kw_only=True)
class FDRSettings:
    """Significance of genes: distances against null genes and, with replicates, the test of the sample means."""

    null_genes: int = 2000
    """Number of null genes; 0 leaves the significance of the distances out."""
    threshold: float = 0.05
    """Largest q-value (with replicates) or local false discovery rate of the distance (without) of a gene called
    differentially expressed."""
    null: Literal["shuffle", "residuals"] = "shuffle"
    """What is shuffled over the cells to make a null gene: its values, or its residuals from the fit over all conditions,
    which keeps the gene's pattern over the cell states."""
    n_neighborhoods: int | None = None
    """Number of soft neighbourhoods of the replicate test; None chooses it from the number of cells."""
    null_mahalanobis: np.ndarray | None = field(default=None, compare=False)
    """Null distances from elsewhere, used instead of shuffled genes."""
    all_statistics: bool = False
    """Also write the empirical p-value and the tail false discovery rate."""

    def __post_init__(self) -> None:
        if isinstance(self.null_genes, bool) or int(self.null_genes) != self.null_genes or self.null_genes < 0:
            raise ValueError(f"`null_genes` must be 0 or a positive integer, not {self.null_genes!r}.")
        _fraction(self, "threshold")
        if self.null not in ("shuffle", "residuals"):
            raise ValueError(f"`null` must be 'shuffle' or 'residuals', not {self.null!r}.")
        _count_or_none(self, "n_neighborhoods")
        if self.null_mahalanobis is not None:
            null = np.asarray(self.null_mahalanobis, dtype=np.float64)
            if null.ndim != 1 or null.size == 0 or not np.isfinite(null).all():
                raise ValueError("`null_mahalanobis` must be a one-dimensional array of finite distances.")


@dataclass(frozen=True, kw_only=True)
class DAThresholdSettings:
    """
    What makes a cell state differentially abundant.

    Without replicates `lfc` and `ptp` have to be passed, with replicates `fdr` and `lfc_samples`.
    """

    lfc: float = 1.0
    """Smallest absolute log fold change of the density, natural log; decides where there are no replicates."""
    ptp: float = 0.05
    """Largest posterior tail probability of the opposite sign, one-sided; decides where there are no replicates."""
    fdr: float = 0.1
    """Largest q-value of the replicate test; decides where there are replicates."""
    lfc_samples: float = 0.0
    """Smallest log fold change of the density, on the side that the replicate test points to; 0 leaves the decision to `fdr`."""
    n_neighborhoods: int | None = None
    """Number of soft neighbourhoods of the replicate test; None chooses it from the number of cells."""

    def __post_init__(self) -> None:
        for name in ("lfc", "lfc_samples"):
            value = getattr(self, name)
            if not np.isfinite(value) or value < 0:
                raise ValueError(f"`{name}` must be 0 or positive, not {value!r}.")
        _fraction(self, "ptp", "fdr")
        _count_or_none(self, "n_neighborhoods")


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """How the cells × genes results are kept."""

    layers: Literal["lazy", "memory", "disk"] | None = "lazy"
    """Lazy dask arrays that are computed when read or written, arrays in memory or on disk (zarr), or none."""
    directory: str | Path | None = None
    """Folder for `layers="disk"` and `sample_covariance="disk"`; None: a temporary one."""
    keep: bool = False
    """Keep the files when the object is gone; pickled data then refer to them, where they else carry the values."""
    sample_covariance: Literal["memory", "disk"] = "memory"
    """Where the factor of the replicate variance (genes × rank × replicates) is kept."""

    def __post_init__(self) -> None:
        if self.layers not in ("lazy", "memory", "disk", None):
            raise ValueError(f"`layers` must be 'lazy', 'memory', 'disk' or None, not {self.layers!r}.")
        if self.sample_covariance not in ("memory", "disk"):
            raise ValueError(f"`sample_covariance` must be 'memory' or 'disk', not {self.sample_covariance!r}.")


def _positive(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not (isinstance(value, int | float | np.integer | np.floating) and np.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be a positive number, not {value!r}.")


def _count_or_none(settings: object, name: str) -> None:
    value = getattr(settings, name)
    if value is not None and (isinstance(value, bool) or int(value) != value or value < 1):
        raise ValueError(f"`{name}` must be a positive integer or None, not {value!r}.")


def _fraction(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not 0 < value <= 1:
            raise ValueError(f"`{name}` must be above 0 and at most 1, not {value!r}.")
