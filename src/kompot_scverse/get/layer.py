"""Smoothed layers, built from the basis and the weights when asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._arguments import check_arguments, listed
from kompot_scverse._data.errors import missing
from kompot_scverse._data.frame import frame_of
from kompot_scverse._data.resolve import boolean_mask, gene_numbers, is_mask, name_numbers, own_names
from kompot_scverse._gp.parallel import compute_here
from kompot_scverse._runs.history import Run, find_run, iterate_runs
from kompot_scverse._runs.rebuild import build_layer, layer_name
from kompot_scverse._runs.run_fields import RunFields
from kompot_scverse._runs.run_frames import parts_of

if TYPE_CHECKING:
    from mudata import MuData

__all__ = ["cell_numbers", "layer"]

STATISTICS = {
    "de": (
        "imputed_reference", "imputed_group", "std_reference", "std_group", "fold_change", "fold_change_std",
        "fold_change_zscore", "lfc_zscore", "lfsr",
    ),
    "smooth": ("imputed", "std"),
}  # fmt: skip


def layer(
    data: "AnnData | MuData",
    statistic: str,
    *,
    mod: str | None = None,
    run_id: int = -1,
    analysis: Literal["de", "smooth"] = "de",
    genes: str | Sequence[str] | Sequence[bool] | np.ndarray | None = None,
    cells: str | Sequence[str] | Sequence[bool] | Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    """
    A cells × genes result of a run, for the cells and genes asked for.

    It is computed from the basis in obsm and the weights in varm, so it also works where the layers were left out or
    dropped, after writing and reading, and on a subset of the cells or genes.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` or :func:`kompot_scverse.tl.smooth`.
    statistic
        Of differential expression: `"imputed_reference"`, `"imputed_group"` or the name of the condition;
        `"fold_change"` (natural log, group − reference), `"fold_change_std"`, `"fold_change_zscore"` (of the model),
        `"lfc_zscore"` (of the replicate test), `"lfsr"` (local false sign rate of the fold change);
        `"std_reference"`, `"std_group"`. Of smoothing: `"imputed"`, `"std"`. Or the key of a layer, which also tells the
        run if `run_id` is left out. Standard deviations are those of the posterior, with the variance between replicates
        if the run has it.
    mod
        Modality of a MuData; needed if the run wrote to several.
    run_id
        Number of the run; negative numbers count from the last run of `analysis`.
    analysis
        Which runs negative numbers count.
    genes
        Names (in the order wanted), a boolean mask, or the name of a gene or of a boolean var column; None for all.
    cells
        Names, numbers (both in the order wanted), a boolean mask, or the name of a cell or of a boolean obs column; None
        for all.

    Returns
    -------
    Cells × genes, float32. NaN for genes that were not analysed and cells without a state.

    Raises
    ------
    LookupError
        If there is no such run or statistic, or the run's basis or weights are gone.
    ValueError
        If later runs have overwritten some of the basis and weights, so that the rest does not fit them, or if objects
        with runs of their own were joined, so that they are of different runs.

    Warns
    -----
    UserWarning
        If a later run has overwritten all that is needed; the values are then those of the later run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> genes = kp.get.de_df(adata).index[:3]
    >>> kp.get.layer(adata, "fold_change", genes=genes, cells=adata.obs["Age"] == "Old").shape[1]
    3
    """
    check_arguments(layer, locals())
    adata = frame_of(data, mod)
    run, statistic = _find(adata, statistic, run_id, analysis)
    if any(run.modalities):
        parts = parts_of(data, run)
        if len(parts) > 1:
            names = " and ".join(repr(part.mod) for part in parts)
            raise ValueError(f"Run {run.run_id} is of the modalities {names}; pass one of them as `mod=`.")
        adata, run = parts[0].adata, parts[0].run
    rows, columns = cell_numbers(adata, cells), _genes(adata, genes)
    fields = RunFields(adata, run)
    values = compute_here(build_layer(fields, statistic, rows, columns))[0]
    fields.warn()
    return values


def _find(adata: AnnData, statistic: str, run_id: int, analysis: str) -> tuple[Run, str]:
    """The run, and the name in `STATISTICS` of what is asked for."""
    if run_id == -1:
        for run in reversed(list(iterate_runs(adata))):
            if (name := _by_key(run, statistic)) is not None:
                return run, name
    run = find_run(adata, run_id, analysis if run_id < 0 else None)
    if run.analysis not in STATISTICS:
        raise LookupError(
            f"Run {run_id} is of kp.tl.{run.analysis}, which has no layers; `kp.get.runs` lists the runs."
        )
    known = STATISTICS[run.analysis]
    if run.analysis == "smooth":
        conditions = {run.contrast.get("condition"): "imputed"}
    else:
        conditions = {run.contrast[role]: f"imputed_{role}" for role in ("reference", "group")}
    if statistic in known:
        return run, statistic
    name = conditions.get(str(statistic)) or _by_key(run, statistic)
    if name is None:
        labels = [label for label in conditions if label is not None]
        keys = [entry["key"] for entry in run.fields if entry["slot"] == "layers"]
        raise missing(f"layer of run {run.run_id} (kp.tl.{run.analysis})", statistic, [*known, *labels, *keys])
    return run, name


def _by_key(run: Run, key: str) -> str | None:
    """The name of a layer that a run wrote at a key."""
    for entry in run.fields:
        if entry["slot"] == "layers" and entry["key"] == key:
            return layer_name(run, entry["statistic"])
    return None


def _genes(adata: AnnData, genes: Any) -> np.ndarray | slice:
    """Numbers of genes in the order asked for."""
    if genes is None:
        return slice(None)
    if not isinstance(genes, str) and not is_mask(genes):
        names = listed("genes", genes, str)
        if not names:
            raise ValueError("`genes` selects no genes.")
        return name_numbers(adata.var_names, own_names(adata, names))
    numbers = gene_numbers(adata, genes)
    return slice(None) if numbers is None else numbers


def cell_numbers(adata: AnnData, cells: object) -> np.ndarray | slice:
    """Numbers of cells in the order asked for."""
    if cells is None:
        return slice(None)
    if isinstance(cells, str) and cells not in adata.obs:
        cells = [cells]
    if isinstance(cells, str) or is_mask(cells):
        return np.flatnonzero(boolean_mask(cells, adata.obs, adata.obs_names, "cells", "cells"))
    wanted = np.asarray(listed("cells", cells))
    if wanted.ndim != 1 or wanted.size == 0:
        raise ValueError("`cells` selects no cells; pass names, numbers or a boolean mask.")
    if np.issubdtype(wanted.dtype, np.integer):
        if wanted.min() < -adata.n_obs or wanted.max() >= adata.n_obs:
            raise IndexError(
                f"`cells` has numbers from {wanted.min():,} to {wanted.max():,}; there are {adata.n_obs:,} cells."
            )
        return wanted
    numbers = adata.obs_names.get_indexer(pd.Index(wanted)) if adata.obs_names.is_unique else None
    if numbers is None:
        raise ValueError(
            "Cell names are not unique; call `obs_names_make_unique()` first, or pass numbers as `cells=`."
        )
    if (numbers < 0).any():
        raise missing("cell", str(wanted[numbers < 0][0]), adata.obs_names[:1000])
    return numbers
