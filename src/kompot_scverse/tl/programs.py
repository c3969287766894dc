"""Genes that change alike over the cell states."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_at_least, check_fraction
from kompot_scverse._data.cell_groups import group_column
from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import gene_numbers
from kompot_scverse._messages import logger
from kompot_scverse._results.extend import Extension, extend_runs
from kompot_scverse._runs.rates import called_genes
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.programs import Programs, field_shapes, find_programs

FEWEST = 4
"""Genes without which there is nothing to group."""
LEADING = 10
"""Genes of a program that the run lists."""
STRONGER = 1.25
"""How much stronger than in the average cell a program is in a category that is named."""
STRONG = 0.5
"""Correlation with its program from which on a gene counts as of it."""


def programs(
    data: Data,
    n_programs: int | None = None,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    genes: str | Sequence[str] | np.ndarray | None = None,
    max_fdr: float | None = None,
    cell_groups: str | None = None,
) -> None:
    r"""
    Group the genes that change by the shape of their change over the cell states.

    Two genes are alike if their log fold changes rise and fall in the same cells, whatever their size. The measure is the cosine
    similarity (correlation about zero) of their log fold changes over the cells of the contrast. It is :math:`w_g^\top C w_h`, with
    the weights of the fold changes and the second moments C of the features, so that the fold changes of all cells are never
    computed. Genes are clustered by Ward's method. The number of clusters is the largest at which random halves of the genes give
    the same clusters (prediction strength of at least 0.8, Tibshirani & Walther 2005); if there is none, all genes are one program.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`de`; changed in place.
    n_programs
        Number of programs; None chooses it.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call.
    mod
        Modality of a MuData; None for all that the run wrote to, each by itself.
    genes
        Names, a boolean mask, or the name of a boolean var column, instead of the genes that the run calls.
    max_fdr
        Largest false discovery rate of the genes; None for those that the run calls.
    cell_groups
        Obs column in whose categories it is said where a program is strongest; None for that of the run, if it has one.

    Returns
    -------
    None. Added to the run, and written with its prefix:

    - var: `K_R_to_G_program` ("1" for the largest; missing for genes that are in none) and `K_R_to_G_program_score`, the
      correlation of the gene with the mean field of its program
    - obs: `K_R_to_G_program_1` and so on, the mean log fold change of its genes, each first divided by its root mean square over
      the cells
    - the table of :func:`kompot_scverse.get.programs`

    Raises
    ------
    LookupError
        If there is no such run, or its basis or weights are gone.
    ValueError
        If there are fewer than four genes, or fewer than `n_programs`.

    References
    ----------
    Tibshirani & Walther (2005), Journal of Computational and Graphical Statistics 14, 511.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> kp.tl.programs(adata, max_fdr=0.5)
    >>> kp.get.programs(adata).columns.to_list()
    ['n_genes', 'direction', 'share_up', 'mean_lfc', 'genes']
    """
    check_fraction("max_fdr", max_fdr)
    check_at_least(1, n_programs=n_programs)
    given = locals()
    for one in extend_runs(
        programs, given, "de", lambda view, own: _of_run(view, n_programs, own, max_fdr, cell_groups)
    ):
        sizes = [row["n_genes"] for row in one.summary["programs"]]
        logger.info("%s: %d programs of %s genes.", one.view.title, len(sizes), ", ".join(map(str, sizes)))


def _of_run(
    view: RunView, n_programs: int | None, genes: Any, max_fdr: float | None, cell_groups: str | None
) -> Extension:
    if view.effect is None:
        weights = np.asarray(view.read("group_weights"), float) - np.asarray(view.read("reference_weights"), float)
    else:
        weights = np.asarray(view.read("effect_weights"), float)
    chosen = _genes(view, genes, max_fdr)
    chosen = chosen[np.isfinite(weights[chosen]).all(axis=1)]
    fewest = max(FEWEST, n_programs or 0)
    if len(chosen) < fewest:
        raise ValueError(
            f"{len(chosen)} genes of {view.name} are too few for programs, which need {fewest}. Pass a larger `max_fdr=`, name "
            "`genes=`, or ask for fewer programs."
        )
    phi = view.features()
    cells = np.logical_or(*view.conditions()) & np.isfinite(phi).all(axis=1)
    own = phi[cells].astype(np.float64)
    gram = own.T @ own / len(own)
    grouped = find_programs(field_shapes(weights[chosen], gram), n_programs)
    size = np.sqrt(np.maximum(np.einsum("gr,rs,gs->g", weights[chosen], gram, weights[chosen]), np.finfo(float).tiny))
    centers = np.stack(
        [
            (weights[chosen] / size[:, None])[grouped.labels == one].mean(axis=0)
            for one in range(grouped.labels.max() + 1)
        ]
    )
    fields = phi @ centers.T.astype(np.float32)
    return Extension(
        view,
        _fields(view, chosen, grouped, fields),
        {"programs": _table(view, chosen, grouped, fields, cells, cell_groups)},
    )


def _genes(view: RunView, genes: Any, max_fdr: float | None) -> np.ndarray:
    """Numbers of the genes, the most significant first."""
    rate = called_genes(view, max_fdr)
    numbers = np.flatnonzero(rate.called) if genes is None else gene_numbers(view.data, genes)
    numbers = np.arange(view.data.n_vars) if numbers is None else np.asarray(numbers)
    return numbers[np.lexsort((-view.numbers("mahalanobis")[numbers], rate.order[numbers]))]


def _fields(
    view: RunView, chosen: np.ndarray, grouped: Programs, fields: np.ndarray
) -> list[tuple[str, str, str, Any]]:
    codes = np.full(view.data.n_vars, -1)
    scores = np.full(view.data.n_vars, np.nan)
    codes[chosen], scores[chosen] = grouped.labels, grouped.scores
    names = [str(number + 1) for number in range(fields.shape[1])]
    programs_of_genes = pd.Categorical.from_codes(codes, categories=pd.Index(names))
    return [
        ("var", "program", "program of genes that change alike", programs_of_genes),
        ("var", "program_score", "correlation of the log fold change with that of the program", scores),
        *(
            ("obs", f"program_{name}", f"mean standardised log fold change of program {name}", column)
            for name, column in zip(names, fields.T, strict=True)
        ),
    ]


def _table(
    view: RunView, chosen: np.ndarray, grouped: Programs, fields: np.ndarray, cells: np.ndarray, cell_groups: str | None
) -> list[dict[str, Any]]:
    """What the run remembers: a row for each program."""
    column = cell_groups or view.run.params.get("cell_groups")
    categories = None if column is None else group_column(view.data, column)
    lfc, names = view.numbers("mean_lfc"), view.data.var_names.to_numpy(dtype=str)
    rows = []
    for number, field in enumerate(fields.T):
        members = chosen[grouped.labels == number]
        # the most significant of those that are like it
        leading = members[grouped.scores[grouped.labels == number] >= STRONG]
        row: dict[str, Any] = {
            "n_genes": len(members),
            "direction": "up" if field[cells].mean() > 0 else "down",
            "share_up": round(float((lfc[members] > 0).mean()), 3),
            "mean_lfc": round(float(lfc[members].mean()), 4),
        }
        if categories is not None:
            by = pd.Series(np.abs(field[cells])).groupby(categories.to_numpy(dtype=object)[cells], observed=True).mean()
            row["strongest"] = str(by.idxmax()) if by.max() >= STRONGER * np.abs(field[cells]).mean() else ""
        rows.append(row | {"genes": names[leading[:LEADING]].tolist()})
    return rows
