"""Programs where the truth is planted: `python benchmarks/programs.py [--studies 4]`.

Log fold changes of 0.8 to 1.6 are added to genes of a simulated study of four against four samples: to all cells, or to those of one branch
only, whose border is sharp. Printed are the number of programs that `kp.tl.programs` finds, and the adjusted Rand index among the planted genes
that are called, of what it finds and of as many programs as were planted.
"""

import argparse
import logging

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

import kompot_scverse as kp

PATTERNS = {
    "everywhere": [None],
    "two branches": ["Monocyte", "Erythroid"],
    "two branches and everywhere": ["Monocyte", "Erythroid", None],
}
PROGRAM = "kompot_de_Young_to_Old_program"


def study(seed: int, branches: list[str | None], n_genes: int):
    """A study, and the pattern of each gene, -1 for none."""
    adata = kp.datasets.simulate(
        1500, 150, samples={"Young": 4, "Old": 4}, frac_de=0, density_change=0, rng=seed
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    values = adata.layers["logged_counts"].toarray()
    pattern = np.full(adata.n_vars, -1)
    chosen = rng.choice(np.argsort(-values.mean(axis=0))[:60], len(branches) * n_genes, replace=False)
    for number, branch in enumerate(branches):
        there = adata.obs["Age"] == "Old"
        rows = np.flatnonzero(there if branch is None else there & (adata.obs["branch"] == branch))
        for gene in chosen[number * n_genes : (number + 1) * n_genes]:
            pattern[gene] = number
            values[rows, gene] += rng.uniform(0.8, 1.6)
    adata.layers["changed"] = values.astype(np.float32)
    return adata, pattern


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=4)
    studies = parser.parse_args().studies
    logging.getLogger("kompot_scverse").setLevel(logging.ERROR)
    rows = []
    for name, branches in PATTERNS.items():
        for n_genes in (12, 18):
            found = []
            for seed in range(studies):
                adata, pattern = study(seed, branches, n_genes)
                kp.tl.de(
                    adata, "Age", reference="Young", groups="Old", sample_key="Replicate", layer="changed"
                )  # fmt: skip
                scores = []
                for asked in (None, len(branches)):
                    kp.tl.programs(adata, asked)
                    program = adata.var[PROGRAM]
                    planted = program.notna() & (pattern >= 0)
                    scores.append(adjusted_rand_score(pattern[planted], program[planted].astype(str)))
                    if asked is None:
                        number = program.nunique()
                found.append((number, *scores))
            number, own, asked = np.array(found).T
            rows.append(
                (name, n_genes, " ".join(f"{one:.0f}" for one in number), own.mean(), asked.mean(), asked.min())
            )
    columns = ["pattern", "genes of each", "programs found", "ARI", "ARI, number given", "least"]
    print(pd.DataFrame(rows, columns=columns).to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    main()
