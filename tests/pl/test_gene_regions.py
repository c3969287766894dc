"""Regions of called genes: the largest have a colour and a name, the rest share one."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._runs.view import RunView
from kompot_scverse.pl._gene_regions import SHOWN, gene_regions
from kompot_scverse.pl._style import OKABE_ITO

N, MERGES = 6, [(0, 1), (2, 6), (3, 7), (4, 8), (5, 9)]
SIZES = {4: 5, 0: 4, 2: 3, 7: 3, 1: 2, 3: 2, 5: 2, 6: 1, 8: 1}


@pytest.fixture
def view() -> RunView:
    """Two cells in each of six neighbourhoods; numbers of genes by region, the last of which is not called."""
    region = np.repeat(list(SIZES), list(SIZES.values())).astype(float)
    obs = pd.DataFrame({"type": pd.Categorical(np.repeat(list("aabbcc"), 2)), "Age": ["Young", "Old"] * N}).set_index(
        pd.Index([f"c{number}" for number in range(2 * N)])
    )
    data = AnnData(np.zeros((2 * N, len(region))), obs=obs)
    return add_run(
        data,
        var={"region": region},
        obsm={"neighborhoods": np.repeat(np.eye(N), 2, axis=0)},
        params={"cell_groups": "type"},
        diagnostics={"neighborhood_tree": MERGES},
    )


def test_regions_by_the_number_of_their_called_genes(view: RunView) -> None:
    called = np.ones(view.data.n_vars, dtype=bool)
    called[-1] = False
    found = gene_regions(view, called)
    assert [int(one.genes.sum()) for one in found] == [5, 4, 3, 3, 2, 2, 2, 1]
    assert [one.color for one in found[:SHOWN]] == list(OKABE_ITO[:SHOWN])
    assert found[0].label.startswith("4: c, 100 %")
    assert found[-1].label == "1 other region (1)"
    np.testing.assert_array_equal(np.sum([one.genes for one in found], axis=0), called)


def test_without_labels_regions_have_numbers(view: RunView) -> None:
    del view.data.obs["type"]
    found = gene_regions(view, view.numbers("region") == 4)
    assert [one.label for one in found] == ["4 (5)"]
