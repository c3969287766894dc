"""Labels of points, by their boxes as drawn."""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawn_labels import assert_clean, boxes, draw

import kompot_scverse.pl as pl
from kompot_scverse.pl._labels import label_points

PREFIX = "kompot_de_Young_to_Old"


@pytest.mark.parametrize("size", [(6, 5), (4, 3.5)])
def test_default_number(analysed, size):
    _, ax = plt.subplots(figsize=size, layout="constrained")
    n = min(10, analysed.var[f"{PREFIX}_is_de"].sum())
    assert_clean(pl.volcano_de(analysed, ax=ax), n)


def test_listed_genes_near_the_origin(analysed):
    _, ax = plt.subplots(figsize=(6, 5), layout="constrained")
    lowest = list(analysed.var[f"{PREFIX}_mahalanobis"].nsmallest(25).index)
    assert_clean(pl.volcano_de(analysed, labels=lowest, ax=ax), 25)


def test_every_gene(analysed):
    _, ax = plt.subplots(figsize=(6, 5), layout="constrained")
    assert_clean(pl.volcano_de(analysed, labels=list(analysed.var_names), ax=ax), analysed.n_vars)


def test_sixty_of_many():
    rng = np.random.default_rng(0)
    lfc = rng.laplace(scale=0.3, size=60)
    lengths = rng.integers(2, 11, size=60)
    names = ["ABCDEFGHIJ"[:length] for length in lengths]
    started = time.perf_counter()
    ax = draw(lfc, 4 + 8 * np.abs(lfc) + rng.gamma(1.0, size=60), names, ylim=(0, 24))
    # about 1 s where nothing else runs
    assert time.perf_counter() - started < 10
    assert_clean(ax, 60)


def test_points_at_the_edges():
    side = np.linspace(0, 1, 6)
    x = np.concatenate([side, side, np.zeros(6), np.ones(6)])
    y = np.concatenate([np.zeros(6), np.ones(6), side, side])
    assert_clean(draw(x, y, xlim=(0, 1), ylim=(0, 1)), 24)


@pytest.mark.parametrize("n", [2, 12])
def test_points_at_one_place(n):
    assert_clean(draw(np.zeros(n), np.zeros(n)), n)


def test_other_axes_and_texts():
    """An axis with another scale, turned around, and texts of another size and direction."""
    x = np.geomspace(1, 1.5, 10)
    assert_clean(draw(x, x, xscale="log", ylim=(3, 0), kws={"fontsize": 11, "rotation": 30, "ha": "left"}), 10)


def test_points_are_not_hidden():
    ax = draw(np.arange(5.0), np.arange(5.0))
    low, high = boxes(ax).swapaxes(0, 1)
    dots = ax.transData.transform(np.column_stack([np.arange(5.0)] * 2))[:, None]
    assert not ((low < dots) & (dots < high)).all(axis=-1).any()


def test_no_room():
    x = np.linspace(0, 1, 60)
    with pytest.warns(
        UserWarning, match=r"of 60 labels were left out, since there is no room for them: .*Gene59"
    ) as seen:
        ax = draw(x, x, size=(2, 1.8))
    left_out = int(str(seen[0].message).split()[0])
    assert 0 < left_out < 60
    assert_clean(ax, 60 - left_out)
    # the first label is the most important one
    assert "Gene0" in [text.get_text() for text in ax.texts if text.get_visible()]
    # and all are there where there is room
    ax.figure.set_size_inches(9, 8)
    assert_clean(ax, 60)


def test_longer_than_the_axes():
    with pytest.warns(UserWarning, match="1 of 2 labels were left out"):
        ax = draw(np.zeros(2), np.arange(2.0), ["long" * 30, "short"], size=(3, 3))
    assert [text.get_text() for text in ax.texts if text.get_visible()] == ["short"]


def test_same_every_time():
    x = np.sin(np.arange(40.0))
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    first = draw(x, x**2)
    after = np.random.get_state()  # noqa: NPY002
    assert (after[0], *after[2:]) == (name, *rest)
    np.testing.assert_array_equal(after[1], keys)
    np.testing.assert_array_equal(boxes(first), boxes(draw(x, x**2)))


def test_nothing_to_label():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert label_points(plt.gca(), np.empty(0), np.empty(0), [], np.empty((0, 2)), np.empty(0), None) == []
