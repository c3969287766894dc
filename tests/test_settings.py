"""Settings are checked when they are made."""

import numpy as np
import pytest

from kompot_scverse import GPSettings, StorageSettings, TestSettings


@pytest.mark.parametrize(
    ("kind", "name", "values", "message"),
    [
        (GPSettings.kompot, "sigma", (True, "1", None, [1.0], np.nan), "`sigma` must be a number or 'evidence', not"),
        (GPSettings.kompot, "sigma", (0, -1.0, np.inf), "`sigma` must be a positive number, not"),
        (GPSettings, "ls", (0.0, -1, np.inf), "`ls` must be a positive number, not"),
        (GPSettings, "ls", ("1", False), "`ls` must be a number or None, not"),
        (GPSettings, "n_landmarks", (1.5, "5", True, None), "`n_landmarks` must be a whole number, not"),
        (GPSettings, "n_landmarks", (0, -3), "`n_landmarks` must be at least 1, not"),
        (GPSettings, "rtol", (1, -1e-9, 2.0), "`rtol` must be in"),
        (GPSettings, "kernel", ("nope",), "mellon has no covariance 'nope'; it has .*Matern52"),
        (GPSettings, "kernel", (3, dict, np.mean), "`kernel` must be a mellon covariance .*, not"),
        (GPSettings, "kernel", ("CovariancePair",), "cannot be made of a length scale alone; pass an instance"),
        (GPSettings.kompot, "sigma", (1e-16, 1e-300, 1e16), "`sigma=.*` is no standard deviation of logs"),
        (GPSettings.kompot, "amplitude", (1e-300, 1e100), "`amplitude=.*` is no standard deviation of logs"),
        (GPSettings, "amplitude", (1.0, 0.5), "`amplitude=.*` needs a noise that is given, too"),
        (GPSettings, "sigma", (0.0, -1.0, np.inf), "`sigma` must be a positive number, not"),
        (TestSettings, "threshold", ("x", True), "`threshold` must be a number or None, not"),
        (TestSettings, "threshold", (0, 1.1, -1), "`threshold` must be above 0 and at most 1, not"),
        (TestSettings, "null", ("nope", None, 1), "`null` must be 'shuffle' or 'residuals', not"),
        (TestSettings, "null_genes", (-1,), "`null_genes` must be at least 0, not -1"),
        (TestSettings, "n_neighborhoods", (0,), "`n_neighborhoods` must be at least 1, not 0"),
        (TestSettings, "all_statistics", ("yes", 0), "`all_statistics` must be True or False, not"),
        (TestSettings, "null_mahalanobis", ([1.0, -0.5], [np.nan], [], ["a"], [True]), "finite numbers of 0 or above"),
        (TestSettings, "null_mahalanobis", (3.0, "a", np.ones((2, 2))), "`null_mahalanobis` must be an array or None"),
        (TestSettings, "min_lfc", (-1, np.inf), "`min_lfc` must be 0 or positive, not"),
        (TestSettings, "min_lfc", ("1", True), "`min_lfc` must be a number or None, not"),
        (TestSettings, "max_ptp", (0, 2), "`max_ptp` must be above 0 and at most 1, not"),
        (TestSettings, "rng", (-1,), "`rng` must be 0 or a positive whole number where it is a seed, not -1"),
        (TestSettings, "rng", ("abc", None), "`rng` must be a whole number or a random generator, not"),
        (TestSettings, "equal_depth", (1,), "`equal_depth` must be True or False, not"),
        (StorageSettings, "layers", ("nope", 1, True), "`layers` must be one of 'lazy', 'memory', 'disk' or None, not"),
        (StorageSettings, "keep", ("no", 0, None), "`keep` must be True or False, not"),
        (StorageSettings, "directory", (3, ["a"], b"a"), "`directory` must be text, Path or None, not"),
        (
            StorageSettings,
            "sample_covariance",
            ("lazy", 1),
            "`sample_covariance` must be one of 'memory', 'disk' or None, not",
        ),
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
def test_every_kernel_of_mellon_is_taken(kernel):
    assert GPSettings(kernel=kernel).kernel == kernel


@pytest.mark.parametrize(
    ("settings", "use", "message"),
    [
        ({"min_lfc": 0.0}, lambda test: test.of_de(), r"`TestSettings\(min_lfc=...\)` has no meaning in kp.tl.de"),
        ({"max_ptp": 0.1}, lambda test: test.of_de(), "max_ptp.* has no meaning in kp.tl.de; leave it out"),
        ({"null_genes": 5}, lambda test: test.of_da("ratio", replicates=True), "null_genes.* has no meaning in kp.tl.da"),
        ({"null_mahalanobis": np.ones(3)}, lambda test: test.of_da("ratio", replicates=True), "null_mahalanobis.* no meaning"),
        ({"rng": np.random.default_rng(0)}, lambda test: test.of_da("ratio", replicates=False), "rng.* no meaning"),
        ({"threshold": 0.1}, lambda test: test.of_da("ratio", replicates=False), "threshold.* needs `sample_key`"),
        ({"n_neighborhoods": 3}, lambda test: test.of_da("ratio", replicates=False), "n_neighborhoods.* needs"),
        ({"max_ptp": 0.1}, lambda test: test.of_da("ratio", replicates=True), "max_ptp.* has no effect with `sample_key`"),
    ],
)  # fmt: skip
def test_fields_of_the_other_tool(settings, use, message):
    with pytest.raises(ValueError, match=message) as caught:
        use(TestSettings(**settings))
    assert str(caught.value).endswith(".")


def test_defaults_of_the_tools():
    assert TestSettings().of_de() == TestSettings(threshold=0.05)
    assert TestSettings(threshold=0.2).of_de().threshold == 0.2
    assert TestSettings().of_da("ratio", replicates=True) == TestSettings(threshold=0.1, min_lfc=0.0)
    assert TestSettings().of_da("ratio", replicates=False) == TestSettings(max_ptp=0.05, min_lfc=0.5)
    assert TestSettings(min_lfc=0.2).of_da("density", replicates=False) == TestSettings(max_ptp=0.05, min_lfc=0.2)
    assert TestSettings().of_da("density", replicates=False).min_lfc == 1.0
