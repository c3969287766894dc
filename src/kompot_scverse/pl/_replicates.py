"""What a plot of replicates shows of the samples: the expression of a gene, or the abundance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._data.features import feature_names
from kompot_scverse._runs.design_fits import design_fits
from kompot_scverse._runs.sample_abundance import SampleAbundance, sample_abundance
from kompot_scverse._runs.sample_fits import SampleFits, sample_fits
from kompot_scverse._runs.view import RunView

from ._samples import level_colors
from ._style import category_colors


@dataclass(frozen=True)
class ShownSamples:
    """What is drawn of the samples."""

    fits: SampleFits | SampleAbundance
    variable: str
    """What they differ in."""
    names: dict[str, str]
    """Of its levels, by role."""
    colors: dict[str, Any]
    beside: Callable[[np.ndarray], np.ndarray] | None
    """What the points of a category are compared with, given its cells."""
    beside_name: str
    axis: str
    title: str


def expression_of(view: RunView, gene: int, gene_symbols: str | None) -> ShownSamples:
    """The smoothed expression of a gene, with the plain means of the samples' cells."""
    title = str(feature_names(view.data, gene_symbols)[gene])
    texts = ("mean of its cells", "smoothed expression", title)
    if view.effect is not None:
        fits, samples = design_fits(view, gene)
        names = {role: role for role in fits.roles}
        return ShownSamples(fits, samples.variable, names, level_colors(samples, view), fits.observed_means, *texts)
    fits, names = sample_fits(view, gene), {"reference": view.reference, "group": view.group}
    colors = category_colors(view.data, view.groupby, pd.Index([view.reference, view.group]))
    own = {role: colors[name] for role, name in names.items()}
    return ShownSamples(fits, view.groupby, names, own, fits.observed_means, *texts)


def abundance_of(view: RunView) -> ShownSamples:
    """The abundance, with the densities of the conditions."""
    found, samples = sample_abundance(view)
    names, beside = {role: role for role in found.roles}, found.fitted if found.densities else None
    texts = ("density of its condition", "log share of cells, less the mean", view.title)
    return ShownSamples(found, samples.variable, names, level_colors(samples, view), beside, *texts)
