"""Fits of expression, and the sums that the replicate test is made from."""

import numpy as np


def test_without_samples_nothing_is_summed(taken):
    fitted = taken("de").fitted
    assert fitted.sums is None
    assert fitted.weights is None
    assert fitted.model.nulls is not None
    assert len(fitted.model.cell_pvalues) == 1


def test_samples_are_summed_in_neighborhoods_and_categories(taken, simulated):
    found = taken("de samples")
    sums, weights, design = found.fitted.sums, found.fitted.weights, found.job.task.design
    branches = simulated.obs["branch"].cat.categories
    m = weights.soft.shape[1]
    columns = weights.columns.toarray()
    assert columns.shape == (600, m + len(branches))
    for number, branch in enumerate(branches):
        np.testing.assert_array_equal(columns[:, m + number], simulated.obs["branch"] == branch)
    y = simulated.layers["logged_counts"].toarray().astype(float)
    own = design.sample_codes == 2
    expected = y[own].T @ columns[own]
    sums_of_sample = sums.moments.sums[2][sums.chosen]
    # expression is compared at equal depth, which changes no zero to another value
    assert sums_of_sample.shape == expected.shape
    np.testing.assert_array_equal(sums_of_sample < 1e-9, expected < 1e-9)
    assert np.corrcoef(sums_of_sample.ravel(), expected.ravel())[0, 1] > 0.99
    assert found.fitted.model.cell_pvalues is None


def test_a_constant_stands_before_the_features_where_amplitudes_are_estimated(taken):
    estimated, given = taken("de").fitted.features, taken("de kompot").fitted.features
    np.testing.assert_array_equal(estimated[:, 0], 1)
    np.testing.assert_array_equal(given, taken("de kompot").job.states.features()[:])
