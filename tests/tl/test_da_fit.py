"""Fits of abundance."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from kompot_scverse._stats.log_ratio import ratio_abundance


def test_without_samples_there_are_no_neighborhoods(taken):
    assert taken("da").fitted.weights is None


def test_weights_in_the_neighborhoods_of_the_test_add_up_to_one(taken):
    soft = taken("da samples").fitted.weights.soft
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("name", ["da", "da samples"])
def test_the_estimate_is_that_of_the_method_and_follows_the_truth(taken, simulated, name):
    found, job = taken(name).fitted.estimate, taken(name).job
    again = ratio_abundance(job.states, job.task.design)
    np.testing.assert_array_equal(found.fields, again.fields)
    cells = job.task.design.cells
    lfc = found.fields[1] - found.fields[0]
    assert spearmanr(lfc[cells], simulated.obs["true_log_density_lfc"][cells]).statistic > 0.5
