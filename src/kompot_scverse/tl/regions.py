"""Connected regions of differential abundance."""

from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_at_least
from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import dense
from kompot_scverse._data.tables import value_of
from kompot_scverse._keys import DIRECTIONS
from kompot_scverse._messages import logger
from kompot_scverse._results.extend import Extension, extend_runs
from kompot_scverse._runs.da_calls import da_calls
from kompot_scverse._runs.regions import described, region_labels
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.connected import connected_groups


def regions(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    max_fdr: float | None = None,
    max_ptp: float | None = None,
    min_lfc: float | None = None,
    annotate: str | None = None,
    n_neighbors: int = 15,
    min_cells: int = 20,
) -> None:
    """
    Group the cells that a differential abundance calls into connected regions of one direction.

    Cells of one direction belong together where nearest neighbours connect them. Neighbours are looked for among all cells in the
    representation of the run, so that regions with unchanged cells between them stay apart.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`da`; changed in place.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call.
    mod
        Modality of a MuData.
    max_fdr, max_ptp, min_lfc
        Other thresholds than those of the run, as in :func:`threshold_da`.
    annotate
        Obs column, such as the cell type, that says what a region is.
    n_neighbors
        Nearest cells that a cell is connected with.
    min_cells
        Cells that a region needs; cells of smaller ones are in none.

    Returns
    -------
    None. Added to the run: obs `K_R_to_G_region` ("up 1" for the largest region of cells that become more, "down 1", …; missing elsewhere), and
    the table of `kp.get.regions(data, analysis="da")`.

    Raises
    ------
    LookupError
        If there is no such run, or its fields or representation are gone.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 20, density_change=2.5)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> kp.tl.regions(adata, annotate="celltype")
    >>> kp.get.regions(adata, analysis="da").columns.to_list()
    ['direction', 'n_cells', 'n_reference', 'n_group', 'lfc', 'annotation']
    """
    check_at_least(1, n_neighbors=n_neighbors, min_cells=min_cells)
    given, limits = locals(), {"max_fdr": max_fdr, "max_ptp": max_ptp, "min_lfc": min_lfc}

    def extension_of(view: RunView, _: Any) -> Extension:
        return _of_run(view, da_calls(view, **limits).direction, annotate, n_neighbors, min_cells)

    for one in extend_runs(regions, given, "da", extension_of):
        logger.info("%s: %d regions.", one.view.title, len(one.summary["regions"]))


def _of_run(
    view: RunView, direction: "pd.Categorical[Any]", annotate: str | None, n_neighbors: int, min_cells: int
) -> Extension:
    use_rep = view.run.params["use_rep"]
    if use_rep not in view.data.obsm:
        raise LookupError(f"obsm[{use_rep!r}], the representation of {view.name}, is gone.")
    x = np.asarray(dense(value_of(view.data, "obsm", use_rep), f"obsm[{use_rep!r}]"), dtype=np.float64)
    sides = np.zeros(view.data.n_obs, dtype=np.intp)
    compared = np.isfinite(x).all(axis=1)
    if view.run.contrast.get("reference") is not None:
        compared &= np.logical_or(*view.conditions())
    codes = np.asarray(direction.codes)
    sides[compared] = np.where(codes >= 0, codes - DIRECTIONS.index("neutral"), 0)[compared]
    numbers = np.zeros(len(x), dtype=np.intp)
    numbers[compared] = connected_groups(x[compared], sides[compared], n_neighbors, min_cells)
    names = [
        f"{side} {number}"
        for side, of_side in (("up", 1), ("down", -1))
        for number in range(1, numbers[sides == of_side].max(initial=0) + 1)
    ]
    own = np.array(
        [f"{DIRECTIONS[side + 1]} {number}" if number else None for side, number in zip(sides, numbers, strict=True)],
        dtype=object,
    )
    labels = pd.Categorical(own, categories=names)
    field = ("obs", "region", "connected region of cells that change in one direction", labels)
    return Extension(view, [field], {"regions": _table(view, labels, annotate)})


def _table(view: RunView, labels: "pd.Categorical[Any]", annotate: str | None) -> list[dict[str, Any]]:
    """What the run remembers: a row for each region."""
    lfc = view.numbers("neighborhood_lfc" if view.has("neighborhood_lfc") else "lfc")
    categories = None if annotate is None else region_labels(view, annotate)
    rows = []
    for name in labels.categories:
        cells = np.asarray(labels == name)
        row: dict[str, Any] = {"region": name, "direction": name.split()[0], "n_cells": int(cells.sum())}
        if view.run.contrast.get("reference") is not None:
            row |= {
                f"n_{role}": int((cells & side).sum())
                for role, side in zip(("reference", "group"), view.conditions(), strict=True)
            }
        row["lfc"] = round(float(lfc[cells].mean()), 4)
        if view.has("lfc_qvalue"):
            row["qvalue"] = float(np.nanmin(view.numbers("lfc_qvalue")[cells]))
        if categories is not None:
            counts = categories[cells].value_counts()
            row["annotation"] = described(str(counts.index[0]), counts.iloc[0] / counts.sum()) if counts.sum() else ""
        rows.append(row)
    return rows
