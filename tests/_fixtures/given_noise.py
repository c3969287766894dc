"""The model with a given noise and independent conditions, from the sums of samples."""

from collections.abc import Sequence

import numpy as np

from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._stats.component_fit import ComponentFit, ComponentModel, FieldDesign


def fit_given_noise(grams: np.ndarray, cross: np.ndarray, sigma: float, members: Sequence[np.ndarray]) -> ComponentFit:
    """Fit each condition, of which the samples are given, with amplitude 1."""
    conditions = np.concatenate([np.full(len(own), number) for number, own in enumerate(members)])
    order = np.concatenate(list(members))
    sums = SampleSums(grams[order], cross[order], np.zeros(cross[order].shape[:2]))
    design = FieldDesign.of_conditions(conditions)
    model = ComponentModel(sums.gram, design, points=np.zeros((1, grams.shape[1])), sigma=sigma, independent=True)
    return model.learn_and_fit(sums, np.empty(0, dtype=np.intp), np.arange(cross.shape[1]))


def fit_cells(phis: Sequence[np.ndarray], ys: Sequence[np.ndarray], sigma: float) -> ComponentFit:
    """The same from the features and expression (cells × genes) of the cells of each condition."""
    grams = np.stack([phi.T @ phi for phi in phis])
    cross = np.stack([y.T @ phi for phi, y in zip(phis, ys, strict=True)])
    return fit_given_noise(grams, cross, sigma, [np.array([number]) for number in range(len(phis))])
