"""Settings of the analyses: frozen dataclasses, checked when they are made."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ._arguments import check_at_least, check_fields, check_fraction, check_not_negative

__all__ = ["GPSettings", "StorageSettings", "TestSettings"]

SMALLEST = 1e-15
"""Least amplitude and noise; beyond it, and its inverse, squares would under- or overflow in single precision."""


@dataclass(frozen=True, kw_only=True)
class GPSettings:
    """
    The Gaussian process over cell states.

    By default the amplitude of each component (state, effect, sample) and the noise are estimated for every gene by
    marginal likelihood. A number for `sigma` alone is the noise of all genes, and the amplitudes are estimated beside it. With numbers for
    both, all genes share them, every condition is smoothed by itself towards 0, and
    samples have no component of their own: the model of Kompot, :meth:`kompot`. A number for `amplitude` needs one for `sigma`.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> shorter = kp.GPSettings(ls_factor=5)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", gp=shorter)
    >>> kp.RunInfo(adata).params["ls_factor"]
    5
    """

    amplitude: float | Literal["evidence"] = "evidence"
    """Standard deviation of the smoothed expression before the data are seen, in the units of the layer; "evidence"
    estimates it for each gene and component."""
    sigma: float | Literal["evidence"] = "evidence"
    """Noise standard deviation of the expression, in the units of the layer; in natural logs where it holds logs to another
    base. "evidence" estimates it for each gene. A number beside `amplitude="evidence"` allows amplitudes of .01 to 32 times this number. The
    tests of the cells and of the replicates estimate the noise themselves."""
    ls: float | None = None
    """Length scale in the units of the representation; None estimates it from the pooled cells."""
    ls_factor: float = 10.0
    """What the estimated length scale is multiplied by. Mellon's rule gives about 20 nearest-neighbour distances, so the default is
    about 200 of them."""
    n_landmarks: int = 5000
    """Largest rank of the basis."""
    rtol: float = 1e-6
    """Share of the prior variance that the basis may leave out, on average over the cells."""
    neighbors: Literal["auto", "exact", "approximate"] = "auto"
    """Only `da(method="density")`: how the nearest neighbours of all cells are found. "approximate" takes a graph in obsp, if it was
    made from the same representation and is exact enough, else an index of faiss; the run records the error. "auto" does so above
    20,000 cells, but searches exactly where faiss is not installed. The length scale is always estimated from exact distances."""
    kernel: Callable | type | str | None = None
    """A mellon covariance: class, name or instance (an instance keeps its own length scale, in the units of the
    representation). None: Matérn-5/2."""

    @classmethod
    def kompot(cls, *, amplitude: float = 1.0, sigma: float = 1.0, **settings: Any) -> "GPSettings":
        """
        The model of Kompot (Otto et al. 2025): amplitude and noise 1 for all genes, conditions smoothed independently.

        It is the default model at one point of its grid of variances, with means of 0 in the place of flat ones. Only the variance
        between samples, an empirical covariance, is none of its components and is added.

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
        """Whether amplitudes are estimated for each gene."""
        return self.amplitude == "evidence"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.amplitude != "evidence" and self.sigma == "evidence":
            raise ValueError(
                f"`amplitude={self.amplitude!r}` needs a noise that is given, too: pass a number as `sigma`, or leave out "
                "`amplitude`, which is then estimated for each gene."
            )
        given = [name for name in ("amplitude", "sigma") if getattr(self, name) != "evidence"]
        _positive(self, *given, "ls_factor", "ls")
        for name in given:
            value = getattr(self, name)
            if not SMALLEST <= value <= 1 / SMALLEST:
                raise ValueError(
                    f"`{name}={value!r}` is no standard deviation of logs: it must be from {SMALLEST:g} to {1 / SMALLEST:g}."
                )
        check_at_least(1, n_landmarks=self.n_landmarks)
        if not 0 <= self.rtol < 1:
            raise ValueError(f"`rtol` must be in [0, 1), not {self.rtol!r}.")
        if self.kernel is not None:
            from ._gp.mellon import find_kernel

            find_kernel(self.kernel)


