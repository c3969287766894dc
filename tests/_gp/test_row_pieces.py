"""Rows and pieces of a compressed matrix."""

import numpy as np
import pytest
import scipy.sparse as sp

import kompot_scverse._gp.row_pieces as module
from kompot_scverse._gp.row_pieces import csr_rows, row_pieces


@pytest.mark.parametrize("sizes", [[3, 0, 5, 20, 1, 0, 0, 7, 4, 4], [0, 0], [], [9], [40, 2]])
def test_pieces_are_all_rows_once_and_short(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALUES", 8)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    found = list(row_pieces(indptr))
    rows = [row for piece, _ in found for row in range(piece.start, piece.stop)]
    assert rows == list(range(len(sizes)))
    for piece, places in found:
        assert (places.start, places.stop) == (indptr[piece.start], indptr[piece.stop])
        # beside the row with which a piece is full
        assert indptr[max(piece.stop - 1, piece.start)] - places.start <= 8


@pytest.mark.parametrize(
    ("rows", "shared"),
    [
        (slice(None), True), (slice(2, 5), True), (slice(4, 2), True), (slice(-3, None), True), (slice(0, 9, 2), False),
        (np.arange(3, 7), True), (np.array([1, 4, 2]), False), (np.array([5, 5]), False), (np.arange(0), True),
    ],
)  # fmt: skip
def test_rows_are_those_asked_for(rows: slice | np.ndarray, shared: bool) -> None:
    matrix = sp.random_array((10, 6), density=0.4, rng=np.random.default_rng(0), format="csr")
    found = csr_rows(matrix, rows)
    np.testing.assert_array_equal(found.toarray(), matrix.toarray()[rows])
    assert found.nnz == 0 or np.shares_memory(found.data, matrix.data) == shared
