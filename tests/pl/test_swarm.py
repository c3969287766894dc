"""Offsets of points beside their line."""

import numpy as np
import pytest

from kompot_scverse.pl._swarm import swarm_offsets


@pytest.mark.parametrize("spread", [0.0, 1e-16, 1e-3, 1.0])
def test_offsets_are_within_the_width_and_apart(spread: float) -> None:
    """Also where values are equal but for rounding, which a histogram cannot take."""
    offsets = swarm_offsets(0.3 + spread * np.random.default_rng(0).normal(size=200))
    assert np.abs(offsets).max() <= 1
    assert len(np.unique(offsets.round(6))) > 150
