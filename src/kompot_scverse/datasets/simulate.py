"""Simulate single cells of a branching differentiation with known differences between conditions."""

import json
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._arguments import check_arguments, seed_of

from . import _expression as ex
from . import _manifold as tree
from . import _settings as checks
from ._settings import SimulationSettings
from ._study_plan import plan_study

EFFECTS = ["global", *tree.BRANCHES]


def simulate(
    n_obs: int = 3000,
    n_vars: int = 1000,
    *,
    samples: Mapping[str, int] | pd.DataFrame | None = None,
    reference: str = "Young",
    group: str = "Old",
    change: str = "change",
    donor: str | None = None,
    n_latent: int = 10,
    frac_de: float = 0.1,
    effect_size: float = 1.0,
    density_change: float | Mapping[str, float] = 1.0,
    sample_effect: float = 0.15,
    density: float = 0.2,
    depth: Mapping[str, float] | None = None,
    settings: SimulationSettings | None = None,
    rng: int | np.random.Generator = 0,
) -> AnnData:
    """Simulate a study of blood formation with conditions, replicates and known truth.

    Cells lie on a tree: stem cells (HSC) become progenitors, which part into the erythroid, monocyte and B cell
    branches. From the reference to the group condition, the density of cells changes along the tree, and some genes
    change their expression, everywhere or on one branch. Other conditions lie between the two in the order of
    `samples` (with the default, "Mid" has half of each change); conditions beyond the two are like the nearer one.
    Counts are negative binomial. Changes and effects are on the natural log scale.

    Parameters
    ----------
    n_obs
        Number of cells, at least 20 per sample.
    n_vars
        Number of genes.
    samples
        Number of samples (replicates) of each condition, in the order of the conditions.
        Default: `{"Young": 3, "Mid": 2, "Old": 3}`. Or a table with one row for each sample: any design, such as ages, days
        and donors, in columns that are written to `obs`.
    reference
        Condition against which changes are defined.
    group
        Condition that has the whole of each change.
    change
        Of a table the column that says how much of each change a sample has: 0 for none, 1 for the whole, anything between
        and beyond; for an age that acts from 20 to 80 `(age - 20) / 60`, for an interaction `treated * female`.
    donor
        Of a table the column of the donors: samples of one share `settings.donor_share` of their deviations.
    n_latent
        Number of dimensions of the cell-state representation, 5 to 100.
    frac_de
        Share of genes with an effect of the condition: half of them in all cells, half on one branch.
    effect_size
        Mean absolute log fold change (natural log) of these genes, everywhere or in the middle of their branch. Half
        go up, half down.
    density_change
        Change of the natural log density at the tips of the branches, relative to the branch point and before both are
        scaled to unit mass. A mapping gives it by branch (`"HSC"`, `"Erythroid"`, `"Monocyte"`, `"B cell"`; 0 if left
        out). A number scales the default, which imitates ageing: HSC +1, Monocyte +0.5, B cell -1. 0 means no change.
    sample_effect
        Standard deviation of the natural log expression of a gene between samples of one condition. Half of the
        variance is the same in all cells, half varies along the tree. With 0, there are no outlying samples either.
    density
        Share of counts that are not zero, before `depth`.
    depth
        Sequencing depth of conditions or of samples (such as `"Young_1"`, which goes before its condition), in units of
        that of those left out: `{"Old": 0.4}`.
    settings
        Rarely changed settings, see :class:`~kompot_scverse.datasets.SimulationSettings`.
    rng
        Seed or generator. The same seed gives the same data.

    Returns
    -------
    The cells in random order, with

    - `X`: raw counts, and `layers["logged_counts"]`: log(1 + counts per 10,000); both sparse (csr) and float32.
    - `obs`: condition `Age` (ordered), sample `Replicate` (such as `Young_1`) (or the columns of the table and its index as
      `sample`), true place on the tree `celltype`,
      `branch` and `pseudotime` (0 to 1), true factor `size_factor` on the mean of all genes, and
      `true_log_density_lfc`, which is log p_group - log p_reference at the cell, with unit mass for each condition and
      without the samples' own deviations.
    - `obsm`: cell-state representation `DM_EigenVectors`, in which distances follow the tree; a picture `X_umap` of it.
    - `var`: `is_de`; `effect_type` (none, global, local); `effect_branch` of a local effect; `true_lfc_mean`, the true
      log fold change averaged over the cells of reference and group; `is_sample_outlier`, true where one sample alone
      differs (a lure for methods that ignore samples), and that `outlier_sample`; `marker_of`, a branch with much
      higher expression in all conditions; `base_mean`, the mean count without effects of condition and sample at size
      factor 1; `dispersion` φ in variance = mean + φ mean².
    - `obsm["true_effect_basis"]` (cells x 5) and `varm["true_effect"]` (genes x 5), data frames with a global column
      and one per branch: `adata.obsm["true_effect_basis"] @ adata.varm["true_effect"].T` is the true log fold change
      of every gene's mean count in every cell, group against reference. On `logged_counts` the fold change is a
      different one, because log(1 + x) is not log(x): for weakly expressed genes mostly a smaller one.
    - `uns["simulation"]`: the arguments.

    Examples
    --------
    >>> import pandas as pd
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(400, 50, rng=1)
    >>> adata.shape
    (400, 50)
    >>> adata.obs["Age"].cat.categories.to_list()
    ['Young', 'Mid', 'Old']
    >>> lfc = adata.obsm["true_effect_basis"] @ adata.varm["true_effect"].T
    >>> lfc.shape
    (400, 50)
    >>> table = pd.DataFrame(
    ...     {"age": [20.0, 35, 50, 65, 80] * 2, "sex": ["f", "m"] * 5}, index=[f"s{n}" for n in range(10)]
    ... )
    >>> table["change"] = (table["age"] - 20) / 60
    >>> aged = kp.datasets.simulate(400, 50, samples=table)
    >>> aged.obs.columns[:3].to_list()
    ['sample', 'age', 'sex']
    """
    check_arguments(simulate, locals())
    settings = SimulationSettings() if settings is None else settings
    study = plan_study(samples, n_obs, reference=reference, group=group, change=change, donor=donor)
    labels, fraction = study.labels, study.fraction
    at_tips = checks.check_density_change(density_change)
    relative_depth = checks.check_depth(depth, study.conditions, labels)
    checks.check_numbers(n_vars, n_latent, frac_de, effect_size, sample_effect, density)
    arguments = {
        "n_obs": n_obs, "n_vars": n_vars, **study.arguments,
        "n_latent": n_latent, "frac_de": frac_de, "effect_size": effect_size, "density_change": json.dumps(at_tips),
        "sample_effect": sample_effect, "density": density, "depth": json.dumps(dict(depth or {})),
        "settings": json.dumps(asdict(settings)),
        "rng": str(seed_of(rng)),
    }  # fmt: skip
    rng = np.random.default_rng(rng)

    sizes = _sample_sizes(n_obs, len(labels), settings.size_spread, rng)

    # cells
    tip_change = np.array([at_tips[name] for name in tree.BRANCHES])
    shuffled = rng.permutation(n_obs)
    sample = np.repeat(np.arange(len(labels)), sizes)[shuffled]
    positions = tree.concatenate(
        [
            tree.sample_positions(n, tip_change, f, settings.composition_sd, rng)
            for n, f in zip(sizes, fraction, strict=True)
        ]
    )[shuffled]
    obs = pd.DataFrame(
        {
            **study.columns(sample),
            "celltype": ex.labelled(positions.celltype_code, tree.CELLTYPES),
            "branch": ex.labelled(positions.branch, tree.BRANCHES),
            "pseudotime": positions.pseudotime,
            "size_factor": np.exp(rng.normal(scale=settings.depth_sd, size=n_obs)),
            "true_log_density_lfc": tree.log_density_change(positions.branch, positions.s, tip_change),
        },
        index=[f"Cell{i + 1:05d}-{labels[s]}" for i, s in enumerate(sample)],
    )

    # genes
    n_de = round(frac_de * n_vars)
    profile, marked = ex.draw_profiles(n_vars, rng)
    effects = ex.draw_effects(
        profile[ex.CONSTANT],
        n_de,
        n_local=round(n_de * settings.frac_local),
        n_outliers=round(settings.frac_outliers * n_vars),
        effect_size=effect_size,
        outlier_size=settings.outlier_factor * sample_effect,
        outlier_candidates=np.flatnonzero(study.compared),
        rng=rng,
    )
    # weakly expressed genes are noisier
    dispersion = settings.dispersion * np.exp(rng.normal(scale=0.4, size=n_vars) - 0.15 * profile[ex.CONSTANT])

    # counts
    basis = ex.expression_basis(positions)
    coef = ex.sample_coefficients(
        profile, effects, fraction, sample_effect, rng, donors=study.donors, share=settings.donor_share
    )
    size_factor = obs["size_factor"].to_numpy(dtype=np.float32)
    level = ex.level_for_density(density, basis, coef, sample, size_factor, dispersion, rng)
    coef[:, ex.CONSTANT] += level
    profile[ex.CONSTANT] += level
    obs["size_factor"] *= relative_depth[sample]
    size_factor = obs["size_factor"].to_numpy(dtype=np.float32)
    counts = ex.draw_counts(basis, coef, sample, size_factor, dispersion, rng)

    # truth
    effect_basis = np.column_stack([np.ones(n_obs), tree.bumps(positions.branch, positions.s)])
    compared = study.compared[sample]
    var = ex.truth_table(effects, marked, labels, effect_basis[compared].mean(axis=0))
    var["base_mean"] = ex.base_means(basis, profile)
    var["dispersion"] = dispersion
    adata = AnnData(counts, obs=obs, var=var, uns={"simulation": arguments})
    adata.layers["logged_counts"] = ex.log_normalize(counts)
    adata.obsm["DM_EigenVectors"] = tree.diffusion_coordinates(positions, n_latent, rng)
    adata.obsm["X_umap"] = tree.embedding(positions, rng)
    adata.obsm["true_effect_basis"] = pd.DataFrame(effect_basis, index=obs.index, columns=EFFECTS)
    adata.varm["true_effect"] = pd.DataFrame(effects.amplitude, index=var.index, columns=EFFECTS)
    return adata


def _sample_sizes(n_obs: int, n_samples: int, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Return uneven numbers of cells per sample that sum to `n_obs`."""
    share = rng.uniform(1 - spread, 1 + spread, size=n_samples)
    ends = np.rint(n_obs * np.cumsum(share) / share.sum()).astype(int)
    return np.diff(ends, prepend=0)
