"""Curves along a variable of a design."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp


@pytest.fixture(scope="module")
def aged() -> AnnData:
    donors = pd.DataFrame({"age": [22.5, 31, 44, 52, 66, 75], "sex": list("fmfmfm")}, index=[f"d{n}" for n in range(6)])
    donors["change"] = (donors["age"] - 20) / 60
    data = kp.datasets.simulate(720, 40, samples=donors, frac_de=0.3, density=0.4)
    data.obs["donor"] = data.obs["sample"].astype(str).replace({"d1": "d0"})
    kp.tl.de(data, kp.Design("~ age + sex", test="age"), sample_key="sample", layer="logged_counts")
    return data


def test_curve_is_the_mean_of_the_layer(aged):
    gene = aged.var_names[3]
    panels = kp.pl.trend(aged, gene, cell_groups="branch", show=False)
    panels = panels.axes
    assert list(panels) == aged.obs["branch"].cat.categories.to_list()
    (curve,) = [line for line in panels["HSC"].lines if len(line.get_xdata()) == 25]
    cells = (aged.obs["branch"] == "HSC").to_numpy()
    first = kp.get.layer(aged, "imputed", at={"age": 22.5}, genes=[gene])[cells].mean()
    last = kp.get.layer(aged, "imputed", at={"age": 75}, genes=[gene])[cells].mean()
    np.testing.assert_allclose(curve.get_ydata()[[0, -1]], [first, last], rtol=1e-5)
    points = [line for line in panels["HSC"].lines if line.get_marker() == "o"][0]
    assert len(points.get_xdata()) == 6
    assert panels["HSC"].get_xlabel() == "age"


def test_what_cannot_be_drawn(aged, simulated):
    with pytest.raises(TypeError, match=r"`kp\.pl\.trend` has no argument 'linewidht'.*linewidth"):
        kp.pl.trend(aged, aged.var_names[0], linewidht=2, show=False)
    with pytest.raises(KeyError, match="numeric variable"):
        kp.pl.trend(aged, aged.var_names[0], variable="sex", show=False)
    with pytest.raises(KeyError, match="category of obs"):
        kp.pl.trend(aged, aged.var_names[0], cell_groups="branch", categories="x", show=False)
    data = simulated.copy()
    kp.tl.de(data, "Age", reference="Young", groups="Old", layer="logged_counts")
    with pytest.raises(ValueError, match="compares two conditions"):
        kp.pl.trend(data, data.var_names[0], show=False)


def test_a_category_has_points_and_no_curve(aged):
    data = aged.copy()
    data.obs["day"] = (data.obs["age"] > 40).astype(int) + (data.obs["age"] > 60).astype(int)
    kp.tl.de(data, kp.Design("~ C(day)", test="C(day)"), sample_key="sample", layer="logged_counts", key_added="days")
    gene = data.var_names[3]
    panels = kp.pl.trend(data, gene, key_added="days", group="C_day_T.2", show=False).axes
    (points,) = [line for line in panels[""].lines if line.get_color() == "#0072B2" and line.get_marker() == "o"]
    np.testing.assert_array_equal(points.get_xdata(), [0, 1, 2])
    expected = kp.get.layer(data, "imputed", key_added="days", group="C_day_T.2", at={"day": 2}, genes=[gene]).mean()
    assert points.get_ydata()[2] == pytest.approx(expected, rel=1e-5)
