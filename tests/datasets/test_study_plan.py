"""Studies of any design: what the table says is what the cells have."""

import numpy as np
import pandas as pd
import pytest

import kompot_scverse as kp


def table() -> pd.DataFrame:
    """Eight donors on two days, ages from 20 to 80."""
    rows = pd.DataFrame({"donor": np.repeat(list("abcdefgh"), 2), "day": np.tile([0, 7], 8)})
    rows["age"] = np.repeat(np.linspace(20, 80, 8), 2)
    rows["change"] = (rows["age"] - 20) / 60
    return rows.set_index(rows["donor"] + rows["day"].astype(str))


@pytest.fixture(scope="module")
def aged():
    return kp.datasets.simulate(
        3200, 300, samples=table(), donor="donor", frac_de=0.2, sample_effect=0.3, density=0.4,
        settings=kp.datasets.SimulationSettings(donor_share=0.8, frac_outliers=0, frac_local=0),
    )  # fmt: skip


def test_the_columns_of_the_table_are_those_of_the_samples(aged):
    assert aged.obs.columns[:5].to_list() == ["sample", "donor", "day", "age", "change"]
    of_samples = aged.obs.groupby("sample", observed=True)[["donor", "day", "age"]].agg(["nunique", "first"])
    assert (of_samples.xs("nunique", axis=1, level=1) == 1).all(axis=None)
    found = of_samples["age"]["first"]
    np.testing.assert_array_equal(found, table()["age"].loc[found.index.astype(str)])
    assert aged.uns["simulation"]["donor"] == "donor"


def test_expression_follows_the_change_and_donors_are_alike(aged):
    means = np.log(
        pd.DataFrame(aged.X.toarray() / aged.obs["size_factor"].to_numpy()[:, None])
        .groupby(aged.obs["sample"].to_numpy())
        .mean()
        + 0.05
    )
    change = table()["change"].loc[means.index].to_numpy()
    changed = (aged.var["effect_type"] == "global").to_numpy()
    slopes = np.polyfit(change, means.to_numpy(), 1)[0]
    truth = aged.varm["true_effect"]["global"].to_numpy()
    assert np.corrcoef(slopes[changed], truth[changed])[0, 1] > 0.9
    rest = means.to_numpy() - np.outer(change, truth)
    rest = rest[:, ~changed] - rest[:, ~changed].mean(axis=0)
    alike = np.mean([np.corrcoef(rest[i], rest[i + 1])[0, 1] for i in range(0, 16, 2)])
    others = np.mean([np.corrcoef(rest[i], rest[(i + 2) % 16])[0, 1] for i in range(0, 16, 2)])
    assert alike > 0.4
    assert others < 0.2


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"samples": table().drop(columns="change")}, "no column 'change' \\(`change`\\)"),
        ({"samples": table(), "donor": "mouse"}, "no column 'mouse' \\(`donor`\\)"),
        ({"samples": table().rename(columns={"day": "branch"})}, "which the simulation writes itself"),
        ({"samples": table().assign(change=1.0)}, "numbers that differ"),
        ({"samples": table().set_axis(["x"] * 16)}, "the same name"),
        ({"samples": table(), "n_obs": 100}, "320 cells"),
        ({"donor": "donor"}, "is a column of a table"),
    ],
)
def test_impossible_studies(arguments, match):
    with pytest.raises(ValueError, match=match):
        kp.datasets.simulate(**{"n_obs": 400, "n_vars": 20} | arguments)
