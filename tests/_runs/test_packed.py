"""Distances between samples as text."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kompot_scverse._runs.packed import pack_distances, unpack_distances


@pytest.mark.parametrize("n", [2, 3, 60])
def test_distances_are_read_back(n):
    x = np.random.default_rng(0).normal(size=(n, 4)) * 1e-7
    distances = cdist(x, x)
    text = json.dumps(pack_distances(distances))
    np.testing.assert_allclose(unpack_distances(json.loads(text)), distances, atol=1e-5 * distances.max(), rtol=0)
    assert len(text) < 3 * n * (n - 1) / 2 + 70


def test_samples_without_any_distance():
    np.testing.assert_array_equal(unpack_distances(pack_distances(np.zeros((3, 3)))), np.zeros((3, 3)))
