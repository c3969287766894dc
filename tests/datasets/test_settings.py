"""What can be simulated, and what cannot."""

import numpy as np
import pytest

from kompot_scverse.datasets import SimulationSettings, simulate
from kompot_scverse.datasets._settings import check_density_change, check_depth, check_samples


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference": "young"}, r"`reference` is 'young', but `samples` has only \['Young', 'Mid', 'Old'\]"),
        ({"group": "Elder"}, "`group` is 'Elder'"),
        ({"group": "Young"}, "both 'Young': choose two different"),
        ({"samples": {"Young": 0, "Old": 1}}, r"`samples\['Young'\]` must be at least 1, not 0"),
        ({"samples": {1: 1, 2: 1}}, "must map labels"),
        ({"n_obs": 100}, "8 samples need at least 160 cells"),
        ({"n_vars": 0}, "`n_vars` must be at least 1"),
        ({"n_latent": 2}, "`n_latent` must be at least 5"),
        ({"n_latent": 101}, "no more than 100"),
        ({"frac_de": 1.1}, "`frac_de` must be a number from 0 to 1, not 1.1"),
        ({"effect_size": -1}, "`effect_size` must be 0 or positive, not -1"),
        ({"sample_effect": np.inf}, "`sample_effect` must be 0 or positive"),
        ({"density": 0}, "`density` is 0: choose"),
        ({"density": 2}, "`density` is 2: choose"),
        ({"density_change": {"T cell": 1}}, r"names \['T cell'\], but the branches are"),
        ({"density_change": 10}, "give a number from -5 to 5"),
        ({"density_change": {"HSC": np.nan}}, "give a number from -5 to 5"),
        ({"density_change": -1}, "`density_change` must be 0 or positive"),
        ({"depth": {"Odl": 0.5}}, r"`depth` names \['Odl'\]"),
        ({"depth": {"Old": 0}}, "finite number above 0"),
        ({"depth": {"Old": -1.0}}, "finite number above 0"),
        ({"depth": {"Old_1": "deep"}}, "finite number above 0"),
        ({"depth": {"Old": np.inf}}, "finite number above 0"),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        simulate(**{"n_obs": 200, "n_vars": 5} | arguments)


def test_numbers_of_samples_are_whole():
    with pytest.raises(TypeError, match=r"`samples\['Young'\]` must be a whole number, not 1.5"):
        simulate(200, 5, samples={"Young": 1.5, "Old": 1})


@pytest.mark.parametrize(
    "arguments",
    [
        {"frac_local": -0.1},
        {"frac_outliers": 2},
        {"outlier_factor": -1},
        {"composition_sd": np.inf},
        {"size_spread": 0.95},
        {"depth_sd": -1},
        {"donor_share": 1.5},
        {"dispersion": 0},
    ],
)
def test_impossible_settings(arguments):
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}`"):
        SimulationSettings(**arguments)


def test_the_default_change_is_scaled_and_branches_left_out_do_not_change():
    doubled = check_density_change(2.0)
    assert doubled["HSC"] == 2 * check_density_change(1.0)["HSC"] != 0
    assert check_density_change({"HSC": 0.5}) == {"HSC": 0.5, "Erythroid": 0.0, "Monocyte": 0.0, "B cell": 0.0}


def test_the_depth_of_a_sample_goes_before_that_of_its_condition():
    found = check_depth({"Old": 0.4, "Old_2": 2.0}, {"Young": 1, "Old": 2}, ["Young_1", "Old_1", "Old_2"])
    np.testing.assert_array_equal(found, [1, 0.4, 2])


def test_numbers_of_samples_become_pythons_own():
    found = check_samples({"a": np.int64(2), "b": 3}, 200, "a", "b")
    assert found == {"a": 2, "b": 3}
    assert {type(number) for number in found.values()} == {int}
