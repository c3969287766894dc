"""Second step of `kp.tl.de`: sums over the samples for the replicate test, and the model of the genes."""

from dataclasses import dataclass

from kompot_scverse._gp.features import Features
from kompot_scverse._gp.moments import Moments
from kompot_scverse._stats.neighborhoods import EXPRESSION_WIDTH
from kompot_scverse._stats.sample_tests import CellWeights, SumsOfGenes, cell_weights

from ._agreement import category_sums
from ._de_model import DEModel, factor_keeper, fit_model, kept_features
from ._de_prepare import DETask
from ._depth import SampleDepths, sample_depths, warn_of_depth
from ._sample_sums import collect_sums
from ._steps import Job


@dataclass(frozen=True)
class DEFit:
    """What the results of one modality come from."""

    model: DEModel
    features: Features
    """What the functions are linear in: cells × features."""
    weights: CellWeights | None = None
    """Neighbourhoods of the replicate test; None without replicates."""
    sums: SumsOfGenes | None = None
    """Sums over the cells of every sample; None without replicates."""
    depths: SampleDepths | None = None
    """Depths of the samples, where anything is compared at equal depth."""
    categories: Moments | None = None
    """Sums over the cells of every condition in every category; None with replicates, or without categories."""


def fit(job: Job) -> DEFit:
    """Sum the samples, then fit the genes: the sums first, since an error about them should not wait for the fit."""
    task, request = job.task, job.request
    weights = depths = sums = None
    if task.contrasts is not None or request.test.equal_depth:
        n = request.test.n_neighborhoods
        weights = cell_weights(job.states.x, task.design, n, EXPRESSION_WIDTH, task.membership)
        depths = sample_depths(task.every, weights.soft, task.design, required=request.test.equal_depth)
    if task.contrasts is None:
        weights = None
    elif weights is not None and depths is not None:
        sums = _sums(task, depths, weights)
        n_reference = int(sums.reference.sum())
        warn_of_depth(depths, task.design, task.y.name, n_reference, equal_depth=request.test.equal_depth)
    features = kept_features(job.states, request.gp, request.storage)
    read = task.read(learn=request.gp.estimated)
    if depths is not None and request.test.equal_depth:
        read = read.with_reader(depths.equalised(read.y))
    keep = factor_keeper(request.storage, job.disk, task.mod)
    model = fit_model(read, job.states, features, task.design, request.gp, request.test, keep=keep)
    return DEFit(model, features, weights, sums, depths, category_sums(task))


def _sums(task: DETask, depths: SampleDepths, weights: CellWeights) -> SumsOfGenes:
    names = task.frame.var_names.to_list()
    return collect_sums(task.every, names, task.numbers, depths, weights.columns, task.design)
