"""Shares of samples and densities of conditions are on one scale."""

import numpy as np
import pandas as pd
import pytest

import kompot_scverse as kp
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.sample_abundance import SampleAbundance, sample_abundance


@pytest.fixture
def four() -> SampleAbundance:
    """Two samples of two conditions, 10 cells each, with densities of which half or a fifth is on the first cells."""
    share = np.repeat([[0.5, 0.5], [0.2, 0.8]], 20, axis=1) / 20
    return SampleAbundance(
        names=pd.MultiIndex.from_tuples([("a", "0"), ("a", "1"), ("b", "2"), ("b", "3")], names=["role", "sample"]),
        roles=("a", "b"),
        order=np.arange(4.0),
        joined=np.array(["x", "y", "x", "y"]),
        codes=np.tile([0, 1, 2, 3], 10),
        densities=dict(zip(("a", "b"), share, strict=True)),
    )


def test_shares_and_densities_by_hand(four):
    assert four.paired
    first = np.arange(40) < 20
    some = first & (four.codes != 3)
    own = np.log(np.array([5.5, 5.5, 5.5, 0.5]) / 11)
    level = (own[:2].mean() + own[2:].mean()) / 2
    np.testing.assert_allclose(four.means(some), own - level)
    expected = np.log([0.375, 0.375, 0.15, 0.15]) - level
    np.testing.assert_allclose(four.fitted(some), expected)
    samples, conditions = four.profiles([np.flatnonzero(some), np.flatnonzero(~some)])
    np.testing.assert_allclose(samples[:, 0], four.means(some))
    np.testing.assert_allclose(samples[:, 1], four.means(~some))
    np.testing.assert_allclose([conditions["a"][0], conditions["b"][0]], expected[[0, 2]])


def test_densities_of_a_run_are_of_mass_one_and_mix_to_the_pooled_cells(simulated):
    adata = simulated.copy()
    kp.tl.da(adata, "Age", reference="Young", groups="Old", sample_key="Replicate")
    found, samples = sample_abundance(find_view(adata, "da"))
    assert found.roles == samples.levels == ("Young", "Old")
    young, old = (found.densities[name] for name in found.roles)
    np.testing.assert_allclose([young.sum(), old.sum()], 1)
    used = adata.obs["Age"].isin(["Young", "Old"]).to_numpy()
    assert (young[~used] == 0).all()
    n = adata.obs["Age"].value_counts()
    # each cell is one draw from the mixture
    np.testing.assert_allclose((n["Young"] * young + n["Old"] * old)[used], 1, rtol=0.02)
    lfc = adata.obs["kompot_da_Young_to_Old_lfc"].to_numpy()[used]
    np.testing.assert_allclose(np.log(old[used] / young[used]), lfc, atol=0.02)
