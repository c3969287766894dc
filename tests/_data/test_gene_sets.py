"""Sets of genes as tables and as dictionaries."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse._data.gene_sets import set_weights

GENES = ["A", "B", "C", "D"]


def test_a_table_and_a_dictionary_are_the_same():
    net = pd.DataFrame({"source": ["x", "x", "y", "y", "y"], "target": ["A", "C", "D", "B", "unknown"]})
    names, weights = set_weights(net, GENES, 2)
    assert names == ["x", "y"]
    np.testing.assert_array_equal(weights, [[1, 0], [0, 1], [1, 0], [0, 1]])
    again, same = set_weights({"x": ["A", "C", "A"], "y": ["D", "B", "unknown"]}, GENES, 2)
    assert again == names
    np.testing.assert_array_equal(same, weights)


def test_weights_may_be_negative_and_small_sets_are_left_out():
    net = pd.DataFrame({"source": list("xxyz"), "target": list("ABCB"), "weight": [-2.0, 0.5, 1.0, 0.0]})
    names, weights = set_weights(net, GENES, 2)
    assert names == ["x"]
    assert weights[:, 0].tolist() == [-2.0, 0.5, 0.0, 0.0]


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (pd.DataFrame({"source": ["x"], "gene": ["A"]}), "no column 'target'; it has 'source', 'gene'"),
        (pd.DataFrame({"source": ["x", "x"], "target": ["A", "A"]}), "'A' twice in 'x'"),
        (pd.DataFrame({"source": ["x"], "target": ["A"], "weight": ["much"]}), "weights that are no numbers"),
        ({"x": ["A"], "y": ["other"]}, "No set of `net` has 2 genes .* like 'A', 'B', 'C'"),
    ],
)
def test_what_is_wrong_is_said(net, message):
    with pytest.raises(ValueError, match=message):
        set_weights(net, GENES, 2)
