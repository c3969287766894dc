"""Settings are checked when they are made."""

import numpy as np
import pytest

from kompot_scverse import DAThresholdSettings, FDRSettings, GPSettings, StorageSettings


@pytest.mark.parametrize(
    ("kind", "name", "values", "message"),
    [
        (GPSettings.kompot, "sigma", (True, "1", None, [1.0], np.nan), "`sigma` must be a number or 'evidence', not"),
        (GPSettings.kompot, "sigma", (0, -1.0, np.inf), "`sigma` must be a positive number, not"),
        (GPSettings, "ls", (0.0, -1, np.inf), "`ls` must be a positive number, not"),
        (GPSettings, "ls", ("1", False), "`ls` must be a number or None, not"),
        (GPSettings, "n_landmarks", (1.5, "5", True, None), "`n_landmarks` must be a whole number, not"),
        (GPSettings, "n_landmarks", (0, -3), "`n_landmarks` must be a whole number of at least 1, not"),
        (GPSettings, "rtol", (1, -1e-9, 2.0), "`rtol` must be in"),
        (GPSettings, "kernel", ("nope",), "mellon has no covariance 'nope'; it has .*Matern52"),
        (GPSettings, "kernel", (3, dict, np.mean), "`kernel` must be a mellon covariance .*, not"),
        (GPSettings, "kernel", ("CovariancePair",), "cannot be made of a length scale alone; pass an instance"),
        (GPSettings, "amplitude", (1.0, 0.5), "`amplitude=.*` and `sigma='evidence'` go together"),
        (FDRSettings, "threshold", ("x", None, True), "`threshold` must be a number, not"),
        (FDRSettings, "threshold", (0, 1.1, -1), "`threshold` must be above 0 and at most 1, not"),
        (FDRSettings, "null", ("nope", None, 1), "`null` must be 'shuffle' or 'residuals', not"),
        (FDRSettings, "null_genes", (-1,), "`null_genes` must be a whole number of at least 0, not -1"),
        (FDRSettings, "n_neighborhoods", (0,), "`n_neighborhoods` must be a whole number of at least 1, not 0"),
        (FDRSettings, "all_statistics", ("yes", 0), "`all_statistics` must be True or False, not"),
        (FDRSettings, "null_mahalanobis", ([1.0, -0.5], [np.nan], [], ["a"], [True]), "finite numbers of 0 or above"),
        (FDRSettings, "null_mahalanobis", (3.0, "a", np.ones((2, 2))), "`null_mahalanobis` must be an array or None"),
        (DAThresholdSettings, "lfc", (-1, np.inf), "`lfc` must be 0 or positive, not"),
        (DAThresholdSettings, "lfc", ("1", True), "`lfc` must be a number or None, not"),
        (DAThresholdSettings, "fdr", (0, 2), "`fdr` must be above 0 and at most 1, not"),
        (StorageSettings, "layers", ("nope", 1, True), "`layers` must be one of 'lazy', 'memory', 'disk' or None, not"),
        (StorageSettings, "keep", ("no", 0, None), "`keep` must be True or False, not"),
        (StorageSettings, "directory", (3, ["a"], b"a"), "`directory` must be text, Path or None, not"),
        (StorageSettings, "sample_covariance", (None, "lazy"), "`sample_covariance` must be 'memory' or 'disk', not"),
    ],
)
def test_wrong_values(kind, name, values, message):
    for value in values:
        with pytest.raises((TypeError, ValueError), match=message):
            kind(**{name: value})


def test_numbers_become_pythons_own():
    """As files and numpy give them."""
    found = GPSettings.kompot(n_landmarks=1e3, sigma=np.float32(0.5))
    assert found == GPSettings(n_landmarks=1000, amplitude=1.0, sigma=0.5)
    assert [type(value) for value in (found.n_landmarks, found.sigma)] == [int, float]


@pytest.mark.parametrize("kernel", ["Matern32", None])
def test_kernels(kernel):
    assert GPSettings(kernel=kernel).kernel == kernel
