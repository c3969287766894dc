"""Panels that show whether the assumptions behind a run hold; arrays in, one axes each."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import beta, chi2, gaussian_kde, norm

from ._style import DOWN, NORMAL, SMALL, UP, name_axes
from ._theme import shade

GREY = 0.2
"""Shade of what is filled."""
ROOM = 1.6
"""Height of an axis with a legend above what is drawn."""
HIGHEST = 8.0
"""Density at which a histogram of p-values is cut, since its first bar may tower over all else."""
QQ_POINTS = 2000
"""Points of the band of a QQ plot."""
FLOOR = 1e-300


def _legend(ax: Axes, **kws: Any) -> None:
    ax.legend(frameon=False, fontsize=SMALL, handlelength=1.4, **kws)


def _cut(ax: Axes, heights: np.ndarray, highest: float) -> None:
    """Limits of a histogram; where the first bar is cut, its height is written beside it."""
    top = max(1.2, heights.max(initial=0) * 1.1)
    if heights[0] > highest:
        top = highest
        ax.annotate(f"← {heights[0]:.1f}", (0.045, 0.96), xycoords="axes fraction", fontsize=SMALL, va="top")
    ax.set_ylim(0, top)


def null_panel(
    ax: Axes, distance: np.ndarray, null_quantiles: np.ndarray, null_share: float, local_fdr: np.ndarray
) -> Axes:
    """Densities of the log distances of genes and null genes, and the local FDR on a second axis, which is returned."""
    ok = np.isfinite(distance) & (distance > 0)
    null = np.log10(np.maximum(null_quantiles, 1e-6))
    if not ok.any() or np.ptp(null) == 0:
        # a matrix of zeros
        name_axes(ax, title="distances", x="Mahalanobis distance", y="density of log distance")
        ax.text(0.5, 0.5, "the distances do not differ", ha="center", transform=ax.transAxes, fontsize=NORMAL)
        return ax
    logs = np.log10(distance[ok])
    edges = np.linspace(min(logs.min(), null.min()), max(logs.max(), null.max()), 60)
    heights, _ = np.histogram(logs, edges, density=True)
    ax.stairs(heights, 10**edges, fill=True, color=shade(GREY), label="genes")
    grid = np.linspace(edges[0], edges[-1], 400)
    # the quantiles stand for the null genes: equally spaced in probability, as a sample is on average
    curve = null_share * gaussian_kde(null)(grid)
    ax.plot(10**grid, curve, color=DOWN, linewidth=1.4, label=f"null genes × {null_share:.2f}")
    ax.set_xscale("log")
    ax.set_ylim(0, max(heights.max(), curve.max()) * ROOM)
    name_axes(ax, title="distances", x="Mahalanobis distance", y="density of log distance")
    right = ax.twinx()
    order = np.argsort(distance[ok])
    (drawn,) = right.plot(distance[ok][order], local_fdr[ok][order], color=shade(1.0), linewidth=1.2, label="local FDR")
    right.set_ylim(0, ROOM)
    right.set_yticks([0, 0.5, 1])
    right.set_ylabel("local FDR", fontsize=NORMAL)
    right.tick_params(labelsize=SMALL)
    for side in ("top", "left", "bottom"):
        right.spines[side].set_visible(False)
    handles, labels = ax.get_legend_handles_labels()
    _legend(ax, handles=[*handles, drawn], labels=[*labels, "local FDR"], loc="upper right", ncols=1)
    return right


def fitted_panel(
    ax: Axes, distance: np.ndarray, null_quantiles: np.ndarray, null_share: float, local_fdr: np.ndarray
) -> None:
    """Histogram of the share of null genes that are farther than each gene, with the fitted decreasing density."""
    ok = np.isfinite(distance) & np.isfinite(local_fdr)
    levels = np.linspace(0, 1, len(null_quantiles))
    p = 1 - np.interp(distance[ok], null_quantiles, levels)
    edges = np.linspace(0, 1, 26)
    heights, _ = np.histogram(p, edges, density=True)
    ax.stairs(heights, edges, fill=True, color=shade(GREY), label="genes")
    order = np.argsort(p, kind="stable")
    fit = null_share / np.maximum(local_fdr[ok][order], FLOOR)
    ax.step(p[order], fit, where="post", color=UP, linewidth=1.4, label="fitted density")
    ax.axhline(null_share, color=DOWN, linewidth=1.2, linestyle="--", label=f"null genes, π₀ = {null_share:.2f}")
    ax.set_xlim(0, 1)
    # the part near π₀ is what tells whether the nulls fit
    _cut(ax, heights, HIGHEST * max(null_share, 0.125))
    name_axes(ax, title="fit of the null genes", x="share of null genes farther away", y="density")
    _legend(ax, loc="upper right")


def histogram_panel(ax: Axes, pvalue: np.ndarray, title: str, unit: str) -> None:
    """Histogram of p-values, which is flat where nothing changes."""
    p = pvalue[np.isfinite(pvalue)]
    edges = np.linspace(0, 1, 26)
    heights, _ = np.histogram(p, edges, density=True)
    ax.stairs(heights, edges, fill=True, color=shade(GREY))
    ax.axhline(1, color=DOWN, linewidth=1.2, linestyle="--", label="no change")
    ax.set_xlim(0, 1)
    _cut(ax, heights, HIGHEST)
    name_axes(ax, title=title, x=f"p-value ({len(p):,} {unit})", y="density")
    _legend(ax, loc="upper right")


def qq_panel(ax: Axes, pvalue: np.ndarray, *, band: bool, **scatter_kws: Any) -> None:
    """Observed against expected −log10 p, with the 95 % band of independent tests where they are independent."""
    p = np.sort(pvalue[np.isfinite(pvalue)])
    n = len(p)
    expected = -np.log10((np.arange(1, n + 1) - 0.5) / n)
    observed = -np.log10(np.maximum(p, FLOOR))
    if band:
        ranks = np.unique(np.geomspace(1, n, min(n, QQ_POINTS)).astype(int))
        x = -np.log10((ranks - 0.5) / n)
        low, high = (-np.log10(beta.ppf(level, ranks, n - ranks + 1)) for level in (0.975, 0.025))
        ax.fill_between(x, low, high, color=shade(GREY), linewidth=0, label="95 % without change")
    top = expected.max(initial=1.0) * 1.03
    ax.plot([0, top], [0, top], color=DOWN, linewidth=1.0, linestyle="--", label="no change")
    options: dict[str, Any] = {"s": 5, "color": shade(1.0), "linewidths": 0, "rasterized": n > 50_000, "zorder": 3}
    ax.scatter(expected, observed, **(options | scatter_kws))
    inflation = chi2.isf(np.median(p), 1) / chi2.isf(0.5, 1) if n else np.nan
    name_axes(ax, title=f"QQ plot, λ = {inflation:.2f}", x="expected −log10 p", y="observed −log10 p")
    ax.set_xlim(0, top)
    ax.set_ylim(bottom=0)
    _legend(ax, loc="lower right")


def zscore_panel(ax: Axes, z: np.ndarray) -> None:
    """Histogram of z over cells, with the standard normal density."""
    z = z[np.isfinite(z)]
    low, high = np.percentile(z, [0.1, 99.9])
    low, high = min(low, -3.5), max(high, 3.5)
    edges = np.linspace(low, high, 61)
    heights, _ = np.histogram(np.clip(z, low, high), edges, density=True)
    ax.stairs(heights, edges, fill=True, color=shade(GREY), label="cells")
    grid = np.linspace(low, high, 400)
    ax.plot(grid, norm.pdf(grid), color=DOWN, linewidth=1.4, label="standard normal")
    ax.set_xlim(low, high)
    ax.set_ylim(0, max(heights.max(), norm.pdf(0)) * ROOM)
    name_axes(
        ax, title=f"z: median {np.median(z):.2f}, SD {np.std(z):.2f}", x="z of log fold change of density", y="density"
    )
    _legend(ax, loc="upper right")


def residual_panel(ax: Axes, quantiles: np.ndarray, mean: float, tolerance: float, rank: int) -> None:
    """Share of cells by their residual prior variance, which the basis leaves out."""
    # at the landmarks nothing is left but rounding
    lowest = max(float(quantiles.max()), mean, tolerance) / 1e4
    values = np.maximum(quantiles, lowest)
    ax.plot(values, np.linspace(0, 1, len(values)), color=shade(1.0), linewidth=1.4, label="cells")
    ax.axvline(mean, color=DOWN, linewidth=1.2, linestyle="--", label=f"mean {mean:.1g}")
    if tolerance > 0:
        ax.axvline(tolerance, color=UP, linewidth=1.2, linestyle=":", label=f"rtol {tolerance:.1g}")
    ax.set_xscale("log")
    ax.set_ylim(0, 1)
    name_axes(ax, title=f"residual of the basis, rank {rank}", x="prior variance left out", y="share of cells")
    _legend(ax, loc="upper left")
