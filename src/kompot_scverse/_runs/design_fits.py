"""The smoothed expression of each sample of a design."""

import numpy as np
import pandas as pd

from kompot_scverse._data.features import feature_values

from .run_samples import Samples, samples_of
from .sample_fits import SampleFits, fit_samples, sample_ratio, warn_of_changes
from .view import RunView


def design_fits(view: RunView, gene: int) -> tuple[SampleFits, Samples]:
    r"""
    Fit each sample that counted as a replicate to one gene, as :func:`kompot_scverse._runs.sample_fits.sample_fits`.

    The function of a sample is what the coefficients give at its row of the design, and its own field about that.

    Parameters
    ----------
    view
        A de run of a design with replicates.
    gene
        Position of the gene.
    """
    samples = samples_of(view)
    phi = np.asarray(view.read("basis"), dtype=np.float64)
    y = feature_values(view.data, np.array([gene]), view.run.params.get("layer"))[:, 0]
    coefficients = np.asarray(view.read("coefficient_weights")[gene], dtype=np.float64)
    rows, ratio = samples.design.matrix, sample_ratio(view, gene)
    weights = []
    for number, row in enumerate(rows):
        cells = samples.codes == number
        weights.append(fit_samples(phi[cells], y[cells], coefficients @ row, ratio))
    warn_of_changes(view)
    names = [(samples.levels[level], str(number)) for number, level in enumerate(samples.level)]
    fits = SampleFits(
        names=pd.MultiIndex.from_tuples(names, names=["role", "sample"]),
        roles=samples.levels,
        order=samples.order,
        joined=samples.labels,
        weights=np.array(weights),
        condition_weights={
            name: coefficients @ rows[samples.level == code].mean(axis=0) for code, name in enumerate(samples.levels)
        },
        phi=phi,
        codes=samples.codes,
        values=y,
    )
    return fits, samples
