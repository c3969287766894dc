"""Replicate-aware test of differential abundance: soft cell numbers per sample and neighbourhood."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .block_testing import fit_blocks
from .combine import cauchy_combination, spatial_fdr
from .linear_model import SampleDesign, tempered_covariance
from .neighborhoods import TINY

PRIOR_CELLS = 0.5
"""Added to the soft cell numbers inside and outside before the logit."""
BETWEEN_SAMPLES = 2.0
"""Assumed variance of the logits between samples, in units of the median counting variance."""
MIN_EXPECTED_CELLS = 2.0
"""Expected cells per sample, on average, below which a neighbourhood is not tested."""


@dataclass(frozen=True)
class AbundanceTest:
    """Tests of all neighbourhoods; NaN where not tested."""

    effect: NDArray[np.float64]
    """Contrast of the logit of the proportion, natural logarithm; of several neighbourhoods x contrasts."""
    z: NDArray[np.float64]
    """Moderated z; of several contrasts not negative."""
    pvalue: NDArray[np.float64]
    """Two-sided."""
    qvalue: NDArray[np.float64]
    """Spatial false discovery rate."""

    def to_cells(
        self, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Carry the tests over to cells.

        Parameters
        ----------
        weights
            Weights of the cells, cells x m.

        Returns
        -------
        p, q and effect per cell: p by the Cauchy combination with the cell's weights; q and effect as the weighted mean, so
        that a cell halfway between a found and an unchanged neighbourhood does not count as found.
        """
        tested = np.isfinite(self.qvalue)
        share = weights[:, tested]
        # NaN for a cell with all its weight in untested neighbourhoods
        with np.errstate(invalid="ignore"):
            qvalue, effect = (
                (values[tested].T @ share.T / share.sum(axis=1)).T for values in (self.qvalue, self.effect)
            )
        return cauchy_combination(self.pvalue, weights, axis=1), qvalue, effect


def abundance_test(mass: NDArray[np.float64], gram: NDArray[np.float64], design: SampleDesign) -> AbundanceTest:
    r"""Test every neighbourhood for a change of its share of the sample's cells.

    The observations are the logits :math:`\log\frac{c_{sj} + 1/2}{n_s - c_{sj} + 1/2}`. Counting gives them the variance
    :math:`\phi_j / (n_s \pi_j (1 - \pi_j))` with the pooled proportion :math:`\pi_j` and :math:`\phi_j = \sum w^2/\sum w`;
    expected and not observed counts, since observed ones would give samples with few cells less weight and so bias the
    contrast. Samples differ by more than counting (:func:`tempered_covariance`), and those of one block are correlated
    (:func:`fit_blocks`).
    Then the moderated t (Smyth 2004; F for several contrasts) over neighbourhoods, and the false discovery rate weighted by the reciprocal of the
    overlap with other neighbourhoods (Lun 2017, Dann 2022).

    Parameters
    ----------
    mass
        Soft cell numbers :math:`c_{sj}`, samples x m; rows sum to the cells of the sample.
    gram
        WᵀW of every sample, samples x m x m.
    design
        Design of the samples.
    """
    m = mass.shape[1]
    z, pvalue = (np.full(m, np.nan) for _ in range(2))
    effect = np.full((m, *design.contrast.shape[1:]), np.nan)
    tested, share, logit, unit = tested_logits(mass, gram)
    if len(tested) == 0:
        return AbundanceTest(effect, z, pvalue, pvalue.copy())

    # in units of the counting SD of one cell all neighbourhoods have the same covariance between samples, 1/n
    covariance = tempered_covariance(np.diag(1 / mass.sum(axis=1)), BETWEEN_SAMPLES)
    test = fit_blocks(logit / unit, covariance, design, share).test(np.log(share), "limma")
    effect[tested], z[tested], pvalue[tested] = (test.effect * unit).T, test.z, test.pvalue
    pooled_gram = gram.sum(axis=0)
    norm = np.maximum(np.diag(pooled_gram), TINY)
    overlap = pooled_gram / np.sqrt(np.outer(norm, norm))
    return AbundanceTest(effect, z, pvalue, spatial_fdr(pvalue, 1 / overlap.sum(axis=1)))


def tested_logits(mass: NDArray[np.float64], gram: NDArray[np.float64]) -> tuple[NDArray[Any], ...]:
    """Logits of the shares of the samples' cells, as :func:`abundance_test` compares them.

    Parameters
    ----------
    mass, gram
        As there.

    Returns
    -------
    Numbers of the neighbourhoods that are tested; of these, their share of all cells, the logits, samples x neighbourhoods, and
    the standard deviation that counting gives those of a single cell.
    """
    n_cells = mass.sum(axis=1)
    share = mass.sum(axis=0) / n_cells.sum()
    tested = np.flatnonzero((mass.mean(axis=0) >= MIN_EXPECTED_CELLS) & (share < 1))
    own, share = mass[:, tested], share[tested]
    unit = np.sqrt(np.diagonal(gram.sum(axis=0))[tested] / own.sum(axis=0) / (share * (1 - share)))
    return tested, share, np.log((own + PRIOR_CELLS) / (n_cells[:, None] - own + PRIOR_CELLS)), unit
