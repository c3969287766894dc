"""Offset and scale leave the coordinates in the frame as they are."""

import numpy as np
import pytest

from kompot_scverse._gp.frame import fit_frame


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """Coordinates with few binary digits, so that an offset is added without rounding."""
    return np.round(np.random.default_rng(0).normal(size=(101, 4)) * 2**20) / 2**20


@pytest.mark.parametrize("exponent", [-332, -20, 20, 332])
def test_the_scale_does_not_matter(x, exponent):
    inside = fit_frame(x).inward(x)
    scaled = np.ldexp(x, exponent)
    np.testing.assert_array_equal(fit_frame(scaled).inward(scaled), inside)


@pytest.mark.parametrize("scale", [1e-100, 1e-8, 3.0, 1e100])
def test_scale_that_rounds(x, scale):
    """The unit is a power of two, which may be the next one."""
    inside = fit_frame(x).inward(x)
    other = fit_frame(x * scale).inward(x * scale)
    ratio = np.abs(other).max() / np.abs(inside).max()
    assert 0.49 < ratio < 2.01
    np.testing.assert_allclose(other, inside * ratio, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("offset", [1.0, -1e5, 1e8])
def test_the_offset_does_not_matter(x, offset):
    np.testing.assert_array_equal(fit_frame(x + offset).inward(x + offset), fit_frame(x).inward(x))


def test_unit_is_the_size_of_the_data(x):
    sizes = np.linalg.norm(fit_frame(x * 1e-30).inward(x * 1e-30), axis=1)
    assert 1 <= np.quantile(sizes, 0.9, method="higher") < 2


def test_outliers_and_many_cells_at_one_point_do_not_make_the_unit(x):
    far = np.concatenate([x, [[1e12, 0, 0, 0]]])
    assert fit_frame(far).scale == fit_frame(x).scale
    crowded = np.concatenate([x[:5], np.zeros((500, 4))])
    assert 0.1 < fit_frame(crowded).scale / fit_frame(x).scale < 10


def test_identical_cells():
    frame = fit_frame(np.full((5, 2), 7.0))
    assert frame.scale == 1
    assert (frame.inward(np.full((5, 2), 7.0)) == 0).all()


def test_points_are_moved_and_scaled_by_a_power_of_two(x):
    frame = fit_frame(x * 1e6 + 5)
    np.testing.assert_array_equal(frame.inward(x) * 2.0**frame.exponent, x - frame.center)


def test_order_does_not_matter(x):
    a, b = fit_frame(x), fit_frame(x[::-1])
    np.testing.assert_array_equal(a.center, b.center)
    assert a.exponent == b.exponent
