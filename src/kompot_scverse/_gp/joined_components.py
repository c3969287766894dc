"""What the model says of several blocks of genes, as of all of them."""

from dataclasses import replace

import numpy as np

from .components import Components
from .variance_table import VarianceTable


def joined_components(parts: list[Components]) -> Components:
    """Components of blocks of genes under one model, one after the other."""
    first = parts[0]

    def joined(of_parts: list[list[np.ndarray]]) -> list[np.ndarray]:
        return [np.concatenate(blocks) for blocks in zip(*of_parts, strict=True)]

    loads = joined([[table.loads for table in part.variances] for part in parts])
    distances = iter(joined([[own for own in part.distances if own is not None] for part in parts]))
    sample, noise = joined([[part.sample, part.noise] for part in parts])
    joint = first.joint
    if joint is not None:
        joint = replace(joint, loads=np.concatenate([part.joint.loads for part in parts if part.joint is not None]))
    return Components(
        joined([part.weights for part in parts]),
        [VarianceTable(table.axes, table.covariances, own) for table, own in zip(first.variances, loads, strict=True)],
        [None if own is None else next(distances) for own in first.distances],
        sample=sample,
        noise=noise,
        joint=joint,
    )
