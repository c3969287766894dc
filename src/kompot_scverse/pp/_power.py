"""Studies like that of a run, drawn and tested."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from kompot_scverse._data.resolve import match_label, obs_column
from kompot_scverse._gp.progress import progress_bar
from kompot_scverse._runs.regions import find_regions
from kompot_scverse._runs.sample_distances import stored_distances
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.count_changes import count_unit
from kompot_scverse._stats.power import Components, draw_study
from kompot_scverse._stats.power_abundance import CellPool, draw_abundance, excess_variance, scaled_to
from kompot_scverse._stats.ratio_features import RatioFeatures
from kompot_scverse.tl._replay import replay_abundance

SPREADS = np.linspace(0, 1.5, 31)
"""Standard deviations of the log of a gene's variance between samples, about that of its level."""
N_GENES = 1_000
STUDIES = {"de": 4, "da": 20}
LEVELS = ("low", "middle", "high")
MAX_CELLS = 50_000
"""Cells that samples are drawn from, where there are more."""
SHAPE = 0.3
"""Amplitude of rough fields, which give the differences their shape where the run has found none."""
MIN_SHARE = 0.005
"""Share of the cells that a category needs."""


@dataclass(frozen=True)
class Grid:
    """What power is asked for."""

    n_samples: list[int]
    lfc: list[float]
    cell_groups: str | None
    cell_group: object
    n_cells: int | None
    share_changed: float
    n_studies: int | None
    rng: np.random.Generator

    def factor(self, sizes: np.ndarray) -> float:
        """What the cells of samples are multiplied by."""
        return 1.0 if self.n_cells is None else self.n_cells / float(sizes.mean())


def expression_power(view: RunView, grid: Grid) -> pd.DataFrame:
    """Power for genes by level of expression."""
    parts, inside = _components(view, grid)
    thirds = np.digitize(parts.level.mean(axis=0), np.quantile(parts.level.mean(axis=0), [1 / 3, 2 / 3]))
    middle = [float(np.median(parts.level[:, own].mean(axis=0))) for own in (thirds == third for third in range(3))]
    studies, rows = grid.n_studies or STUDIES["de"], []
    with progress_bar(len(grid.n_samples) * len(grid.lfc) * studies, "power", "studies") as advance:
        for n in grid.n_samples:
            for lfc in grid.lfc:
                called: list[np.ndarray] = []
                levels: list[np.ndarray] = []
                for _ in range(studies):
                    drawn = draw_study(
                        parts, n, lfc * inside, n_genes=N_GENES, share=grid.share_changed,
                        threshold=view.run.params["fdr_threshold"], cells=grid.factor(parts.mass.sum(axis=1)), rng=grid.rng,
                    )  # fmt: skip
                    called.append(drawn.called[drawn.changed])
                    levels.append(thirds[drawn.genes[drawn.changed]])
                    advance(1)
                rows += _rows(n, lfc, np.concatenate(called), np.concatenate(levels), middle, parts)
    return pd.DataFrame(rows)


def _rows(
    n: int, lfc: float, called: np.ndarray, levels: np.ndarray, middle: list[float], parts: Components
) -> list[dict[str, Any]]:
    rows = []
    for number, name in enumerate(("all", *LEVELS)):
        own = called if number == 0 else called[levels == number - 1]
        share = float(own.mean()) if len(own) else np.nan
        rows.append(
            {
                "n_samples": n,
                "lfc": lfc,
                "level": name,
                "mean_expression": float(np.median(parts.level.mean(axis=0))) if number == 0 else middle[number - 1],
                "power": share,
                "std_error": float(np.sqrt(share * (1 - share) / max(len(own), 1))),
            }
        )
    return rows


def _components(view: RunView, grid: Grid) -> tuple[Components, np.ndarray]:
    """What the run has estimated, and the share of each neighbourhood in which genes change."""
    regions, samples = find_regions(view), stored_distances(view)
    features = view.features().astype(np.float64)
    compared = np.flatnonzero(regions.compared)
    weights = regions.soft[compared].toarray()
    total = np.maximum(weights.sum(axis=0), np.finfo(float).tiny)
    genes = np.flatnonzero(np.isfinite(view.numbers("pvalue")))
    fields = [np.asarray(view.read(f"{role}_weights"), dtype=np.float64)[genes] for role in ("reference", "group")]
    places = weights.T @ features[compared] / total[:, None]
    own = [weights[cells[compared]] for cells in samples.cells(view)]
    level, noise = places @ (fields[0] + fields[1]).T / 2, view.numbers("noise_sd")[genes]
    mass = np.array([of_sample.sum(axis=0) for of_sample in own])
    # what varies over the cells: the mean over all of them is left to the constant
    cells = mass.sum(axis=0) / mass.sum()
    features = places[:, 1:] - cells @ places[:, 1:]
    constant, field = _between(view, features, level, noise, mass, grid.rng)
    counts = bool(view.run.params.get("tested_at_equal_depth"))
    parts = Components(
        level=level,
        features=features,
        constant=constant,
        field=field,
        noise=noise,
        mass=mass,
        gram=np.array([of_sample.T @ of_sample for of_sample in own]),
        groups=np.array([condition == view.group for condition in samples.conditions or []]),
        nodes=regions.nodes,
        unit=count_unit(level.mean(axis=0), noise) if counts else None,
        paired=bool(view.run.params.get("paired")),
        weights=view.run.params.get("gene_weights", "equal"),
    )
    if grid.cell_group is None:
        return parts, np.ones(len(places))
    return parts, weights.T @ _category(view, grid, grid.cell_group)[compared] / total