@dataclass(frozen=True, kw_only=True)
class TestSettings:
    """
    How changes are tested, and which of them are called.

    Both :func:`kompot_scverse.tl.de` and :func:`kompot_scverse.tl.da` take these settings. A field that means nothing to a
    tool is an error where it is set.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> strict = kp.TestSettings(threshold=0.01)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", test=strict)
    >>> kp.RunInfo(adata).params["fdr_threshold"]
    0.01
    """

    __test__ = False  # not a class of tests for pytest

    threshold: float | None = None
    """Largest q-value at which a gene or a cell state is called. None: 0.05 in `de`, 0.1 in `da`. In `de` without replicates
    this is the q-value of the score test of the cells, or the local false discovery rate of the distance with
    `GPSettings.kompot()`; in `da` without replicates `max_ptp` decides instead."""
    n_neighborhoods: int | None = None
    """Number of soft neighbourhoods in which the replicates are compared. None: a number that suits the cells."""
    min_lfc: float | None = None
    """Only `da`: smallest absolute log fold change (natural log) of a cell state that is called. None: 0 with replicates;
    without them 0.5 for `method="ratio"` and 1 for `method="density"`."""
    max_ptp: float | None = None
    """Only `da` without replicates: largest posterior tail probability, that is the probability that the log fold change has
    the opposite sign. None: 0.05."""
    null_genes: int = 0
    """Only `de`: number of null genes, made by shuffling real ones. The distances of the genes are compared with theirs for a
    local false discovery rate; 0 leaves it out."""
    null: Literal["shuffle", "residuals"] = "shuffle"
    """Only `de`: what is shuffled over the cells to make a null gene. "shuffle" takes the gene's values; "residuals" its
    residuals from a fit to all conditions together, which keeps its pattern over cell states."""
    null_mahalanobis: np.ndarray | None = field(default=None, compare=False)
    """Only `de`: Mahalanobis distances of null genes computed elsewhere, to be used instead of shuffled genes."""
    all_statistics: bool = False
    """Only `de`: also write the empirical p-value among the null genes and the tail false discovery rate."""
    rng: int | np.random.Generator = 0
    """Only `de`: seed or generator that chooses and shuffles the null genes."""
    equal_depth: bool = False
    """Only `de`: estimate fold changes and layers at equal depth, that is, from the expression expected at the sequencing depth of
    the shallowest sample (without `sample_key`, condition) in the same states. The replicate test always does. Needs logs of
    scaled counts."""
    gene_weights: Literal["power", "equal"] = "power"
    """Only `de` with `sample_key`: weights of the genes in the q-value. "power": genes of which a twofold change would be seen with so many cells and
    samples have larger weights; few donors then find more. "equal": q-values are those of Benjamini and Hochberg."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_fraction("threshold", self.threshold)
        check_at_least(1, n_neighborhoods=self.n_neighborhoods)
        check_not_negative("min_lfc", self.min_lfc)
        check_fraction("max_ptp", self.max_ptp)
        check_at_least(0, null_genes=self.null_genes)
        if self.null_mahalanobis is not None:
            null = np.asarray(self.null_mahalanobis)
            if null.dtype.kind not in "iuf" or null.size == 0 or not np.isfinite(null).all() or null.min() < 0:
                raise ValueError("`null_mahalanobis` must be an array of distances: finite numbers of 0 or above.")

    def of_de(self) -> "TestSettings":
        """As :func:`kompot_scverse.tl.de` uses them, with its defaults."""
        self._check_unset("de", DA_ONLY)
        return replace(self, threshold=0.05 if self.threshold is None else self.threshold)

    def of_da(self, method: Literal["ratio", "density"], *, replicates: bool) -> "TestSettings":
        """
        As :func:`kompot_scverse.tl.da` uses them, with its defaults.

        Parameters
        ----------
        method
            Method of the estimate.
        replicates
            Whether replicates are tested. What decides only in the other case must not be set.
        """
        self._check_unset("da", DE_ONLY)
        for name in ("max_ptp",) if replicates else ("threshold", "n_neighborhoods"):
            if getattr(self, name) is not None:
                has = "has no effect with" if replicates else "needs"
                raise ValueError(f"`TestSettings({name}=...)` {has} `sample_key` in kp.tl.da.")
        defaults: dict[str, Any] = {"min_lfc": 0.0, "threshold": 0.1}
        if not replicates:
            defaults = {"min_lfc": 0.5 if method == "ratio" else 1.0, "max_ptp": 0.05}
        unset: dict[str, Any] = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        return replace(self, **unset)

    def _check_unset(self, tool: str, names: tuple[str, ...]) -> None:
        defaults = {field.name: field.default for field in fields(self)}
        for name in names:
            value = getattr(self, name)
            if isinstance(value, np.ndarray) or value != defaults[name]:
                raise ValueError(f"`TestSettings({name}=...)` has no meaning in kp.tl.{tool}; leave it out.")


DA_ONLY = ("min_lfc", "max_ptp")
DE_ONLY = ("null_genes", "null", "null_mahalanobis", "all_statistics", "rng", "equal_depth", "gene_weights")


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """
    How the cells × genes results are kept.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> none = kp.StorageSettings(layers=None)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", storage=none)
    >>> kp.get.layer(adata, "fold_change", genes="Gene0001").shape  # computed when asked for
    (600, 1)
    """

    layers: Literal["lazy", "memory", "disk"] | None = "lazy"
    """Lazy dask arrays that are computed when read or written, arrays in memory or on disk (zarr), or none."""
    directory: str | Path | None = None
    """Folder for `layers="disk"` and `sample_covariance="disk"`; None: a temporary one."""
    keep: bool = False
    """Whether files stay when the object is gone. Pickled data then refer to the files instead of carrying the values."""
    basis: Literal["memory"] | None = "memory"
    """Whether the features (cells × rank) are kept in obsm, in single precision. None computes them from the representation
    where they are needed: by the tools, :func:`kompot_scverse.get.layer` and lazy layers; the representation must stay."""
    sample_covariance: Literal["memory", "disk"] | None = None
    """Where the factor of the replicate variance of `GPSettings.kompot()` (genes × rank × replicates) is kept. None: not in the
    data; :func:`kompot_scverse.get.layer`, :func:`kompot_scverse.get.sample_covariance` and
    :func:`kompot_scverse.tl.restore_layers` then compute it from the expression."""

    def __post_init__(self) -> None:
        check_fields(self)


def _positive(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if value is not None and not 0 < value < np.inf:
            raise ValueError(f"`{name}` must be a positive number, not {value!r}.")
