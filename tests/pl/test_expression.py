"""Expression as observed, smoothed and compared."""

import numpy as np

import kompot_scverse.pl as pl


def foreground(ax):
    return next(c for c in ax.collections if c.get_label() != "_background")


def test_expression_shares_a_scale(analysed, assert_not_clipped):
    panels = pl.expression(analysed, analysed.var_names[0])
    limits = {
        foreground(ax).get_clim() for ax in (panels.axes["observed"], panels.axes["reference"], panels.axes["group"])
    }
    assert len(limits) == 1
    low, high = foreground(panels.axes["fold_change"]).get_clim()
    assert low == -high
    difference = np.asarray(analysed.layers["kompot_de_Young_to_Old_fold_change"][:, 0])
    np.testing.assert_allclose(
        np.sort(foreground(panels.axes["fold_change"]).get_array()), np.sort(difference), atol=1e-4
    )
    assert len(foreground(panels.axes["observed"]).get_offsets()) == analysed.obs["Age"].isin(["Young", "Old"]).sum()
    assert_not_clipped(panels.axes["observed"].figure)
