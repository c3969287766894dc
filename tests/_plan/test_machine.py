"""The machine is measured once, and every figure is the time of one operation."""

from kompot_scverse._plan.machine import calibrate


def test_figures_are_times_of_single_operations():
    found = calibrate()
    for value in (found.dense, found.sparse, found.element):
        assert 0 < value < 1e-6
    assert found.cores >= 1
    assert calibrate() is found
