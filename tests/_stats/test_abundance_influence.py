"""Abundance without a sample is that of data that never had it."""

import numpy as np

from kompot_scverse._stats.abundance_influence import abundance_without
from kompot_scverse._stats.abundance_testing import abundance_test
from kompot_scverse._stats.linear_model import SampleDesign


def test_it_is_the_test_of_the_others() -> None:
    rng = np.random.default_rng(0)
    mass = rng.multinomial(300, np.full(6, 1 / 6), size=8).astype(float)
    gram = np.stack([np.diag(own) for own in mass])
    late = np.arange(8) >= 4
    design = SampleDesign(np.column_stack([np.ones(8), late]).astype(float), np.array([0.0, 1.0]))
    found = abundance_without(mass, gram, design, np.arange(8))
    use = np.arange(8) != 3
    expected = abundance_test(mass[use], gram[use], design.restricted(use))
    np.testing.assert_array_equal(found[3].qvalue, expected.qvalue)
    np.testing.assert_array_equal(found[3].effect, expected.effect)
    # donors with both samples
    donors = np.tile(np.arange(4), 2)
    use = donors != 1
    both = abundance_without(mass, gram, design, donors)
    assert len(both) == 4
    np.testing.assert_array_equal(both[1].z, abundance_test(mass[use], gram[use], design.restricted(use)).z)
    # two samples leave nothing to estimate the variance from
    few = np.isin(np.arange(8), [0, 4, 5])
    assert abundance_without(mass[few], gram[few], design.restricted(few), np.arange(3)) == [None, None, None]
