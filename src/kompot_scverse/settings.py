"""Settings of the analyses: frozen dataclasses, checked when they are made."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ._arguments import check_fields, check_fraction, check_not_negative

__all__ = ["DAThresholdSettings", "FDRSettings", "GPSettings", "StorageSettings"]


@dataclass(frozen=True, kw_only=True)
class GPSettings:
    """
    The Gaussian process over cell states.

    By default the amplitude of each component (state, effect, sample) and the noise are estimated for every gene by
    marginal likelihood. With numbers for both, all genes share them, every condition is smoothed by itself towards 0, and
    samples have no component of their own: the model of Kompot, :meth:`kompot`.
    """

    amplitude: float | Literal["evidence"] = "evidence"
    """Standard deviation of the smoothed expression before the data are seen, in the units of the layer; "evidence"
    estimates it for each gene and component."""
    sigma: float | Literal["evidence"] = "evidence"
    """Noise standard deviation of the expression, in the units of the layer; in natural logs where it holds logs to another
    base. "evidence" estimates it for each gene."""
    ls: float | None = None
    """Length scale in the units of the representation; None estimates it from the pooled cells."""
    ls_factor: float = 10.0
    """Factor on the estimated length scale (mellon's rule, about 20 nearest-neighbour distances, so about 200)."""
    n_landmarks: int = 5000
    """Largest rank of the basis."""
    rtol: float = 1e-6
    """Mean residual prior variance at which the basis is complete, relative to the prior variance."""
    kernel: Callable | type | str | None = None
    """A mellon covariance: class, name or instance (an instance keeps its own length scale, in the units of the
    representation). None: Matérn-5/2."""

    @classmethod
    def kompot(cls, *, amplitude: float = 1.0, sigma: float = 1.0, **settings: Any) -> "GPSettings":
        """
        The model of Kompot (Otto et al. 2025): amplitude and noise 1 for all genes, conditions smoothed independently.

        Parameters
        ----------
        amplitude, sigma
            Standard deviations of the functions and of the noise.
        **settings
            Other fields.
        """
        return cls(amplitude=amplitude, sigma=sigma, **settings)

    @property
    def estimated(self) -> bool:
        """Whether amplitudes and noise are estimated for each gene."""
        return self.sigma == "evidence"

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.amplitude == "evidence") != (self.sigma == "evidence"):
            raise ValueError(
                f'`amplitude={self.amplitude!r}` and `sigma={self.sigma!r}` go together: both "evidence", or a number each.'
            )
        _positive(self, *(() if self.estimated else ("amplitude", "sigma")), "ls_factor", "ls")
        _at_least(self, 1, "n_landmarks")
        if not 0 <= self.rtol < 1:
            raise ValueError(f"`rtol` must be in [0, 1), not {self.rtol!r}.")
        if self.kernel is not None:
            from ._gp.mellon import find_kernel

            find_kernel(self.kernel)


@dataclass(frozen=True, kw_only=True)
class FDRSettings:
    """Significance of genes: distances against null genes and, with replicates, the test of the sample means."""

    null_genes: int = 0
    """Number of null genes, with which the distances are compared; 0 leaves their local false discovery rate out."""
    threshold: float = 0.05
    """Largest q-value of a gene called differentially expressed: of the replicate test or, without replicates, of the test
    of the cells. In the model of Kompot without replicates, the largest local false discovery rate of the distance."""
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
        check_fields(self)
        _at_least(self, 0, "null_genes")
        check_fraction("threshold", self.threshold)
        _at_least(self, 1, "n_neighborhoods")
        if self.null_mahalanobis is not None:
            null = np.asarray(self.null_mahalanobis)
            if null.dtype.kind not in "iuf" or null.size == 0 or not np.isfinite(null).all() or null.min() < 0:
                raise ValueError("`null_mahalanobis` must be an array of distances: finite numbers of 0 or above.")


@dataclass(frozen=True, kw_only=True)
class DAThresholdSettings:
    """
    What makes a cell state differentially abundant.

    Without replicates `lfc` and `ptp` have to be passed, with replicates `fdr` and `lfc_samples`.
    """

    lfc: float | None = None
    """Smallest absolute log fold change of the density, natural log; decides where there are no replicates. None: 0.5 with
    `method="ratio"`, 1 with `method="density"`."""
    ptp: float = 0.05
    """Largest posterior tail probability of the opposite sign, one-sided; decides where there are no replicates."""
    fdr: float = 0.1
    """Largest q-value of the replicate test; decides where there are replicates."""
    lfc_samples: float = 0.0
    """Smallest log fold change of the density, on the side that the replicate test points to; 0 leaves the decision to `fdr`."""
    n_neighborhoods: int | None = None
    """Number of soft neighbourhoods of the replicate test; None chooses it from the number of cells."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_not_negative("lfc", self.lfc)
        check_not_negative("lfc_samples", self.lfc_samples)
        check_fraction("ptp", self.ptp)
        check_fraction("fdr", self.fdr)
        _at_least(self, 1, "n_neighborhoods")

    def of_method(self, method: str) -> "DAThresholdSettings":
        """With the `lfc` of a method of :func:`kompot_scverse.tl.da` where none was given."""
        return self if self.lfc is not None else replace(self, lfc=0.5 if method == "ratio" else 1.0)


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
        check_fields(self)


def _positive(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if value is not None and not 0 < value < np.inf:
            raise ValueError(f"`{name}` must be a positive number, not {value!r}.")


def _at_least(settings: object, least: int, name: str) -> None:
    value = getattr(settings, name)
    if value is not None and value < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}, not {value!r}.")
