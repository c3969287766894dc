"""Effects of a formula on the log densities of the samples."""

from functools import cached_property
from typing import Any

import numpy as np

from kompot_scverse._gp.cell_blocks import CellBlocks
from kompot_scverse._gp.progress import progress_of_passes
from kompot_scverse._gp.ratio import RatioFit
from kompot_scverse._gp.sample_ratio import EffectsFit, fit_sample_effects
from kompot_scverse._gp.states import States

from .abundance_estimate import Abundance
from .design import Design
from .design_matrix import canonical_design
from .effect import Effect
from .log_ratio import PASSES_WITH_SAMPLES, fit_two, ratio_summary
from .ratio_features import Features, RatioFeatures


def effects_abundance(states: States, design: Design) -> Abundance:
    """
    Log density change per unit of every effect of a formula, and of effects with several coefficients that of each level.

    Parameters
    ----------
    states
        Cell states.
    design
        Samples and formula.
    """
    assert design.formula is not None
    model = _Effects(RatioFeatures.of(states, design.cells), design)
    effects = design.formula.effects
    shape = (len(effects), len(states.x))
    lfc, variance, null = np.full(shape, np.nan), np.full(shape, np.nan), np.ones(len(effects))
    levels: dict[int, np.ndarray] = {}
    summaries: list[dict[str, Any]] = []
    # one fit gives all effects
    with progress_of_passes(PASSES_WITH_SAMPLES * int(design.cells.sum()), "log ratios"):
        for number, effect in enumerate(effects):
            if effect.omnibus:
                levels[number] = model.levels(effect)
                summaries.append({})
            else:
                fit, everywhere, factor = model.fit(effect)
                log_ratio, own = fit.at(everywhere)
                lfc[number], variance[number] = factor * log_ratio, factor**2 * own
                null[number] = fit.null_probability
                summaries.append(ratio_summary(fit))
    return Abundance(
        fields=np.empty((0, shape[1])),
        lfc=lfc,
        variance=variance,
        params={"rough_rank": model.features.rough.rank, "rough_residual": model.features.rough.residual},
        null_probability=null,
        summaries=summaries,
        levels=levels,
    )


class _Effects:
    """
    The fit of all coefficients, made once when it is first needed.

    Parameters
    ----------
    features
        Of the analysis.
    design
        Samples and formula.
    """

    def __init__(self, features: RatioFeatures, design: Design) -> None:
        assert design.formula is not None
        self.features, self.samples = features, design.sample_key is not None
        self.codes = np.full(len(design.cells), -1, dtype=np.intp)
        present, self.codes[design.cells] = np.unique(design.sample_codes[design.cells], return_inverse=True)
        canonical, self.back = canonical_design(design.formula.matrix)
        self.design = canonical[present, 1:]

    @cached_property
    def whole(self) -> tuple[EffectsFit, Features]:
        """Effects of the canonical design."""
        own = self.features.choose(self.codes, self.design)
        taking_part = self.codes >= 0
        cells = own.cells.chosen(taking_part, self.codes[taking_part])
        fit = fit_sample_effects(cells, cells.codes, self.design, own.blocks, samples=self.samples)
        return fit, own

    def fit(self, effect: Effect) -> tuple[RatioFit, CellBlocks, float]:
        """The effect, the features of all cells, and the factor of the effect."""
        columns = effect.contrast @ self.back[:, 1:]
        sides = np.unique(np.round(self.design[:, 0], 9))
        if self.design.shape[1] == 1 and len(sides) == 2:
            # two kinds of samples: the ratio of two densities
            fit, own = fit_two(self.features, self.codes, self.design[:, 0] > 0, samples=self.samples)
            return fit, own.cells, float(columns[0])
        found, own = self.whole
        return found.contrast(columns, log_odds_change=own.log_odds_change), own.cells, 1.0

    def levels(self, effect: Effect) -> np.ndarray:
        """Log densities of the levels of an effect, less that of the first: levels × cells."""
        assert effect.of_levels is not None
        fit, own = self.whole
        return np.stack([fit.contrast(columns).at(own.cells)[0] for columns in effect.of_levels.T @ self.back[:, 1:]])
