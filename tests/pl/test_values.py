"""Statistics of which there must be some."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse.pl._values import some_numbers, some_values


def test_some_missing_values_are_no_error():
    view = add_run(AnnData(np.zeros((2, 3))), var={"mean_lfc": np.array([1, np.nan, 2], dtype=np.float32)})
    np.testing.assert_array_equal(some_numbers(view, "mean_lfc"), [1, np.nan, 2])
    assert some_numbers(view, "mean_lfc").dtype == np.float64


def test_nothing_but_missing_values_is():
    view = add_run(AnnData(np.zeros((2, 3))), var={"mean_lfc": np.full(3, np.nan)})
    with pytest.raises(ValueError, match="'k_mean_lfc' of run 0 .* holds only missing values"):
        some_values(view, "mean_lfc")
