"""Differential abundance beside its peers: calls on null splits, power and errors for planted changes.

    python benchmarks/peers/abundance.py --peers /tmp/peers --results /tmp/peers/abundance

Peers: Milo (Dann et al. 2022, in pertpy), CNA (Reshef et al. 2022) and kompot 0.8, each in an environment of its own that
is made in that folder (`environments.py`). Cells of a type go to the second condition more often, by given odds; or the log
odds grow along the first component, from the smallest rank to the largest. The cells of a condition are spread evenly over its
samples; for `donors`, the donors of Kang et al. are split at random instead. In each cell of a table: share of the changed cells
that are called with the right sign; share of the calls where the truth is below a tenth of the change or of the other sign, and
the same among the cells called as increased; average precision of the changed cells by the method's own score. Along the gradient
the changed cells are those with more than a quarter of the log odds. All draws are kept in the folder of results, so that a run
goes on where the last one stopped. Needs ../shared/data.
"""

import sys
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from results import Results, arguments, print_table

sys.path.insert(0, str(Path(__file__).parents[1]))
from calibration_data import DATA, load_kang

ENVIRONMENTS = {
    "kp.tl.da": None,
    "Milo": "pertpy",
    "CNA": "cna",
    "CNA, local FDR only": "cna",
    "kompot 0.8": "kompot",
}
LEAST = {"CNA": 5, "CNA, local FDR only": 5}
"""CNA asks for ten samples."""
TYPES = {"melanoma": ["8", "2"], "Kang": ["CD14+ Monocytes", "NK cells"]}
Case = tuple[str, int, str, float, int]
"""Data, samples on each side, what changes, odds, seed."""


