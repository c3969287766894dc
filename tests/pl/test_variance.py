"""Shares of the variance: read from the fields, and what there is nothing to draw of."""

import numpy as np
import pytest

from kompot_scverse import pl

K = "kompot_de_Young_to_Old"


@pytest.mark.parametrize("noise", [True, False])
def test_shares_are_those_of_the_squared_standard_deviations(replicated, noise):
    genes = ["Gene0004", "Gene0001", "Gene0009"]
    ax = pl.variance(replicated, genes, noise=noise)
    names = ["effect", "sample", "state", *(["noise"] if noise else [])]
    squares = np.array([replicated.var.loc[genes, f"{K}_{name}_sd"] ** 2 for name in names])
    assert len(ax.containers) == len(names)
    for bars, expected in zip(ax.containers, squares / squares.sum(axis=0), strict=True):
        np.testing.assert_allclose([bar.get_width() for bar in bars], expected, rtol=1e-6)
    assert [label.get_text() for label in ax.get_yticklabels()] == genes


def test_top_genes_are_those_with_the_largest_distance(replicated):
    distance = replicated.var[f"{K}_mahalanobis_sample_var"]
    ax = pl.variance(replicated, n_genes=5)
    assert [label.get_text() for label in ax.get_yticklabels()] == distance.nlargest(5).index.to_list()


def test_the_model_of_kompot_has_no_components(analysed):
    with pytest.raises(LookupError, match=r"has no variance components.*without `gp=kp.GPSettings.kompot"):
        pl.variance(analysed)


def test_missing_components(replicated):
    replicated.var[[f"{K}_{name}_sd" for name in ("effect", "sample", "state", "noise")]] = np.nan
    with pytest.raises(ValueError, match="holds only missing values"):
        pl.variance(replicated, "Gene0001")
