import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import norm

import kompot_scverse.pl as pl
import kompot_scverse.tl as tl
from kompot_scverse._runs.find import find_view
from kompot_scverse._stats.fdr import compare_with_null
from kompot_scverse.pl._diagnostics import fitted_panel, histogram_panel, qq_panel
from kompot_scverse.settings import TestSettings


def bars(ax) -> tuple[np.ndarray, np.ndarray]:
    """Heights and edges of the histogram."""
    values, edges, _ = next(patch for patch in ax.patches if hasattr(patch, "get_data")).get_data()
    return values, edges


def line(ax, label):
    return next(drawn for drawn in ax.lines if drawn.get_label().startswith(label))


def test_panels_of_each_run(analysed, replicated, unchanged, assert_not_clipped):
    expected = {
        "de": (analysed, ["distances", "fit", "residual"]),
        "da": (analysed, ["zscores", "residual"]),
        "de ": (replicated, ["distances", "fit", "pvalues", "qq", "residual"]),
        "da ": (replicated, ["zscores", "pvalues", "qq", "residual"]),
    }
    for analysis, (adata, names) in expected.items():
        with unchanged(adata):
            drawn = pl.diagnostics(adata, analysis=analysis.strip())
        assert list(drawn.axes) == names
        assert_not_clipped(drawn.figure)


def test_the_latest_run(analysed):
    assert "zscores" in pl.diagnostics(analysed).axes
    assert "distances" in pl.diagnostics(analysed, run_id=0).axes
    with pytest.raises(ValueError, match="`analysis` must be"):
        pl.diagnostics(analysed, analysis="dea")


def test_stored_quantiles_are_the_null_distances(adata):
    """Given null distances come back from the run as their quantiles."""
    null = np.random.default_rng(0).gamma(3, 0.3, 5000)
    options = {"reference": "Young", "groups": "Old", "layer": "logged_counts"}
    tl.de(adata, "Age", test=TestSettings(null_mahalanobis=null), **options)
    stored = find_view(adata).run.diagnostics["null_quantiles"]
    np.testing.assert_allclose(stored, np.quantile(null, np.linspace(0, 1, len(stored))), rtol=1e-3)
    assert len(adata.uns["kompot"]["runs"]["0"]) < 20_000


def test_residual_is_the_prior_variance_left_out(analysed):
    run = find_view(analysed, "de").run
    cells = analysed.obs["Age"].isin(["Young", "Old"]).to_numpy()
    left = 1 - (analysed.obsm["kompot_de_basis"][cells].astype(np.float64) ** 2).sum(axis=1)
    # the basis in obsm is float32
    np.testing.assert_allclose(np.median(left), np.median(run.diagnostics["residual_quantiles"]), atol=3e-7)
    ax = pl.diagnostics(analysed, analysis="de").axes["residual"]
    assert line(ax, "mean").get_xdata()[0] == run.params["residual"]
    x, y = line(ax, "cells").get_data()
    assert (np.diff(x) >= 0).all()
    assert (y[0], y[-1]) == (0, 1)


def test_distances_and_local_fdr(analysed):
    drawn = pl.diagnostics(analysed, analysis="de")
    var = analysed.var
    distance = var["kompot_de_Young_to_Old_mahalanobis"].to_numpy()
    order = np.argsort(distance)
    (fdr,) = drawn.figure.axes[-1].lines
    np.testing.assert_array_equal(fdr.get_xdata(), distance[order])
    np.testing.assert_array_equal(
        fdr.get_ydata(), var["kompot_de_Young_to_Old_mahalanobis_local_fdr"].to_numpy()[order]
    )
    heights, edges = bars(drawn.axes["distances"])
    np.testing.assert_allclose((heights * np.diff(np.log10(edges))).sum(), 1)
    share = find_view(analysed, "de").run.summary["null_share"]
    x, y = line(drawn.axes["distances"], "null genes").get_data()
    np.testing.assert_allclose(np.trapezoid(y, np.log10(x)), share, rtol=0.05)


def test_fit_covers_the_histogram():
    """The fitted density decreases to the share of null genes, and follows the histogram."""
    rng = np.random.default_rng(0)
    null, genes = rng.gamma(3, 1, 20_000), np.concatenate([rng.gamma(3, 1, 800), 8 + rng.gamma(3, 1, 200)])
    found = compare_with_null(genes, null)
    _, ax = plt.subplots()
    quantiles = np.quantile(null, np.linspace(0, 1, 201))
    fitted_panel(ax, genes, quantiles, found.null_share, found.local_fdr)
    heights, _ = bars(ax)
    fit = line(ax, "fitted")
    p, density = fit.get_data()
    assert (np.diff(p) >= 0).all()
    assert (np.diff(density) <= 1e-9).all()
    assert density[-1] == pytest.approx(found.null_share)
    assert np.median(density[p > 0.2]) == pytest.approx(heights[5:].mean(), rel=0.15)
    assert density[0] > heights[0] > 4
    assert found.null_share == pytest.approx(0.8, abs=0.08)


def test_pvalues_without_change_are_flat_and_on_the_diagonal():
    p = (np.arange(1, 2001) - 0.5) / 2000
    _, (first, second) = plt.subplots(1, 2)
    histogram_panel(first, np.append(p, np.nan), "test", "genes")
    np.testing.assert_allclose(bars(first)[0], 1)
    assert first.get_xlabel() == "p-value (2,000 genes)"
    qq_panel(second, p, band=True)
    xy = np.asarray(second.collections[-1].get_offsets())
    np.testing.assert_allclose(xy[:, 0], xy[:, 1])
    assert second.get_title() == "QQ plot, λ = 1.00"


def test_band_holds_independent_tests():
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(20):
        _, ax = plt.subplots()
        qq_panel(ax, rng.uniform(size=300), band=True)
        band = ax.collections[0].get_paths()[0]
        xy = np.asarray(ax.collections[-1].get_offsets())
        inside.append(band.contains_points(xy[5:-5]).mean())
    assert 0.85 < np.mean(inside) <= 1


def test_z_scores_are_beside_the_normal_curve(analysed):
    ax = pl.diagnostics(analysed, analysis="da").axes["zscores"]
    cells = analysed.obs["Age"].isin(["Young", "Old"])
    z = analysed.obs.loc[cells, "kompot_da_Young_to_Old_lfc_zscore"]
    assert ax.get_title() == f"z: median {np.median(z):.2f}, SD {np.std(z):.2f}"
    heights, edges = bars(ax)
    np.testing.assert_allclose((heights * np.diff(edges)).sum(), 1)
    x, y = line(ax, "standard normal").get_data()
    np.testing.assert_allclose(y, norm.pdf(x))


def test_a_run_that_stored_nothing(analysed):
    runs = analysed.uns["kompot"]["runs"]
    stored = json.loads(runs["0"]) | {"diagnostics": {}}
    analysed.uns["kompot"]["runs"] = runs | {"0": json.dumps(stored)}
    with pytest.raises(LookupError, match=r"No 'null_quantiles' of run 0 .*; call `kp\.tl\.de"):
        pl.diagnostics(analysed, run_id=0)


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_a_matrix_of_zeros(simulated, assert_not_clipped, sample_key):
    adata = simulated.copy()
    adata.layers["logged_counts"] = adata.layers["logged_counts"] * 0
    tl.de(
        adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key=sample_key,
        test=TestSettings(null_genes=20),
    )  # fmt: skip
    drawn = pl.diagnostics(adata)
    assert [text.get_text() for text in drawn.axes["distances"].texts] == ["the distances do not differ"]
    assert_not_clipped(drawn.figure)
