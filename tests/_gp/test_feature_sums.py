"""Sums of features of samples are those of numpy, whatever the blocks are."""

import numpy as np

from kompot_scverse._gp.feature_sums import sample_grams, sample_sums


def test_grams_add_up():
    phi, codes = np.random.default_rng(1).normal(size=(250, 6)), np.random.default_rng(2).integers(-1, 3, size=250)
    grams = sample_grams(phi, codes, 3)
    own = phi[codes >= 0]
    np.testing.assert_allclose(grams.sum(axis=0), own.T @ own, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(grams[1], phi[codes == 1].T @ phi[codes == 1], rtol=1e-12, atol=1e-12)


def test_sums_of_samples(monkeypatch):
    monkeypatch.setattr("kompot_scverse._gp.features.BLOCK", 7)
    rng = np.random.default_rng(0)
    phi, codes = rng.normal(size=(30, 4)), rng.integers(-1, 3, size=30)
    phi[codes < 0] = np.nan
    expected = [phi[codes == sample].sum(axis=0) for sample in range(4)]
    np.testing.assert_allclose(sample_sums(phi, codes, 4), expected, atol=1e-12)
