"""What is smoothed, and what cannot be."""

import numpy as np
import pytest

import kompot_scverse as kp


def test_basis_from_all_cells_and_sums_from_those_of_the_condition(taken, simulated):
    task = taken("smooth").job.task
    np.testing.assert_array_equal(task.design.cells, simulated.obs["Age"] == "Old")
    assert task.mask.all()
    assert task.prefix == "kompot_smooth_Old"
    assert task.n_genes == 60


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"group": "Old"}, "`group='Old'` needs `groupby=`"),
        ({"groupby": "Age"}, "`groupby='Age'` needs `group=`, the category to smooth"),
        ({"mask_obs": np.arange(600) < 3}, "`mask_obs` has 3 cells in the analysis; at least"),
    ],
)
def test_what_cannot_be_smoothed(simulated, arguments, match):
    with pytest.raises(ValueError, match=match):
        kp.tl.smooth(simulated, layer="logged_counts", **arguments)
