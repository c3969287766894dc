"""Samples as a clustered heatmap and as points."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import pdist, squareform

import kompot_scverse as kp


@pytest.mark.parametrize("analysis", ["de", "da"])
def test_the_heatmap_shows_the_distances_in_the_order_of_the_tree(replicated, analysis, assert_not_clipped):
    replicated.obs["batch"] = np.where(replicated.obs["Replicate"].str.endswith("1"), "A", "B")
    panels = kp.pl.samples(replicated, ["Age", "batch", "pseudotime"], analysis=analysis)
    table = kp.get.sample_distances(replicated, analysis=analysis)
    ax = panels.axes["heatmap"]
    names = [text.get_text() for text in ax.get_yticklabels()]
    merges = linkage(squareform(table.to_numpy(), checks=False), "average")
    order = leaves_list(optimal_leaf_ordering(merges, squareform(table.to_numpy(), checks=False)))
    assert names == list(table.index[order])
    values = ax.collections[0].get_array()
    expected = table.loc[names, names].to_numpy()
    others = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(np.asarray(values)[others], expected[others])
    assert values.mask[np.eye(6, dtype=bool)].all()
    assert [text.get_text() for text in panels.axes["colors"].get_yticklabels()] == ["Age", "batch", "pseudotime"]
    image = panels.axes["colors"].images[0].get_array()
    ages = [name.split("_")[0] for name in names]
    assert len({tuple(image[0][number]) for number in range(6) if ages[number] == "Old"}) == 1
    assert (
        f"p = {kp.get.sample_test(replicated, analysis=analysis)['pvalue']:.2g} (all 20"
        in panels.figure.texts[0].get_text()
    )
    assert "least possible is 0.1" in panels.figure.texts[0].get_text()
    assert_not_clipped(panels.figure)


def test_points_keep_the_distances(replicated, assert_not_clipped):
    panels = kp.pl.samples(replicated, kind="mds", analysis="da")
    assert list(panels.axes) == ["Age"]
    drawn = np.asarray(panels.axes["Age"].collections[0].get_offsets())
    table = kp.get.sample_distances(replicated, analysis="da").to_numpy()
    # two dimensions of a few hold most of them
    assert np.corrcoef(np.sort(pdist(drawn)), np.sort(squareform(table)))[0, 1] > 0.85
    assert {text.get_text() for text in panels.axes["Age"].texts} == set(
        kp.get.sample_distances(replicated, analysis="da").index
    )
    assert_not_clipped(panels.figure)
    two = kp.pl.samples(replicated, ["Age", "pseudotime"], kind="mds", labels=False)
    assert list(two.axes) == ["Age", "pseudotime"]
    assert not two.axes["Age"].texts


def test_points_of_samples_in_a_plane_are_where_they_are(replicated, monkeypatch):
    from kompot_scverse.pl import _distances

    points = np.random.default_rng(0).normal(size=(7, 2))
    found, shares = _distances._scaled(squareform(pdist(points)))
    np.testing.assert_allclose(pdist(found), pdist(points))
    assert shares.sum() == pytest.approx(1)


def test_columns_that_are_not_of_samples_are_an_error(replicated):
    with pytest.raises(ValueError, match="differs between the cells of sample"):
        kp.pl.samples(replicated, "branch")
    with pytest.raises(LookupError, match="No de run"):
        kp.pl.samples(replicated, key_added="nothing")
