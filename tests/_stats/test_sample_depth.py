"""Depth of the samples against what it was made of."""

import numpy as np
import pytest

from kompot_scverse._stats.sample_depth import common_share, sample_log_depth


@pytest.fixture(scope="module")
def cells():
    """Cells of four samples in three hard neighbourhoods, whose shares differ between the samples."""
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 4, 3000)
    place = np.where(rng.random(3000) < 0.15 * (codes + 2), 0, rng.integers(1, 3, 3000))
    return codes, place, np.eye(3)[place]


def test_samples_differ_by_what_they_differ_within_neighbourhoods(cells):
    """Without noise the two-way model is exact, although the mean depth of a sample goes with its composition."""
    codes, place, weights = cells
    of_sample, of_place = np.array([0.0, -1.0, 0.3, 0.1]), np.array([2.0, 0.0, -0.5])
    log_depth = np.where(codes >= 0, of_sample[codes] + of_place[place], np.nan)
    found = sample_log_depth(log_depth, weights, codes, 4)
    np.testing.assert_allclose(found, of_sample[:, None] + of_place, atol=1e-10)
    share = common_share(found, np.ones(4, dtype=bool), weights, codes)
    np.testing.assert_allclose(share, np.where(codes >= 0, np.exp(-1 - of_sample[codes]), 1), rtol=1e-9)


def test_what_one_sample_has_in_one_neighbourhood_counts_there(cells):
    codes, place, weights = cells
    odd = (codes == 2) & (place == 1)
    log_depth = np.where(odd, -0.7, 0.0)
    found = sample_log_depth(log_depth, weights, codes, 4)
    assert found[2, 1] == pytest.approx(-0.7, abs=0.1)
    assert np.abs(np.delete(found[:, [0, 2]], 2, axis=0)).max() < 0.25
    # a few cells there move it little
    few = np.flatnonzero(odd)[3:]
    kept = np.setdiff1d(np.arange(3000), few)
    assert sample_log_depth(log_depth[kept], weights[kept], codes[kept], 4)[2, 1] > -0.2


def test_cells_of_unknown_depth_and_samples_that_do_not_count(cells):
    codes, place, weights = cells
    log_depth = np.array([0.0, -1.0, 0.0, 0.0])[codes]
    unknown = np.random.default_rng(1).random(3000) < 0.3
    found = sample_log_depth(np.where(unknown, np.nan, log_depth), weights, codes, 4)
    np.testing.assert_allclose(found, np.array([0.0, -1.0, 0.0, 0.0])[:, None] * np.ones(3), atol=1e-10)
    # the shallow sample is left out: the others keep all they have, and so does it
    share = common_share(found, np.array([True, False, True, True]), weights, codes)
    np.testing.assert_allclose(share, 1)
