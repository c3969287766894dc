"""What is called at a cell, from its log fold change and its test."""

import numpy as np
import pytest
from scipy.stats import norm

from kompot_scverse._stats.abundance_estimate import Abundance, compare
from kompot_scverse.settings import TestSettings

LFC = np.array([2.0, -2.0, 0.4, 2.0, np.nan, 0.0])
VARIANCE = np.array([0.25, 0.25, 0.01, 4.0, np.nan, 0.0])
FOUND = Abundance(np.empty((2, 6)), LFC[None], VARIANCE[None], {}, null_probability=np.array([0.3]))


def test_without_replicates_both_limits_decide():
    found = compare(FOUND, 0, TestSettings().of_da("ratio", replicates=False), None)
    z = np.array([4.0, -4.0, 4.0, 1.0, np.nan, 0.0])
    np.testing.assert_allclose(found.zscore, z)
    np.testing.assert_allclose(found.neg_log10_ptp, -np.log10(norm.sf(np.abs(z))))
    np.testing.assert_allclose(found.lfsr, 0.3 + 0.7 * norm.sf(np.abs(z)))
    # too small, too uncertain, without a state, and none
    assert found.direction.tolist() == [2, 0, 1, 1, 1, 1]
    loose = compare(FOUND, 0, TestSettings(min_lfc=0, max_ptp=0.2).of_da("ratio", replicates=False), None)
    assert loose.direction.tolist() == [2, 0, 2, 2, 1, 1]


@pytest.mark.parametrize(("min_lfc", "expected"), [(None, [2, 1, 0, 2, 1, 1]), (1.0, [2, 1, 1, 2, 1, 1])])
def test_with_replicates_the_q_value_decides(min_lfc, expected):
    qvalue = np.array([0.05, 0.5, 0.01, 0.1, np.nan, 0.9])
    effect = np.array([1.0, -1.0, -1.0, 1.0, np.nan, 0.0])
    test = TestSettings(min_lfc=min_lfc).of_da("ratio", replicates=True)
    found = compare(FOUND, 0, test, (qvalue, qvalue, effect))
    assert found.direction.tolist() == expected
