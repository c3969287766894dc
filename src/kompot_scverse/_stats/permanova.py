"""Whether distances between samples go with a condition: a permutation test with restricted permutations."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from .linear_model import SampleDesign

MOST = 9_999
"""Permutations that are drawn where there are more."""
MANY = 60
"""Samples above which fewer are drawn."""
ROUNDING = 1e-9
"""Relative difference of two statistics that are equal."""


@dataclass(frozen=True)
class Permanova:
    """How much of the distances the condition explains, and the permutation p."""

    pseudo_f: float
    r_squared: float
    """Share of the sum of squares that the rest of the design leaves."""
    pvalue: float
    n_permutations: int
    """The observed one included."""
    exact: bool
    """Whether these are all."""
    smallest: float
    """Least p that these samples can have: that of an assignment unlike all others."""


def permanova(
    distances: NDArray[np.float64],
    design: SampleDesign,
    block: NDArray[np.intp] | None = None,
    *,
    most: int | None = None,
    rng: np.random.Generator | None = None,
) -> Permanova:
    r"""Test the contrast of a design with distances in the place of values (Anderson 2001; McArdle & Anderson 2001).

    With Gower's matrix :math:`G = -\tfrac12 J D^{\circ 2} J` and the projections H on the design and Z on what of it is not tested,
    :math:`F = \frac{\mathrm{tr}((H - Z) G) / q}{\mathrm{tr}((I - H) G) / (n - p)}`. The residuals of
    the samples after Z are permuted (Freedman & Lane 1983): without covariates, the samples themselves. If the tested variable differs within
    blocks, samples are permuted within their block; otherwise whole blocks of the same size are exchanged. If there are at most `most`
    permutations, all are made, and each assignment of the tested values counts once.

    Parameters
    ----------
    distances
        Samples x samples.
    design
        Design and tested contrast.
    block
        Number of the block of each sample; None where all are independent.
    most
        Largest number of permutations; None for 9,999, or 999 of more than 60 samples.
    rng
        Draws them where there are more.
    """
    n = len(distances)
    full, reduced = _projection(design.matrix), _projection(_without_contrast(design))
    tested = full - reduced
    center = np.eye(n) - 1 / n
    left = np.eye(n) - reduced
    gower = left @ (center @ (-0.5 * np.square(distances)) @ center) @ left
    rank = round(float(np.trace(full)))
    q = rank - round(float(np.trace(reduced)))
    total = float(np.trace(gower))
    if q == 0 or n <= rank or total <= 0:
        return Permanova(np.nan, np.nan, np.nan, 0, exact=False, smallest=np.nan)
    observed = _statistic(tested, full, gower, total, np.arange(n))
    if most is None:
        most = MOST if n <= MANY else MOST // 10
    labels = np.unique(np.round(tested, 9), axis=0, return_inverse=True)[1].ravel()
    orders, exact = _orders(labels, block, reduced, most, rng or np.random.default_rng(0))
    found = np.array([_statistic(tested, full, gower, total, order) for order in orders])
    # the observed one is among all, and counts as one of those drawn
    as_large = int((found >= observed * (1 - ROUNDING)).sum()) + (not exact)
    size = len(found) + (not exact)
    explained = float(np.sum(tested * gower))
    equal = int((np.abs(found - observed) <= observed * ROUNDING).sum()) if exact else 1
    return Permanova(observed / q * (n - rank), explained / total, as_large / size, size, exact, equal / size)


def _statistic(
    tested: NDArray[np.float64],
    full: NDArray[np.float64],
    gower: NDArray[np.float64],
    total: float,
    order: NDArray[np.intp],
) -> float:
    """F up to degrees of freedom, with the rows of the design in another order."""
    index = np.ix_(order, order)
    rest = total - float(np.sum(full[index] * gower))
    return float(np.sum(tested[index] * gower)) / max(rest, 1e-12 * total)


def _projection(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthogonal projection on the columns."""
    scaled = matrix / np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    u, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    basis = u[:, singular > 1e-9 * max(singular.max(initial=0), 1e-300)]
    return basis @ basis.T


