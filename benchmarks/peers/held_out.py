"""Local fold changes at cells that were not fitted, beside kompot 0.8 and pylemur.

    python benchmarks/peers/held_out.py --peers /tmp/peers --results /tmp/peers/held_out

Half of the cells are fitted. The effects that a method gives at the cells of the other half are averaged over each annotated
type and compared with the difference of the means of these cells: mean square error over genes and types of more than 60 cells
(25 in the small studies). *Means per type* are those of the fitted half, which are given the labels. Needs ../shared/data.
"""

import sys
from pathlib import Path

import anndata as ad
import numpy as np
from results import Results, arguments, print_table

sys.path.insert(0, str(Path(__file__).parents[1]))
from expression_model import kang, liver, oligodendrocytes, prepare

ENVIRONMENTS = {"kp.tl.de": None, "kompot 0.8": "kompot", "pylemur": "pylemur"}
STUDIES = {
    "Kang": (kang, 10, "X_pca_harmony", "ctrl", "donor", 60),
    "liver": (liver, 20, None, "young", "sample", 25),
    "oligodendrocytes": (oligodendrocytes, 20, None, "control", "sample", 25),
}


def write_draw(path: Path, study: str) -> None:
    load, n_components, use_rep, reference, sample, _ = STUDIES[study]
    adata = prepare(load(), n_components, use_rep)
    obs = {
        "condition": np.where((adata.obs["group"] != reference).to_numpy(), "late", "early"),
        "sample": adata.obs[sample].astype(str).to_numpy(),
        "cell_type": adata.obs["cell_type"].astype(str).to_numpy(),
        "fitted": np.random.default_rng(0).random(adata.n_obs) < 0.5,
    }
    x = adata.X.tocsr().astype(np.float32)
    slim = ad.AnnData(x, obs=adata.obs[[]].assign(**obs), var=adata.var[[]], layers={"log": x})
    slim.obsm["X_pca"] = adata.obsm["X_use"]
    slim.write_h5ad(path, compression="gzip")


def errors(results: Results, study: str) -> dict[str, float]:
    adata, least = ad.read_h5ad(results.draw(study)), STUDIES[study][-1]
    late, types = (adata.obs["condition"] == "late").to_numpy(), adata.obs["cell_type"].astype(str).to_numpy()
    fitted, y = adata.obs["fitted"].to_numpy(), adata.layers["log"].toarray()
    kept = [t for t in np.unique(types) if min((late & (types == t)).sum(), (~late & (types == t)).sum()) > least]

    def means(cells: np.ndarray) -> np.ndarray:
        sides = [(y[cells & late & (types == t)], y[cells & ~late & (types == t)]) for t in kept]
        return np.array([a.mean(axis=0) - b.mean(axis=0) for a, b in sides])

    truth = means(~fitted)
    estimates = {"no change": np.zeros_like(truth), "means per type (labels)": means(fitted)}
    for method in ENVIRONMENTS:
        if (found := results.found(method, study)) is not None:
            places = {name: place for place, name in enumerate(found["types"])}
            estimates[method] = found["effect"][[places[t] for t in kept]]
    return {name: float(np.square(estimate - truth).mean()) for name, estimate in estimates.items()}


def main() -> None:
    args = arguments(__doc__, ENVIRONMENTS).parse_args()
    results = Results(args.results, "expression_calls.py")
    if not args.print:
        for study in STUDIES:
            if not results.draw(study).exists():
                write_draw(results.draw(study), study)
        for method in args.methods:
            results.measure(method, ENVIRONMENTS[method], args.peers, list(STUDIES))
    rows = []
    for study in STUDIES:
        for number, (name, error) in enumerate(errors(results, study).items()):
            cost = ["" if np.isnan(v) else f"{v:.1f}" for v in results.cost(name, [study])]
            rows.append(["" if number else study, name, f"{error:.4f}", *cost])
    print_table("Effects per type at held-out cells", ["study", "method", "mean square error", "CPU s", "GB"], rows)


if __name__ == "__main__":
    main()
