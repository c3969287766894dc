"""Fits of one condition."""

import numpy as np


def test_the_only_function_follows_the_cells_of_the_condition(taken, simulated):
    found = taken("smooth")
    smoothed = found.fitted.features @ found.fitted.model.genes.weights(0).T
    own = found.job.task.design.cells
    y = simulated.layers["logged_counts"].toarray()[own]
    # the constant makes residuals sum to zero
    np.testing.assert_allclose(smoothed[own].mean(axis=0), y.mean(axis=0), atol=2e-3)
    residual = np.square(y - smoothed[own]).mean(axis=0)
    assert (residual <= y.var(axis=0) * 1.001 + 1e-9).all()
