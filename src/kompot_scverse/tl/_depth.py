"""Sequencing depth of the samples: how much it differs, and expression as expected at equal depth."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._gp.row_tasks import RowReader
from kompot_scverse._messages import logger
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.equal_depth import EqualDepthReader
from kompot_scverse._stats.layer_survey import LayerSurvey, survey_layer
from kompot_scverse._stats.level_trend import MIN_GENES
from kompot_scverse._stats.sample_depth import common_share, sample_log_depth

WORTH_SAYING = 1.25
"""Ratio of the depths above which a warning is logged."""


@dataclass(frozen=True)
class SampleDepths:
    """How deep the samples of one modality are."""

    survey: LayerSurvey
    log_depth: np.ndarray
    """Samples × neighbourhoods; of the detected features where counts are not known."""
    share: np.ndarray
    """Share of the depth of every cell that all samples have."""

    @property
    def known(self) -> bool:
        """Whether the layer tells the counts of the cells."""
        return self.survey.scale is not None

    def equalised(self, y: RowReader) -> RowReader:
        """Expression as expected at the depth of the shallowest sample; as it is where counts are not known."""
        if self.survey.scale is None:
            return y
        return EqualDepthReader(y, self.survey.unit, self.share, self.survey.scale)

    def ratio(self, design: Design, number: int) -> float:
        """Depth of a condition in units of that of the reference: of their typical samples, in the same states.

        NaN with a formula.
        """
        if design.formula is not None:
            return np.nan
        of_sample = self.log_depth.mean(axis=1)
        group, reference = (of_sample[design.members(c, usable=True)].mean() for c in (number, 0))
        return float(np.exp(group - reference))

    def spread(self, design: Design) -> float:
        """Depth of the deepest sample in units of that of the shallowest."""
        of_sample = self.log_depth.mean(axis=1)[design.usable]
        return float(np.exp(of_sample.max() - of_sample.min()))


def sample_depths(every: MatrixReader, weights: csr_array, design: Design, *, required: bool) -> SampleDepths:
    """
    Look at all features of a layer.

    Parameters
    ----------
    every
        Reader of all features.
    weights
        Weights of the cells in the neighbourhoods.
    design
        Conditions and samples.
    required
        Whether it is an error if the layer does not tell the counts.
    """
    codes = design.sample_codes
    survey = survey_layer(every.lenient(), codes)
    if required and survey.scale is None:
        raise ValueError(
            f"`TestSettings(equal_depth=True)` needs logs of scaled counts, and {every.name} holds other values. Pass a layer made by "
            "`sc.pp.normalize_total` and `sc.pp.log1p`, or leave it out."
        )
    with np.errstate(divide="ignore"):
        depth = np.log(survey.detected) if survey.scale is None else -np.log(survey.unit)
    log_depth = sample_log_depth(depth, weights, codes, len(design.samples))
    return SampleDepths(survey, log_depth, common_share(log_depth, design.usable, weights, codes))


def warn_of_depth(depths: SampleDepths, design: Design, name: str, n_genes: int, *, equal_depth: bool) -> None:
    """
    Say where samples differ in depth what that does to the results, and what helps.

    Parameters
    ----------
    depths
        Depths of the samples.
    design
        Conditions and samples.
    name
        Of the expression matrix.
    n_genes
        Features from which it is learnt what those of one level share.
    equal_depth
        Whether everything is computed from expression at equal depth.
    """
    for number, group in enumerate(design.groups, start=1):
        ratio = depths.ratio(design, number)
        apart = max(ratio, 1 / ratio) >= WORTH_SAYING
        if not depths.known and (apart or depths.spread(design) >= WORTH_SAYING):
            logger.warning(
                "Cells of %r have %.2f times as many detected features as those of %r in the same states, and samples differ by "
                "a factor of up to %.1f. %s does not hold logs of scaled counts, so what depth does to weakly expressed features "
                "is removed only as far as those of one level share it%s: expect too many small p-values. Pass a layer made by "
                "`sc.pp.normalize_total` and `sc.pp.log1p`, or equalise the counts first (`sc.pp.downsample_counts`).",
                group, ratio, design.reference, depths.spread(design), name,
                "" if n_genes >= MIN_GENES else f", which {n_genes} features cannot tell",
            )  # fmt: skip
        elif depths.known and apart and not equal_depth:
            logger.warning(
                "Cells of %r have %.2f times the counts of those of %r in the same states.%s Fold changes and layers are of %s as "
                "it is, where weakly expressed genes seem lower in shallow cells; `test=kp.TestSettings(equal_depth=True)` gives them at equal depth.",
                group, ratio, design.reference,
                "" if design.sample_key is None else " The replicate test compares them at equal depth.", name,
            )  # fmt: skip
