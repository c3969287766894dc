"""Mixing distributions against those that observations are drawn from, and the definition of the maximum."""

import numpy as np
from scipy.stats import norm

from kompot_scverse._gp.mixing import mixing_weights


def test_the_likelihood_is_largest_there():
    rng = np.random.default_rng(0)
    means, share = np.array([-4.0, 0, 1, 5]), np.array([0.2, 0.5, 0.0, 0.3])
    y = means[rng.choice(4, 4000, p=share)] + rng.normal(size=4000)
    likelihood = norm.pdf(y[:, None], means)
    found = mixing_weights(likelihood, 3000)
    np.testing.assert_allclose(found, share, atol=0.05)
    # the gradient is 1 for the components that are used, and less for others
    gradient = (likelihood / (likelihood @ found)[:, None]).mean(axis=0)
    np.testing.assert_allclose(gradient[found > 0.01], 1, atol=1e-3)
    assert (gradient < 1 + 1e-3).all()
    np.testing.assert_allclose(found.sum(), 1)


def test_rows_that_stand_for_several_and_single_precision():
    likelihood = np.random.default_rng(1).exponential(size=(30, 5))
    counts = np.random.default_rng(2).integers(1, 6, 30)
    every = mixing_weights(np.repeat(likelihood, counts, axis=0), 50)
    np.testing.assert_allclose(mixing_weights(likelihood, 50, counts / counts.sum()), every, rtol=1e-10)
    np.testing.assert_allclose(
        mixing_weights(likelihood.astype(np.float32), 50, counts / counts.sum()), every, rtol=1e-4
    )
