import numpy as np
import pytest
from matplotlib.colors import to_hex

import kompot_scverse.pl as pl

PREFIX = "kompot_da_Young_to_Old"


def contrast(adata):
    return adata.obs["Age"].isin(["Young", "Old"]).to_numpy()


def test_points_and_directions(analysed, unchanged, assert_not_clipped):
    with unchanged(analysed):
        ax = pl.volcano_da(analysed)
    cells = contrast(analysed)
    (drawn,) = [c for c in ax.collections if len(c.get_offsets()) == cells.sum()]
    xy = np.asarray(drawn.get_offsets())
    np.testing.assert_allclose(np.sort(xy[:, 0]), np.sort(analysed.obs[f"{PREFIX}_lfc"][cells]))
    counts = analysed.obs[f"{PREFIX}_lfc_direction"][cells].value_counts()
    colors = [to_hex(color).upper() for color in drawn.get_facecolors()]
    assert counts["up"] > 0
    assert colors.count("#B2182B") == counts["up"]
    assert colors.count("#2166AC") == counts["down"]
    assert ax.get_legend().get_texts()[0].get_text() == f"up in Old ({counts['up']:,})"
    assert_not_clipped(ax.figure)


def test_stored_palette(analysed):
    names = analysed.obs["branch"].cat.categories
    analysed.uns["branch_colors"] = ["#111111", "#222222", "#333333", "#444444"]
    ax = pl.volcano_da(analysed, color="branch")
    entries = {
        t.get_text(): h.get_color()
        for t, h in zip(ax.get_legend().get_texts(), ax.get_legend().legend_handles, strict=True)
    }
    assert entries == dict(zip(names, analysed.uns["branch_colors"], strict=True))
    with pytest.raises(KeyError, match="existing: 'branch'"):
        pl.volcano_da(analysed, color="brnch")


def test_continuous_color(analysed):
    ax = pl.volcano_da(analysed, color="pseudotime")
    assert ax.get_legend() is None
    assert ax.child_axes[0].get_ylabel() == "pseudotime"


def test_other_thresholds(analysed, unchanged):
    with unchanged(analysed):
        ax = pl.volcano_da(analysed, min_lfc=0.0, max_ptp=0.5)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    up = (analysed.obs[f"{PREFIX}_lfc"][contrast(analysed)] > 0).sum()
    assert f"up in Old ({up:,})" in texts
    assert "neutral (0)" in texts


def test_missing_run(adata):
    with pytest.raises(LookupError, match=r"call `kp\.tl\.da` first"):
        pl.volcano_da(adata)


def test_missing_field(analysed):
    del analysed.obs[f"{PREFIX}_lfc"]
    with pytest.raises(LookupError, match=r"is gone; call `kp\.tl\.da"):
        pl.volcano_da(analysed)


def test_q_of_the_replicate_test_decides(replicated):
    obs = replicated.obs
    q = obs[f"{PREFIX}_lfc_qvalue"].to_numpy()
    ax = pl.volcano_da(replicated)
    cells = contrast(replicated)
    heights = np.concatenate([np.asarray(c.get_offsets())[:, 1] for c in ax.collections])
    np.testing.assert_allclose(np.sort(heights), np.sort(-np.log10(q[cells])))
    assert any(np.allclose(line.get_ydata(), 1) for line in ax.lines)
    assert "q = 0.1" in ax.get_legend().get_texts()[-1].get_text()
    ax = pl.volcano_da(replicated, y="tail", min_lfc=0.5)
    assert ax.get_ylabel() == "−log10 posterior tail probability"
    assert len([line for line in ax.lines if line.get_linestyle() == "--"]) == 2
    with pytest.raises(ValueError, match="`y` must be one of"):
        pl.volcano_da(replicated, y="q")


def test_q_without_replicates(analysed):
    with pytest.raises(LookupError, match="sample_key"):
        pl.volcano_da(analysed, y="qvalue")
