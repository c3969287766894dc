"""Effects of a formula on the log densities of the samples."""

from typing import Any

import numpy as np

from kompot_scverse._gp.progress import progress_bar
from kompot_scverse._gp.ratio import RatioFit, fit_ratio
from kompot_scverse._gp.sample_ratio import EffectsFit, fit_sample_effects, fit_sample_ratio
from kompot_scverse._gp.states import States

from .abundance_estimate import Abundance
from .design import Design
from .design_matrix import canonical_design
from .effect import Effect
from .log_ratio import fit_rough, ratio_summary

__all__ = ["effects_abundance"]


def effects_abundance(states: States, design: Design) -> Abundance:
    """
    Log density change per unit of every effect of a formula, and of effects of several coefficients that of each level.

    Parameters
    ----------
    states
        Cell states.
    design
        Samples and formula.
    """
    assert design.formula is not None
    rough = fit_rough(states.x[design.cells])
    phi = np.hstack([states.phi, rough.features(states.x)])
    blocks = np.repeat([0, 1], [states.phi.shape[1], rough.rank])
    model = _Effects(phi, blocks, design)
    effects = design.formula.effects
    shape = (len(effects), len(phi))
    lfc, variance, null = np.full(shape, np.nan), np.full(shape, np.nan), np.ones(len(effects))
    levels: dict[int, np.ndarray] = {}
    summaries: list[dict[str, Any]] = []
    with progress_bar(len(effects), "log ratios", "effects") as advance:
        for number, effect in enumerate(effects):
            if effect.omnibus:
                levels[number] = model.levels(effect)
                summaries.append({})
            else:
                fit, factor = model.fit(effect)
                lfc[number], variance[number] = factor * fit.log_ratio(phi), factor**2 * fit.variance(phi)
                null[number] = fit.null_probability
                summaries.append(ratio_summary(fit))
            advance(1)
    return Abundance(
        fields=np.empty((0, len(phi))),
        lfc=lfc,
        variance=variance,
        params={"rough_rank": rough.rank, "rough_residual": rough.residual},
        null_probability=null,
        summaries=summaries,
        levels=levels,
    )


class _Effects:
    """
    The fit of all coefficients, made once when it is first needed.

    Parameters
    ----------
    phi, blocks
        Features of all cells, and the block of each.
    design
        Samples and formula.
    """

    def __init__(self, phi: np.ndarray, blocks: np.ndarray, design: Design) -> None:
        assert design.formula is not None
        cells = design.cells
        self.rows = phi if cells.all() else phi[cells]
        self.phi, self.blocks, self.samples = phi, blocks, design.sample_key is not None
        present, self.codes = np.unique(design.sample_codes[cells], return_inverse=True)
        canonical, self.back = canonical_design(design.formula.matrix)
        self.design = canonical[present, 1:]
        self._fit: EffectsFit | None = None

    @property
    def whole(self) -> EffectsFit:
        """Effects of the canonical design."""
        if self._fit is None:
            self._fit = fit_sample_effects(self.rows, self.codes, self.design, self.blocks, samples=self.samples)
        return self._fit

    def fit(self, effect: Effect) -> tuple[RatioFit, float]:
        """The effect, and what it is to be multiplied by."""
        columns = effect.contrast @ self.back[:, 1:]
        sides = np.unique(np.round(self.design[:, 0], 9))
        if self.design.shape[1] == 1 and len(sides) == 2:
            # two kinds of samples: the ratio of two densities
            late = self.design[:, 0] > 0
            if not self.samples:
                return fit_ratio(self.rows, late[self.codes], self.blocks), float(columns[0])
            return fit_sample_ratio(self.rows, self.codes, late, self.blocks), float(columns[0])
        return self.whole.contrast(columns), 1.0

    def levels(self, effect: Effect) -> np.ndarray:
        """Log densities of the levels of an effect, less that of the first: levels × cells."""
        assert effect.of_levels is not None
        found = []
        for columns in effect.of_levels.T @ self.back[:, 1:]:
            found.append(self.whole.contrast(columns).log_ratio(self.phi))
        # also the first, which is 0, is missing where a cell has no state
        return np.stack(found) + 0 * self.phi[:, 0]
