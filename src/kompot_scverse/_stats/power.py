"""Expected power of the replicate test of genes: studies are drawn from variance components, and tested as real ones are."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .count_changes import Changed, changed_level, count_shape
from .gene_testing import GeneTestSettings, gene_test
from .linear_model import SampleDesign
from .neighborhoods import NeighborhoodMoments

SETTINGS = GeneTestSettings(level_trend=False)
"""Nothing that genes of one level share is drawn; medians of few genes, of which many change, would remove some of the change."""
LEAST_LEVEL = 1e-3
"""Smoothed expression is no lower, since the skewness of counts is judged by it."""


@dataclass(frozen=True)
class Components:
    """Variance components and cell numbers of an observed study."""

    level: NDArray[np.float64]
    """Expression in the neighbourhoods, m x genes."""
    features: NDArray[np.float64]
    """Mean features of the neighbourhoods, without the constant: m x rank."""
    constant: NDArray[np.float64]
    """Standard deviation between samples that is the same in all neighbourhoods, per gene."""
    field: NDArray[np.float64]
    """Standard deviation of the weights of a sample's field, per gene."""
    noise: NDArray[np.float64]
    """Standard deviation of a cell, per gene."""
    mass: NDArray[np.float64]
    """Cells of the samples: samples x m."""
    gram: NDArray[np.float64]
    """WᵀW of the samples, samples x m x m."""
    groups: NDArray[np.bool_]
    """Which samples are of the group."""
    nodes: NDArray[np.bool_]
    """Groups of neighbourhoods that are tested, nodes x m."""
    unit: float | None
    """Value of one count (:func:`count_unit`); None where expression does not hold logs of counts, and changes as it is."""
    paired: bool = False
    """Whether each donor has a sample in both groups; variances are then those within donors."""
    weights: Literal["power", "equal"] = "power"
    """Weights of the genes in the false discovery rate."""


@dataclass(frozen=True)
class Drawn:
    """One study: which genes change, and which are called."""

    genes: NDArray[np.intp]
    changed: NDArray[np.bool_]
    called: NDArray[np.bool_]
    tested: NDArray[np.bool_]


def two_groups(n: int, *, paired: bool = False) -> SampleDesign:
    """The difference of two groups of n samples, which may be of the same n donors."""
    group = np.repeat([0.0, 1.0], n)
    matrix = np.column_stack([group, np.eye(n)[np.tile(np.arange(n), 2)] if paired else np.ones(2 * n)])
    return SampleDesign(matrix, np.eye(matrix.shape[1])[0])


def draw_samples(groups: NDArray[np.bool_], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Numbers of observed samples that stand for n of the reference and n of the group, drawn with replacement."""
    return np.concatenate([rng.choice(np.flatnonzero(groups == side), n) for side in (False, True)])


def draw_study(
    parts: Components,
    n: int,
    lfc: NDArray[np.float64],
    *,
    n_genes: int,
    share: float,
    threshold: float,
    cells: float,
    rng: np.random.Generator,
) -> Drawn:
    r"""Draw a study of n against n samples, and test it by the whole of :func:`gene_test`.

    Cells and neighbourhoods of a sample are those of an observed one. In sample s the expression of a gene in the neighbourhoods is its
    level, which a fold change of the counts raises or lowers in the samples of the group (:func:`changed_level`), a constant
    :math:`v_s \sim N(0, c^2)`, and :math:`F u_s` with the features F and :math:`u_s \sim N(0, a^2 I)`. Sums over cells have the covariance :math:`\sigma^2 W^\top W`,
    where counts are known, :math:`\sigma` and what samples differ by vary over the neighbourhoods as those of Poisson counts do.

    Parameters
    ----------
    parts
        Components of the observed study.
    n
        Samples in each group.
    lfc
        Log fold change of the counts of the genes that change, per neighbourhood.
    n_genes
        Genes that are drawn.
    share
        Share of them that change, half of them upwards.
    threshold
        Largest q of a call.
    cells
        Factor on the cells of each sample.
    rng
        Draws everything.
    """
    genes = rng.choice(len(parts.noise), n_genes, replace=n_genes > len(parts.noise))
    chosen = draw_samples(parts.groups, n, rng)
    sign = np.zeros(n_genes)
    n_changed = round(share * n_genes)
    sign[rng.choice(n_genes, n_changed, replace=False)] = np.where(np.arange(n_changed) % 2, 1.0, -1.0)
    mass, gram = cells * parts.mass[chosen], cells * parts.gram[chosen]
    level = np.maximum(parts.level[:, genes], LEAST_LEVEL)
    sums = np.empty((2 * n, *level.shape))
    squares = np.zeros(level.shape)
    constant, field, noise = (values[genes] for values in (parts.constant, parts.field, parts.noise))
    slope = np.ones(level.shape)
    if parts.unit is None:
        change = Changed(level + np.outer(lfc, sign), np.ones(level.shape), np.ones(level.shape))
    else:
        change = changed_level(level, np.outer(lfc, sign), parts.unit)
        # where a gene has few counts, cells and samples vary less
        variance, moves = count_shape(level, parts.unit)
        cells_there = mass.sum(axis=0) / mass.sum()
        noise = noise * np.sqrt(variance / (cells_there @ variance))
        slope = moves / (cells_there @ moves)
    same = Changed(level, np.ones(level.shape), np.ones(level.shape))
    for number in range(2 * n):
        now = change if number >= n else same
        own = parts.features @ rng.normal(size=(parts.features.shape[1], n_genes)) * field
        own += rng.normal(size=n_genes) * constant
        mean = now.level + own * slope * now.slope
        values, vectors = np.linalg.eigh(gram[number])
        root = vectors * np.sqrt(np.maximum(values, 0))
        error = (root @ rng.normal(size=mean.shape)) * noise * now.noise
        sums[number] = mass[number][:, None] * mean + error
        squares += mass[number][:, None] * (mean**2 + (noise * now.noise) ** 2) + 2 * mean * error
    found = gene_test(
        NeighborhoodMoments(mass, gram, sums, squares),
        parts.nodes,
        two_groups(n, paired=parts.paired),
        replace(SETTINGS, weights=parts.weights),
    )
    return Drawn(genes, sign != 0, found.qvalue <= threshold, np.isfinite(found.qvalue))