def _between(
    view: RunView,
    features: np.ndarray,
    level: np.ndarray,
    noise: np.ndarray,
    mass: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    r"""
    Standard deviation between samples of each gene, of the constant and of the weights of the field.

    The variances of genes of one level are those between the means of the samples, over all cells and in single neighbourhoods. Each gene has
    that of its level times a factor that is drawn from a log-normal distribution, with which variances scatter as those observed do. The gene's own estimate
    is no such factor: it scatters by what few samples leave unknown, too.
    """
    kept = view.run.diagnostics.get("between")
    if kept is None:
        raise LookupError(
            f"{view.capitalised} does not say how samples differ by level of expression: it is of an earlier version, or has too few "
            f"genes or samples. `{view.call('sample_distances')}` writes it."
        )
    cells = mass.sum(axis=0) / mass.sum()
    # variance of the field in single neighbourhoods, in units of its weights; its mean over all cells is zero
    local = cells @ np.square(features).sum(axis=1)
    of_gene = cells @ level
    constant, within = (np.interp(of_gene, kept["level"], kept[name]) for name in ("whole", "local"))
    field = np.maximum(within - constant, 0) / max(local, np.finfo(float).tiny)
    sampling, known = noise**2 / mass.sum(axis=1).mean(), constant > 0
    normal = rng.permutation(ndtri((np.arange(len(noise)) + 0.5) / len(noise)))
    total = np.log(constant + sampling)
    scatters = [
        np.var(np.log(constant * _factor(normal, spread) + sampling)[known] - total[known]) if known.any() else 0.0
        for spread in SPREADS
    ]
    factor = _factor(normal, float(np.interp(kept["scatter"], scatters, SPREADS)))
    return np.sqrt(constant * factor), np.sqrt(field * factor)


def _factor(normal: np.ndarray, spread: float) -> np.ndarray:
    """Log-normal factors with a mean of one."""
    found = np.exp(spread * normal)
    return found / found.mean()


def abundance_power(view: RunView, grid: Grid) -> pd.DataFrame:
    """Power for each category that becomes more or less frequent."""
    if grid.cell_groups is None:
        raise ValueError(
            '`cell_groups=` is missing: the obs column of the categories that change, such as "cell_type".'
        )
    again = replay_abundance(view)
    cells = np.flatnonzero(again.design.cells & np.isin(again.design.sample_codes, again.contrast.members))
    if len(cells) > MAX_CELLS:
        cells = np.sort(grid.rng.choice(cells, MAX_CELLS, replace=False))
    features = RatioFeatures.of(again.states, again.design.cells)
    summary = view.run.summary
    amplitudes = np.array([summary.get(f"amplitude_samples_{name}", 0.0) for name in ("smooth", "rough")])
    if not amplitudes.any():
        amplitudes = np.array([0.0, SHAPE])
    sizes = again.mass.sum(axis=1)
    groups = again.design.sample_conditions[again.contrast.members] > 0
    weights = again.weights.neighborhoods.weights(again.states.x[cells])
    fields = features.fields[cells] * amplitudes[features.blocks]
    pool = CellPool(weights, fields, sizes, groups, paired=bool(view.run.params.get("paired")))
    # the amplitudes say how fields look; how large they are, the samples' shares themselves
    pool = scaled_to(pool, excess_variance(again.mass, again.gram, again.contrast.matrix), grid.rng)
    column = obs_column(view.data, grid.cell_groups, "cell_groups")
    names = list(column.cat.categories) if grid.cell_group is None else [grid.cell_group]
    masks = {str(name): _category(view, grid, name)[cells] for name in names}
    masks = {name: own for name, own in masks.items() if own.mean() >= MIN_SHARE}
    if not masks:
        raise ValueError(f"No category of obs[{grid.cell_groups!r}] has {MIN_SHARE:.1%} of the cells.")
    studies, rows = grid.n_studies or STUDIES["da"], []
    with progress_bar(len(grid.n_samples) * len(grid.lfc) * len(masks) * studies, "power", "studies") as advance:
        for n in grid.n_samples:
            for lfc in grid.lfc:
                for name, own in masks.items():
                    found = []
                    for _ in range(studies):
                        found.append(
                            draw_abundance(
                                pool,
                                n,
                                lfc * own,
                                threshold=view.run.params["fdr_threshold"],
                                cells=grid.factor(sizes),
                                rng=grid.rng,
                            )
                        )
                        advance(1)
                    error = np.std(found, ddof=1) / np.sqrt(studies) if studies > 1 else np.nan
                    rows.append(
                        {"n_samples": n, "lfc": lfc, "cell_group": name, "share": float(own.mean()),
                         "power": float(np.mean(found)), "std_error": float(error)}
                    )  # fmt: skip
    return pd.DataFrame(rows)


def _category(view: RunView, grid: Grid, name: object) -> np.ndarray:
    """1 for the cells of a category."""
    if grid.cell_groups is None:
        raise ValueError("`cell_group` is a category of `cell_groups=`, the obs column, which is missing.")
    column = obs_column(view.data, grid.cell_groups, "cell_groups")
    return (column == match_label(column, name, "cell_group")).to_numpy().astype(float)
