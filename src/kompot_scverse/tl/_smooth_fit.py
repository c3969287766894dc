"""Second step of `kp.tl.smooth`: the model of the genes."""

from kompot_scverse.settings import TestSettings

from ._de_fit import DEFit
from ._de_model import fit_model, kept_features
from ._steps import Job


def fit(job: Job) -> DEFit:
    """Fit the genes over the cells of the condition."""
    task, gp = job.task, job.request.gp
    features = kept_features(job.states, gp, job.request.storage)
    read = task.read(learn=gp.estimated)
    return DEFit(fit_model(read, job.states, features, task.design, gp, TestSettings()), features)
