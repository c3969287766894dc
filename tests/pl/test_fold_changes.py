import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex

import kompot_scverse.pl as pl
from kompot_scverse._runs.history import iterate_runs, store_runs

PREFIX = "kompot_de_Young_to_Old"
CALLS = f"{PREFIX}_is_de_sample_var"


@pytest.fixture
def twice(replicated):
    """A second contrast, with other fold changes and calls."""
    run = next(iterate_runs(replicated))
    replicated.var["other_lfc"] = -0.5 * replicated.var[f"{PREFIX}_mean_lfc"]
    replicated.var["other_is_de"] = np.arange(replicated.n_vars) % 3 == 0
    fields = [{"slot": "var", "key": f"other_{key}", "statistic": statistic, "description": ""}
              for key, statistic in (("lfc", "mean_lfc"), ("is_de", "is_de"))]  # fmt: skip
    contrast = dict(run.contrast, group="Mid")
    store_runs(replicated, [dataclasses.replace(run, run_id=2, key_added="other", contrast=contrast, fields=fields)])
    return replicated


def test_points_and_colors(twice, unchanged, assert_not_clipped):
    with unchanged(twice):
        ax = pl.fold_changes(twice, x="Old", y={"key_added": "other"}, labels=3)
    x, y = twice.var[f"{PREFIX}_mean_lfc"].to_numpy(), twice.var["other_lfc"].to_numpy()
    first, second = twice.var[CALLS].to_numpy(), twice.var["other_is_de"].to_numpy()
    colors = {
        "#0072b2": first & ~second,
        "#e69f00": second & ~first,
        "#009e73": first & second,
        "#b4b4b4": ~first & ~second,
    }
    drawn = {to_hex(c.get_facecolors()[0]): np.asarray(c.get_offsets()) for c in ax.collections if len(c.get_offsets())}
    for color, chosen in colors.items():
        if chosen.any():
            np.testing.assert_allclose(drawn[color], np.column_stack([x, y])[chosen])
    assert ax.get_title() == "r = -1.00"
    assert ax.get_xlim() == ax.get_ylim()
    far = np.argsort(-np.hypot(x, y) * (first | second))[:3]
    assert {text.get_text() for text in ax.texts} == set(twice.var_names[far])
    assert_not_clipped(ax.figure)


def test_what_chooses_a_run(twice):
    by_number, by_group = pl.fold_changes(twice, x=0, y=2, labels=0), pl.fold_changes(twice, x="Old", y="Mid", labels=0)
    assert by_number.get_ylabel() == by_group.get_ylabel() == "mean log fold change\nYoung → Mid"
    with pytest.raises(ValueError, match="`y` chooses a run by"):
        pl.fold_changes(twice, x=0, y={"prefix": "other"})
    with pytest.raises(LookupError):
        pl.fold_changes(twice, x=0, y="Nobody")


def test_one_category(twice):
    ax = pl.fold_changes(twice, x=0, y=0, cell_group="HSC", labels=0)
    change = twice.varm[f"{PREFIX}_branch_mean_lfc"]["HSC"].to_numpy()
    drawn = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections if len(c.get_offsets())])
    np.testing.assert_allclose(np.sort(drawn[:, 0]), np.sort(change[np.isfinite(change)]))
    assert "in HSC" in ax.get_xlabel()
