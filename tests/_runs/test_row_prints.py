"""Rows of a run are told from those of another, in any choice and order."""

import numpy as np
import pytest

from kompot_scverse._runs.row_prints import MAX_ROWS, has_rows, row_print


@pytest.mark.parametrize("shape", [(60, 5), (3000, 7), (400, 3, 2), (MAX_ROWS * 5 + 5, 2)])
def test_rows_are_known_again(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    values, others = (rng.normal(size=shape).astype("f4") for _ in range(2))
    print_ = row_print(values)
    assert len(print_) < 1500
    order = rng.permutation(len(values))[: len(values) // 3]
    assert has_rows(print_, values[order])
    assert has_rows(print_, np.asfortranarray(values).astype(float))
    missing = values.copy()
    missing[::2] = np.nan
    assert has_rows(print_, missing)
    assert has_rows(print_, missing[:0])
    n = 20 * (1 + len(values) // MAX_ROWS)
    assert not has_rows(print_, others[:n])
    assert not has_rows(print_, np.concatenate([values, others[:n]]))
    assert not has_rows(print_, values[..., :-1])


def test_half_of_them_by_chance() -> None:
    rng = np.random.default_rng(1)
    print_ = row_print(rng.normal(size=(4000, 4)))
    assert np.mean([has_rows(print_, row[None]) for row in rng.normal(size=(500, 4))]) == pytest.approx(0.39, abs=0.08)


@pytest.mark.parametrize("text", ["", "1:2", "x:4096:AAAA", "0:4096:AAAA", "1:4096:§", "1:4096:AAAA"])
def test_damaged_prints_fit_nothing(text: str) -> None:
    assert not has_rows(text, np.ones((600, 3)) * np.arange(600)[:, None])
