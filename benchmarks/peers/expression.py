"""Differential expression beside its peers: null splits and planted changes.

    python benchmarks/peers/expression.py --peers /tmp/peers --results /tmp/peers/expression

Peers: sums of counts per annotated type and sample (pydeseq2 through pertpy; edgePython, a port of edgeR), Milo's `de_nhoods`
in pertpy, kompot 0.8, and pylemur, each in an environment of its own that is made in that folder (`environments.py`). The
pseudobulk tests get the true cell types; their p-values, and those of Milo's neighbourhoods, are combined per gene by the
Cauchy combination and adjusted by Benjamini and Hochberg, as this package does with its neighbourhoods. Kompot runs without
samples, since with them it takes about five seconds per gene here, and pylemur has no p-values: genes are ranked by the
mean square of its effects. Changes are planted in a tenth of the genes by thinning the controls of Kang et al. to one half.

Columns: average precision of the changed genes; share of false ones among those with q <= 0.05, and share of the changed
found; p below .05 and .001 among unchanged genes; CPU seconds (median over the draws, imports left out) and peak memory. All
draws are kept in the folder of results, so that a run goes on where the last one stopped. Needs ../shared/data.
"""

import sys
from pathlib import Path

import h5py
import numpy as np
from results import Results, arguments, print_table

sys.path.insert(0, str(Path(__file__).parents[1]))
from calibration_data import Cells, load_kang, plant

ENVIRONMENTS = {
    "kp.tl.de": None,
    "pseudobulk, pydeseq2": "pertpy",
    "pseudobulk, edgePython": "edgepython",
    "pylemur": "pylemur",
    "Milo, de_nhoods": "pertpy",
    "kompot 0.8": "kompot",
}
SLOW = ("Milo, de_nhoods", "kompot 0.8")
SETTINGS = {
    "type": "Changes in CD14+ monocytes",
    "gradient": "Changes that grow along the first component",
    "all": "Changes in all cells",
    "nothing": "Nothing changes",
}


def part(cells: Cells, donors: np.ndarray, genes: np.ndarray) -> Cells:
    """Some donors and genes."""
    kept = np.isin(cells.samples, donors)
    arrays = (cells.totals, cells.x, cells.samples, cells.labels)
    return Cells(cells.counts[kept][:, genes], *(values[kept] for values in arrays))


def name_of(setting: str, half: int, seed: int) -> str:
    return f"{half}v{half}-{setting}-{seed}"


def write_draw(everyone: Cells, path: Path, setting: str, half: int, seed: int, n_genes: int) -> None:
    """Controls of 2 * `half` donors, split at random, changes planted between the sides."""
    rng = np.random.default_rng(seed)
    donors = rng.permutation(8)[: 2 * half]
    group = tuple(donors[half:])
    cells = part(everyone, donors, np.sort(rng.choice(everyone.counts.shape[1], n_genes, replace=False)))
    strength = {
        "nothing": None,
        "type": (cells.labels == "CD14+ Monocytes").astype(float),
        "all": np.ones(len(cells.x)),
        "gradient": (np.argsort(np.argsort(cells.x[:, 0])) + 0.5) / len(cells.x),
    }[setting]
    counts, changed = cells.counts, np.zeros(n_genes, dtype=bool)
    if strength is not None:
        counts, changed = plant(cells, group, strength, rng)
    adata = cells.annotated(counts, np.isin(cells.samples, group))
    adata.layers["log"] = cells.expression(counts).astype(np.float32)
    adata.obs["cell_type"] = cells.labels
    adata.var["changed"] = changed
    adata.write_h5ad(path, compression="gzip")


def rates(found: dict[str, np.ndarray], changed: np.ndarray) -> list[float]:
    """Average precision, false share, power, small p-values; with nothing changed, small p-values and whether any is called."""
    p, called = found["p"][~changed], found["q"] <= 0.05
    known, asked = p[np.isfinite(p)], np.isfinite(found["q"]).any()
    small = [float((known < level).mean()) if len(known) else np.nan for level in (0.05, 0.001)]
    if not changed.any():
        return [*small, float(called.any()) if asked else np.nan]
    score = found.get("score", found["p"])
    hits = changed[np.argsort(np.where(np.isfinite(score), score, np.inf), kind="stable")]
    precision = float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
    if not asked:
        return [precision, np.nan, np.nan, *small]
    return [precision, float((called & ~changed).sum() / max(1, called.sum())), float(called[changed].mean()), *small]


def row(results: Results, method: str, names: list[str], digits: list[int]) -> list[str] | None:
    """Means over the draws that this method has, as text."""
    each = []
    for name in names:
        if (found := results.found(method, name)) is not None:
            with h5py.File(results.draw(name)) as file:
                each.append(rates(found, file["var/changed"][:]))
    if not each:
        return None
    means = np.mean(each, axis=0)
    if np.isnan(means).all():
        return None
    values = [*means, *results.cost(method, names)]
    shown = ["" if np.isnan(v) else f"{v:.{d}f}" for v, d in zip(values, digits, strict=True)]
    return [method + (f" ({len(each)} of {len(names)} draws)" if len(each) < len(names) else ""), *shown]


def print_tables(results: Results, settings: list[str], halves: list[int], n_draws: int) -> None:
    for setting in settings:
        columns = ["AP", "FDP", "power", "p < .05", "p < .001", "CPU s", "GB"]
        digits = [2, 2, 2, 3, 4, 1, 2]
        if setting == "nothing":
            columns, digits = ["p < .05", "p < .001", "draws with a call", "CPU s", "GB"], [3, 4, 2, 1, 2]
        rows = []
        for half in halves:
            names = [name_of(setting, half, seed) for seed in range(n_draws)]
            found = [line for method in ENVIRONMENTS if (line := row(results, method, names, digits))]
            rows += [["" if number else f"{half} v {half}", *line] for number, line in enumerate(found)]
        print_table(f"{SETTINGS[setting]}, {n_draws} draws", ["donors", "method", *columns], rows)


def main() -> None:
    parser = arguments(__doc__, ENVIRONMENTS)
    parser.add_argument("--settings", nargs="*", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--halves", nargs="*", type=int, default=[2, 3, 4], help="Donors on each side")
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--slow-draws", type=int, default=1, help=f"Draws of {' and '.join(SLOW)}")
    parser.add_argument("--genes", type=int, default=1000)
    args = parser.parse_args()
    results = Results(args.results, "expression_calls.py")
    cases = [(s, half, seed) for half in args.halves for s in args.settings for seed in range(args.draws)]
    if not args.print:
        new = [case for case in cases if not results.draw(name_of(*case)).exists()]
        everyone = load_kang()[0] if new else None
        for case in new if everyone else []:
            write_draw(everyone, results.draw(name_of(*case)), *case, args.genes)
        for method in args.methods:
            n_draws = args.slow_draws if method in SLOW else args.draws
            names = [name_of(*case) for case in cases if case[-1] < n_draws]
            results.measure(method, ENVIRONMENTS[method], args.peers, names)
    print_tables(results, args.settings, args.halves, args.draws)


if __name__ == "__main__":
    main()
