"""How many samples the next study needs."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_at_least, check_fraction, check_not_negative, listed
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.view import RunView

from ._power import Grid, abundance_power, expression_power


def power(
    data: Data,
    *,
    analysis: Literal["de", "da"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    n_samples: int | Sequence[int] = (3, 5, 10, 20),
    lfc: float | Sequence[float] = (0.25, 0.5, 1.0),
    cell_groups: str | None = None,
    cell_group: object = None,
    n_cells: int | None = None,
    share_changed: float = 0.1,
    n_studies: int | None = None,
    rng: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """
    Expected power of the replicate test in studies like the one of a run, with other numbers of samples.

    Studies are drawn from what the run has estimated, and tested by the whole of its test at the false discovery rate of the run. Of
    expression: variances between samples, by level of expression and gene, and between cells, levels in the neighbourhoods, and the cells
    that the samples have there; some genes change by `lfc`, up or down. Covariates of the run are taken to explain as much again. Of abundance: the cells of the run, from which samples are drawn that
    differ as those of the run do, and of which one category becomes more or less frequent.

    Neither reads the expression. An estimate from few samples is uncertain itself: the variance between three and three samples
    may be off by a factor of two.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` or `da` with `sample_key` that compares two conditions. With complete pairs,
        the numbers of samples are those of the donors.
    analysis
        Which analysis.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData; needed if the run wrote to several.
    n_samples
        Numbers of samples in each condition, at least 2.
    lfc
        Log fold changes, natural log: of the counts of a gene (0.69 is twice as many; the mean log expression of a gene that few cells
        express changes by less) or, where a layer does not hold logs of scaled counts, of its values; or of the odds of a cell state.
    cell_groups
        Obs column of categories. None: the `cell_groups` of the run; abundance needs it.
    cell_group
        The category in which genes change; None for all cells. Of abundance: the one category that changes; None takes one
        after the other.
    n_cells
        Cells per sample, on average; None for as many as in the run.
    share_changed
        Share of the genes that change; with more of them, each needs less evidence.
    n_studies
        Studies drawn for each number of samples and change, of 1,000 genes each. None: 4; of abundance 20 for each category.
    rng
        Seed or generator.

    Returns
    -------
    Table with `n_samples` (in each condition), `lfc`, `power` (share of what changes that is called) and `std_error` (of the simulation). Of
    expression for all genes and for thirds of them by expression: `level`, `mean_expression`. Of abundance by category: `cell_group`,
    `share` (of the cells); power is the share of its cells that are called with the right direction.
    :func:`kompot_scverse.pl.power` draws it.

    Raises
    ------
    LookupError
        If there is no such run, or it has no samples.
    ValueError
        If the run has a formula, or incomplete pairs.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> table = kp.pp.power(adata, n_samples=[3, 6], lfc=0.5, n_studies=1)
    >>> table["level"].to_list()
    ['all', 'low', 'middle', 'high', 'all', 'low', 'middle', 'high']
    """
    numbers, changes = (listed(name, value) for name, value in (("n_samples", n_samples), ("lfc", lfc)))
    for one in numbers:
        check_at_least(2, n_samples=one)
    for change in changes:
        check_not_negative("lfc", change)
    check_at_least(1, n_cells=n_cells, n_studies=n_studies)
    check_fraction("share_changed", share_changed)
    view = find_view(data, analysis, run_id=run_id, key_added=key_added, group=group, mod=mod)
    _check(view)
    generator = np.random.default_rng(rng)
    column = cell_groups or view.run.params.get("cell_groups")
    grid = Grid(numbers, changes, column, cell_group, n_cells, share_changed, n_studies, generator)
    found = expression_power(view, grid) if analysis == "de" else abundance_power(view, grid)
    view.warn()
    found.attrs |= {"title": view.title, "fdr": view.run.params["fdr_threshold"], "cell_group": cell_group}
    return found


def _check(view: RunView) -> None:
    view.check_one_modality()
    params = view.run.params
    if params.get("sample_key") is None:
        raise LookupError(f"No samples of {view.name}; call `{view.call('sample_distances')}`.")
    if view.effect is not None:
        raise ValueError(
            f"Power is predicted for two groups, and {view.name} has a formula. Run a comparison of two conditions on the same data, and "
            "pass that run."
        )
    if params.get("paired") and view.run.summary.get("unpaired"):
        raise ValueError(
            f"{view.capitalised} has incomplete pairs, and what its donors share is not estimated. Run it without "
            "`paired=True`, which needs more samples, and pass that run."
        )
    if view.run.analysis == "de" and params["sigma"] != "evidence":
        raise ValueError(
            f"{view.capitalised} has a noise that is given for all genes and not estimated; leave out `sigma` of `gp=` in `kp.tl.de`."
        )
