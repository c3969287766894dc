"""Neighbour graphs that are in obsp."""

import numpy as np
import scipy.sparse as sp
from anndata import AnnData

from kompot_scverse._data.stored_distances import stored_distances


def test_graphs_of_distances_among_the_cells_that_take_part():
    distances = sp.random(6, 6, density=0.5, format="csr", rng=np.random.default_rng(0))
    data = AnnData(np.zeros((6, 1)))
    data.obsp["distances"], data.obsp["own_distances"] = distances, distances.astype(np.float32)
    data.obsp["connectivities"], data.obsp["dense_distances"] = distances, distances.toarray()
    assert list(stored_distances(data, np.ones(6, dtype=bool))) == ["distances", "own_distances"]
    cells = np.array([1, 0, 1, 1, 0, 1], dtype=bool)
    np.testing.assert_array_equal(
        stored_distances(data, cells)["distances"].toarray(), distances.toarray()[np.ix_(cells, cells)]
    )
