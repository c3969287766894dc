"""Second step of `kp.tl.smooth`: the model of the genes."""

from dataclasses import dataclass

from kompot_scverse._gp.features import Features
from kompot_scverse.settings import TestSettings

from ._de_model import DEModel, fit_model, kept_features
from ._genes_read import genes_read
from ._steps import Job


@dataclass(frozen=True)
class SmoothFit:
    """What the results of one modality come from."""

    model: DEModel
    features: Features
    """What the function is linear in: cells × features."""


def fit(job: Job) -> SmoothFit:
    """Fit the genes over the cells of the condition."""
    task, gp = job.task, job.request.gp
    features = kept_features(job.states, gp, job.request.storage)
    read = genes_read(task.every, task.frame.var_names.to_list(), task.numbers, learn=gp.estimated)
    return SmoothFit(fit_model(read, job.states, features, task.design, gp, TestSettings()), features)
