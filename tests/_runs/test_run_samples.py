"""Samples of a run, and the test of whole categories."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run
from scipy.stats import ttest_ind

from kompot_scverse._runs.run_samples import category_counts, category_rates, samples_of

RNG = np.random.default_rng(0)
DONORS = ["a", "b", "c", "d", "e", "f"]
AGES = ["Young"] * 3 + ["Old"] * 3


@pytest.fixture(scope="module")
def view():
    sizes = [40, 50, 60, 45, 55, 65]
    # the share of T falls from a half to a tenth
    shares = [0.5, 0.45, 0.55, 0.1, 0.12, 0.08]
    donor = np.repeat(DONORS, sizes)
    kind = np.concatenate([np.where(np.arange(n) < round(n * p), "T", "B") for n, p in zip(sizes, shares, strict=True)])
    obs = pd.DataFrame({"Age": np.repeat(AGES, sizes), "donor": donor, "type": kind})
    obs["type"] = pd.Categorical(obs["type"], categories=["B", "T", "empty"])
    obs.index = obs.index.astype(str)
    order = RNG.permutation(len(obs))
    adata = AnnData(np.zeros((len(obs), 1)), obs=obs.iloc[order])
    return add_run(adata, "da", params={"sample_key": "donor"}, obs={"lfc": np.zeros(len(obs))})


def test_samples_are_those_of_the_two_conditions(view) -> None:
    samples = samples_of(view)
    assert dict(zip(samples.labels, samples.level == 1, strict=True)) == dict(
        zip(DONORS, [False] * 3 + [True] * 3, strict=True)
    )
    np.testing.assert_array_equal(samples.labels[samples.codes], view.own.obs["donor"])


def test_counts_are_those_of_a_cross_table(view) -> None:
    samples, obs = samples_of(view), view.own.obs
    counts = category_counts(samples, obs["type"])
    expected = pd.crosstab(obs["donor"], obs["type"].astype(str))
    assert list(counts) == ["B", "T"]
    np.testing.assert_array_equal(counts, expected.loc[samples.labels])


def test_a_category_that_falls_in_all_samples_is_found(view) -> None:
    samples, kinds = samples_of(view), view.own.obs["type"]
    rates = category_rates(samples, category_counts(samples, kinds))
    counts = category_counts(samples, kinds)
    share = counts["T"] / counts.sum(axis=1)
    plain = ttest_ind(
        np.log(share / (1 - share))[samples.level == 1], np.log(share / (1 - share))[samples.level == 0]
    ).pvalue
    assert plain < 1e-3
    assert (rates < 0.05).all()
    # the conditions of the samples in turns: nothing is left
    mixed = AnnData(np.zeros((view.own.n_obs, 1)), obs=view.own.obs.copy())
    mixed.obs["Age"] = mixed.obs["donor"].map(dict(zip(DONORS, ["Young", "Old"] * 3, strict=True)))
    other = add_run(mixed, "da", params={"sample_key": "donor"}, obs={"lfc": np.zeros(mixed.n_obs)})
    samples = samples_of(other)
    assert (category_rates(samples, category_counts(samples, kinds)) > 0.2).all()


def test_runs_without_samples_say_so() -> None:
    adata = AnnData(np.zeros((2, 1)), obs=pd.DataFrame({"Age": ["Young", "Old"]}, index=["a", "b"]))
    view = add_run(adata, "da", params={"sample_key": None}, obs={"lfc": np.zeros(2)})
    with pytest.raises(LookupError, match="No samples of run 0"):
        samples_of(view)