def states(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cell states, labels and donors."""
    if name == "Kang":
        cells, _ = load_kang()
        return np.asarray(cells.x, dtype=float), cells.labels, cells.samples
    adata = ad.read_h5ad(DATA / "melanoma_daseq_embedding.h5ad")
    adata = adata[adata.obs["condition"] == "Non-responder"]
    labels, samples = adata.obs["author_cluster"].astype(str), adata.obs["sample"].astype(str)
    return np.asarray(adata.obsm["X_pca"], dtype=float), labels.to_numpy(), samples.to_numpy()


def name_of(case: Case) -> str:
    data, half, what, odds, seed = case
    return f"{data}-{half}v{half}-{what.replace(' ', '_')}-{odds:g}-{seed}"


def write_draw(path: Path, case: Case, x: np.ndarray, labels: np.ndarray, donors: np.ndarray) -> None:
    _, half, what, odds, seed = case
    rng, kept = np.random.default_rng(seed), np.ones(len(x), dtype=bool)
    strength = np.zeros(len(x))
    if what == "gradient":
        strength = (np.argsort(np.argsort(x[:, 0])) + 0.5) / len(x) - 0.5
    elif what in labels:
        strength = (labels == what).astype(float)
    p = 1 / (1 + odds**-strength)
    truth = np.log(p / (1 - p)) - np.log(p.mean() / (1 - p.mean()))
    late = rng.random(len(x)) < p
    samples = rng.integers(0, half, len(x)) + half * late
    if what == "donors":
        chosen = rng.permutation(np.unique(donors))[: 2 * half]
        kept, late, samples = np.isin(donors, chosen), np.isin(donors, chosen[half:]), donors
    obs = pd.DataFrame(
        {
            "condition": pd.Categorical(np.where(late, "late", "early")),
            "sample": pd.Categorical(samples.astype(str)),
            "truth": truth,
            "changed": np.abs(strength) > 0.25,
        },
        index=np.arange(len(x)).astype(str),
    )
    adata = ad.AnnData(np.zeros((len(x), 1), dtype=np.float32), obs=obs, obsm={"X_pca": x})[kept].copy()
    # what the scripts of the peers expect: categories that exist
    adata.obs["sample"] = adata.obs["sample"].cat.remove_unused_categories()
    adata.write_h5ad(path, compression="gzip")


def rates(found: dict[str, np.ndarray], truth: np.ndarray, changed: np.ndarray, odds: float) -> list[float]:
    """True and false calls, and average precision, from the planted odds."""
    calls, score = found["calls"], found["score"]
    false = (calls != 0) & ((np.abs(truth) < 0.1 * np.log(odds)) | (calls != np.sign(truth)))
    if (truth[changed] > 0).all():
        # cells called as decreased are not found as increased
        score = np.where(calls < 0, -np.inf, score)
    hits = changed[np.argsort(-score, kind="stable")]
    precision = (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()
    shares = [false[called].sum() / max(1, called.sum()) for called in (calls != 0, calls > 0)]
    return [float((calls[changed] == np.sign(truth[changed])).mean()), *map(float, shares), float(precision)]


def shown(results: Results, method: str, cases: list[Case]) -> str:
    """One cell of a table: means over the draws; where nothing changes, the number of draws with a call."""
    each = []
    for case in cases:
        if (found := results.found(method, name_of(case))) is not None:
            with h5py.File(results.draw(name_of(case))) as file:
                each.append((found, file["obs/truth"][:], file["obs/changed"][:], case[3]))
    if not each:
        return ""
    if cases[0][3] == 1:
        return f"{sum((found['calls'] != 0).any() for found, *_ in each)} of {len(each)} called"
    means = np.mean([rates(*one) for one in each], axis=0)
    return ", ".join(f"{v:.2f}".lstrip("0") if v < 1 else "1" for v in means)


def main() -> None:
    parser = arguments(__doc__, ENVIRONMENTS)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--null-draws", type=int, default=6, help="Draws where nothing changes")
    parser.add_argument("--data", nargs="*", choices=TYPES, default=list(TYPES))
    parser.add_argument("--halves", nargs="*", type=int, default=[3, 5], help="Samples of each condition")
    parser.add_argument("--odds", nargs="*", type=float, default=[2, 3, 6])
    args = parser.parse_args()
    results = Results(args.results, "abundance_calls.py")

    lines: list[list[Case]] = []
    for data in args.data:
        for half in args.halves:
            nulls = ["nothing"] + (["donors"] if data == "Kang" and half <= 4 else [])
            lines += [[(data, half, what, 1, seed) for seed in range(args.null_draws)] for what in nulls]
            for what in [*TYPES[data], "gradient"]:
                lines += [[(data, half, what, odds, seed) for seed in range(args.draws)] for odds in args.odds]
    if not args.print:
        for data in args.data:
            new = [c for line in lines for c in line if c[0] == data and not results.draw(name_of(c)).exists()]
            everything = states(data) if new else None
            for case in new if everything else []:
                write_draw(results.draw(name_of(case)), case, *everything)
        for method in args.methods:
            names = [name_of(case) for line in lines for case in line if case[1] >= LEAST.get(method, 0)]
            results.measure(method, ENVIRONMENTS[method], args.peers, names)

    methods = [m for m in ENVIRONMENTS if any(results.found(m, name_of(c)) for line in lines for c in line)]
    for data in args.data:
        rows = []
        for line in (line for line in lines if line[0][0] == data):
            _, half, what, odds, _ = line[0]
            change = what if odds == 1 else f"{what}, odds {odds:g}"
            rows.append([f"{half} v {half}", change, *(shown(results, m, line) for m in methods)])
        names = [name_of(case) for line in lines for case in line if case[0] == data]
        cost = [results.cost(m, names) for m in methods]
        rows.append(["", "CPU s, GB", *("" if np.isnan(s) else f"{s:.1f}, {peak:.2f}" for s, peak in cost)])
        print_table(f"{data}: TPR, FDR, FDR of increases, average precision", ["samples", "change", *methods], rows)


if __name__ == "__main__":
    main()
