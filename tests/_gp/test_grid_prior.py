"""The prior of the variance ratios, and the posterior of each gene."""

import numpy as np

from kompot_scverse._gp.grid_prior import grid_posterior, grid_prior


def test_the_prior_of_the_ratios_is_that_of_the_genes():
    # half of the genes can only be of one point, half only of another
    evidence = np.full((400, 3), -50.0)
    evidence[:300, 0] = 0
    evidence[300:, 2] = 0
    np.testing.assert_allclose(grid_prior(evidence), [0.75, 0, 0.25], atol=1e-5)


def test_genes_that_say_nothing_do_not_change_the_prior():
    evidence = np.full((50, 3), -50.0)
    evidence[:, 1] = 0
    silent = np.zeros((500, 3))
    np.testing.assert_allclose(grid_prior(np.vstack([evidence, silent])), grid_prior(evidence), rtol=1e-6)


def test_the_posterior_is_by_the_rule_of_bayes_without_what_hardly_matters():
    evidence, prior = np.log([[0.5, 0.3, 0.2], [1e-6, 1.0, 1.0]]), np.array([0.2, 0.5, 0.3])
    found = grid_posterior(evidence, prior)
    np.testing.assert_allclose(found[0], np.array([0.10, 0.15, 0.06]) / 0.31)
    np.testing.assert_allclose(found[1], [0, 5 / 8, 3 / 8], rtol=1e-9)
