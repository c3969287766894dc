"""The rarely changed settings of a simulation, and the checks on its arguments."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np

from kompot_scverse._arguments import check_argument, check_at_least, check_fields, check_not_negative

from ._manifold import BRANCHES

MIN_CELLS_PER_SAMPLE = 20
MIN_LATENT = 5  # four branches span three dimensions, the width of the tree two more
MAX_LATENT = 100  # finer functions would be beyond the grid of the tree

DEFAULT_SAMPLES = {"Young": 3, "Mid": 2, "Old": 3}
# ageing bone marrow: stem cells and myeloid cells gain, B cells lose
DEFAULT_DENSITY_CHANGE = {"HSC": 1.0, "Erythroid": 0.0, "Monocyte": 0.5, "B cell": -1.0}


@dataclass(frozen=True)
class SimulationSettings:
    """Rarely changed settings of :func:`~kompot_scverse.datasets.simulate`.

    Parameters
    ----------
    frac_local
        Share of the DE genes whose effect is confined to one branch; the others change everywhere.
    frac_outliers
        Share of all genes that one single replicate expresses differently (drawn from the genes without DE).
    outlier_factor
        Log fold change of that replicate, in multiples of `sample_effect`.
    composition_sd
        Standard deviation, per sample and branch, of the log density at the tip of the branch (natural log).
    size_spread
        Expected sample sizes vary between `1 - size_spread` and `1 + size_spread` times the mean.
    depth_sd
        Standard deviation of the log size factors of the cells (natural log).
    donor_share
        Of samples of one donor, the share of the variance of their deviations from others that they have in common.
    dispersion
        Median over genes of the dispersion φ of the negative binomial: variance = mean + φ mean².

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> settings = kp.datasets.SimulationSettings(frac_outliers=0)
    >>> int(kp.datasets.simulate(400, 50, settings=settings).var["is_sample_outlier"].sum())
    0
    """

    frac_local: float = 0.5
    frac_outliers: float = 0.05
    outlier_factor: float = 10.0
    composition_sd: float = 0.2
    size_spread: float = 0.4
    depth_sd: float = 0.35
    dispersion: float = 0.3
    donor_share: float = 0.5

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("frac_local", "frac_outliers", "donor_share", "size_spread"):
            check_share(name, getattr(self, name))
        for name in ("outlier_factor", "composition_sd", "depth_sd", "dispersion"):
            check_not_negative(name, getattr(self, name))
        if self.size_spread > 0.9:
            raise ValueError(f"`size_spread` is {self.size_spread}, but samples need cells: choose at most 0.9.")
        if self.dispersion == 0:
            raise ValueError(
                "`dispersion` must be above 0: choose a small number, such as 0.01, for nearly Poisson counts."
            )


def check_share(name: str, value: float) -> None:
    """Raise unless a number is from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a number from 0 to 1, not {value!r}.")


def check_samples(samples: Mapping[str, int], n_obs: int, reference: str, group: str) -> dict[str, int]:
    """Return the number of samples of each condition, after checking that the design can be simulated."""
    if not isinstance(samples, Mapping) or not all(isinstance(label, str) and label for label in samples):
        raise ValueError(f"`samples` must map labels (text) to numbers of samples, such as {DEFAULT_SAMPLES}.")
    for label, n_samples in samples.items():
        check_argument(f"samples[{label!r}]", n_samples, int)
        check_at_least(1, **{f"samples[{label!r}]": n_samples})
    for name, label in (("reference", reference), ("group", group)):
        if label not in samples:
            raise ValueError(f"`{name}` is {label!r}, but `samples` has only {list(samples)}: choose one of these.")
    if reference == group:
        raise ValueError(f"`reference` and `group` are both {group!r}: choose two different conditions.")
    n_samples = sum(samples.values())
    if n_obs < n_samples * MIN_CELLS_PER_SAMPLE:
        raise ValueError(
            f"`n_obs` is {n_obs}, but {n_samples} samples need at least {n_samples * MIN_CELLS_PER_SAMPLE} cells "
            f"({MIN_CELLS_PER_SAMPLE} each): ask for more cells or fewer samples."
        )
    return {label: int(number) for label, number in samples.items()}


def check_density_change(change: float | Mapping[str, float]) -> dict[str, float]:
    """Return the change of the log density at the tip of each branch."""
    if isinstance(change, Mapping):
        unknown = [name for name in change if name not in BRANCHES]
        if unknown:
            raise ValueError(f"`density_change` names {unknown}, but the branches are {list(BRANCHES)}.")
        by_branch = {name: change.get(name, 0.0) for name in BRANCHES}
    else:
        check_not_negative("density_change", change)
        by_branch = {name: change * weight for name, weight in DEFAULT_DENSITY_CHANGE.items()}
    for name, value in by_branch.items():
        if not isinstance(value, Real) or not abs(value) <= 5:
            raise ValueError(
                f"The change of the log density of branch {name!r} is {value!r}: give a number from -5 to 5, "
                "because more leaves parts of the tree without cells."
            )
    return {name: float(value) for name, value in by_branch.items()}


def check_depth(depth: Mapping[str, float] | None, n_samples: Mapping[str, int], labels: list[str]) -> np.ndarray:
    """Return the depth of every sample."""
    conditions = [label for label, number in n_samples.items() for _ in range(number)] or [""] * len(labels)
    given = {} if depth is None else dict(depth)
    unknown = [name for name in given if name not in labels and name not in n_samples]
    if unknown:
        raise ValueError(f"`depth` names {unknown}, but the conditions are {list(n_samples)} and the samples {labels}.")
    for name, value in given.items():
        if not isinstance(value, Real) or not (math.isfinite(value) and value > 0):
            raise ValueError(f"`depth[{name!r}]` must be a finite number above 0, not {value!r}.")
    return np.array([given.get(s, given.get(c, 1.0)) for s, c in zip(labels, conditions, strict=True)], dtype=float)


def check_numbers(
    n_vars: int, n_latent: int, frac_de: float, effect_size: float, sample_effect: float, density: float
) -> None:
    """Raise unless the sizes and the genes can be simulated."""
    check_at_least(1, n_vars=n_vars)
    check_at_least(MIN_LATENT, n_latent=n_latent)
    if n_latent > MAX_LATENT:
        raise ValueError(f"`n_latent` is {n_latent}, but the tree has no more than {MAX_LATENT} smooth coordinates.")
    check_share("frac_de", frac_de)
    check_not_negative("effect_size", effect_size)
    check_not_negative("sample_effect", sample_effect)
    if not 0.01 <= density <= 0.95:
        raise ValueError(f"`density` is {density}: choose a share of non-zero counts from 0.01 to 0.95.")
