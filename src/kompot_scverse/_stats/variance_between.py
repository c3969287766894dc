"""The variance between samples of a model that has no component for it, from the posteriors of the samples alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dask
import numpy as np

from kompot_scverse._gp.parallel import compute_here

from .component_fit import ComponentFit
from .mahalanobis import distances_from
from .sample_covariance import SampleCovariance


def with_variance_between(
    fit: ComponentFit, covariances: list[SampleCovariance], create: Callable[[tuple[int, ...]], Any] | None = None
) -> ComponentFit:
    """
    A fit whose variances and distances contain the covariances between the samples of each condition.

    No amplitude times the kernel is an empirical covariance, so it cannot be a component of the model. The sums per sample are no
    longer needed afterwards.

    Parameters
    ----------
    fit
        With a noise that is given.
    covariances
        Of every condition.
    create
        Makes an array of a shape, in memory or on disk, that keeps the factor of a condition (in the precision of the
        array; the distances are from the exact one). None keeps the distances alone.
    """
    factors = [covariance.factor for covariance in covariances]
    targets = [] if create is None else [create(factor.shape) for factor in factors]
    groups = range(1, fit.n_conditions)
    functions = [distances_from(fit.fold_change_covariance(group), fit.fold_change(group)) for group in groups]

    def finish(start: int, *blocks: np.ndarray) -> list[np.ndarray]:
        genes = slice(start, start + len(blocks[0]))
        for target, block in zip(targets, blocks, strict=bool(targets)):
            target[genes] = block.astype(target.dtype)
        return [
            function(np.concatenate([blocks[0], block], axis=2), genes)
            for function, block in zip(functions, blocks[1:], strict=True)
        ]

    starts = np.cumsum([0, *factors[0].chunks[0][:-1]])
    blocks = [factor.to_delayed().ravel() for factor in factors]
    task = dask.delayed(finish, pure=False)
    parts = compute_here(*[task(start, *of_chunk) for start, *of_chunk in zip(starts, *blocks, strict=True)])
    distances = [*fit.components.distances[: fit.n_conditions], *map(np.concatenate, zip(*parts, strict=True))]
    kept = [one.moved_to(target) for one, target in zip(covariances, targets, strict=True)] if targets else None
    return replace(fit, components=replace(fit.components, distances=distances), between=kept)
