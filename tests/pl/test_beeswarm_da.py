import numpy as np
import pytest
from matplotlib.colors import to_hex

import kompot_scverse.pl as pl
from kompot_scverse.pl._swarm import swarm_offsets

PREFIX = "kompot_da_Young_to_Old"


@pytest.mark.parametrize(("which", "statistic"), [("analysed", "lfc"), ("replicated", "neighborhood_lfc")])
def test_points_are_the_changes_in_their_category(request, unchanged, assert_not_clipped, which, statistic):
    adata = request.getfixturevalue(which)
    with unchanged(adata):
        ax = pl.beeswarm_da(adata, "branch", exclude="Monocyte")
    obs = adata.obs[adata.obs["Age"].isin(["Young", "Old"])]
    effect = obs[f"{PREFIX}_{statistic}"]
    medians = effect.groupby(obs["branch"], observed=True).median().sort_values(ascending=False)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == [name for name in medians.index if name != "Monocyte"]
    drawn = max(ax.collections, key=lambda one: one.get_zorder())
    xy = np.asarray(drawn.get_offsets())
    for row, name in enumerate(names):
        own = xy[np.abs(xy[:, 1] - row) < 0.5, 0]
        np.testing.assert_allclose(np.sort(own), np.sort(effect[obs["branch"] == name].dropna()))
    colors = [to_hex(color).upper() for color in drawn.get_facecolors()]
    calls = next(obs[key] for key in obs if key.startswith(f"{PREFIX}_lfc_direction"))[obs["branch"] != "Monocyte"]
    assert colors.count("#B2182B") == (calls == "up").sum() > 0
    assert_not_clipped(ax.figure)


def test_swarm_is_wide_where_values_are_dense_and_even():
    rng = np.random.default_rng(0)
    values = rng.normal(size=4000)
    offsets = swarm_offsets(values)
    assert np.abs(offsets).max() <= 1
    assert np.abs(offsets[np.abs(values) < 0.5]).max() > 3 * np.abs(offsets[np.abs(values) > 2]).max()
    assert abs(offsets.mean()) < 0.02
    np.testing.assert_array_equal(offsets, swarm_offsets(values))
    np.testing.assert_allclose(np.sort(swarm_offsets(np.zeros(8))), np.arange(8) / 4 - 1)
    assert swarm_offsets(np.ones(1)).tolist() == [0.0]