def _without_contrast(design: SampleDesign) -> NDArray[np.float64]:
    """Columns for which the contrast is zero."""
    contrast = design.contrast.reshape(len(design.contrast), -1)
    u, singular, _ = np.linalg.svd(contrast)
    return design.matrix @ u[:, int((singular > 1e-12).sum()) :]


def _is_free(reduced: NDArray[np.float64], strata: NDArray[np.intp]) -> bool:
    """Whether permutations within strata leave alone what is not tested: equal assignments then need counting once only."""
    means = _projection((strata[:, None] == np.unique(strata)).astype(float))
    return bool(np.allclose(means @ reduced, reduced, atol=1e-8))


def _within(block: NDArray[np.intp], labels: NDArray[np.intp]) -> bool:
    """Whether what is tested differs within any block."""
    return any(len(np.unique(labels[block == one])) > 1 for one in np.unique(block))


def _orders(
    labels: NDArray[np.intp],
    block: NDArray[np.intp] | None,
    reduced: NDArray[np.float64],
    most: int,
    rng: np.random.Generator,
) -> tuple[list[NDArray[np.intp]], bool]:
    """Orders of the samples, and whether these are all."""
    units = [np.array([sample]) for sample in range(len(labels))]
    strata = [np.arange(len(labels))]
    if block is not None and _within(block, labels):
        sizes = np.bincount(block)[block]
        # samples without a partner are alike
        strata = [np.flatnonzero((block == one) & (sizes > 1)) for one in np.unique(block)] + [
            np.flatnonzero(sizes == 1)
        ]
    elif block is not None:
        units = [np.flatnonzero(block == one) for one in np.unique(block)]
        sizes = np.array([len(unit) for unit in units])
        strata = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
    strata = [own for own in strata if len(own)]
    of_samples = np.zeros(len(labels), dtype=np.intp)
    for number, own in enumerate(strata):
        for unit in own:
            of_samples[units[unit]] = number
    # where other things than the tested one differ, each sample is unlike all others
    free = _is_free(reduced, of_samples)
    kinds = np.array([labels[unit[0]] for unit in units]) if free else np.arange(len(units))
    if math.prod(_count(kinds[own]) for own in strata) <= most:
        of_strata = [list(_arrangements(kinds[own])) for own in strata]
        return [_joined(units, strata, chosen) for chosen in product(*of_strata)], True
    return [_joined(units, strata, [rng.permutation(len(own)) for own in strata]) for _ in range(most)], False


def _count(kinds: NDArray[np.intp]) -> int:
    """Number of different arrangements."""
    found = math.factorial(len(kinds))
    for size in np.unique(kinds, return_counts=True)[1]:
        found //= math.factorial(int(size))
    return found


def _arrangements(kinds: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Every different arrangement once, as an order."""
    if len(np.unique(kinds)) == len(kinds):
        for order in permutations(range(len(kinds))):
            yield np.array(order, dtype=np.intp)
        return
    places = {kind: list(np.flatnonzero(kinds == kind)) for kind in np.unique(kinds)}
    for arranged in _multiset({kind: len(own) for kind, own in places.items()}, len(kinds)):
        left = {kind: iter(own) for kind, own in places.items()}
        yield np.array([next(left[kind]) for kind in arranged], dtype=np.intp)


def _multiset(counts: dict[int, int], length: int) -> Iterator[tuple[int, ...]]:
    """Different sequences with given numbers of each kind."""
    if length == 0:
        yield ()
        return
    for kind in counts:
        if counts[kind]:
            for rest in _multiset(counts | {kind: counts[kind] - 1}, length - 1):
                yield (kind, *rest)


def _joined(
    units: list[NDArray[np.intp]], strata: list[NDArray[np.intp]], chosen: list[NDArray[np.intp]] | tuple
) -> NDArray[np.intp]:
    """Order of the samples from the orders of the units in each stratum."""
    order = np.empty(sum(map(len, units)), dtype=np.intp)
    for own, arranged in zip(strata, chosen, strict=True):
        for place, taken in zip(own, own[arranged], strict=True):
            order[units[place]] = units[taken]
    return order
