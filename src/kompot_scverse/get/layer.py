"""Smoothed layers, built from the basis and the weights when asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from kompot_scverse._arguments import listed
from kompot_scverse._data.errors import missing
from kompot_scverse._data.holders import Data
from kompot_scverse._data.protocol import AnnDataLike
from kompot_scverse._data.resolve import gene_numbers, is_mask, name_numbers, own_names
from kompot_scverse._runs.find import all_views, find_view
from kompot_scverse._runs.formula_rows import row_at
from kompot_scverse._runs.rebuild import layer_at, layer_name, layer_values
from kompot_scverse._runs.run import Run
from kompot_scverse._runs.view import RunView

from ._cells import cell_numbers

STATISTICS = {
    "de": (
        "imputed_reference", "imputed_group", "std_reference", "std_group", "fold_change", "fold_change_std",
        "fold_change_zscore", "lfc_zscore", "lfsr",
    ),
    "smooth": ("imputed", "std"),
}  # fmt: skip


def layer(
    data: Data,
    statistic: str,
    *,
    analysis: Literal["de", "smooth"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    genes: str | Sequence[str] | Sequence[bool] | np.ndarray | None = None,
    cells: str | Sequence[str] | Sequence[bool] | Sequence[int] | np.ndarray | None = None,
    at: Mapping[str, Any] | None = None,
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
        `"std_reference"`, `"std_group"`. Of smoothing: `"imputed"`, `"std"`. Or the key of a layer; if no
        run is named, the run that wrote it. Standard deviations are those of the posterior, with the variance between replicates
        if the run has it.
    analysis
        Analysis of the run; ignored if `run_id` is the number of a run.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast (of smoothing, the condition). None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData; needed if the run wrote to several.
    genes
        Names (in the order wanted), a boolean mask, or the name of a gene or of a boolean var column; None for all.
    cells
        Names, numbers (both in the order wanted), a boolean mask, or the name of a cell or of a boolean obs column; None
        for all.
    at
        Of a design: values of its variables, such as `{"age": 60, "sex": "F"}`, at which `"imputed"` expression or its
        `"std"` is wanted; variables left out are as in the samples, on average. Outside the observed range it warns.

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
    named = run_id is not None or key_added is not None or group is not None
    by_key = None if named else _last_with(data, statistic, mod)
    if by_key is not None:
        view = find_view(data, run_id=by_key, mod=mod)
    else:
        kind = analysis if run_id is None or run_id < 0 else None
        view = find_view(data, kind, run_id=run_id, key_added=key_added, group=group, mod=mod)
    if at is not None:
        if statistic not in ("imputed", "std"):
            raise ValueError(f"`at=` gives 'imputed' or 'std', not {statistic!r}.")
        view.check_one_modality()
        return layer_at(view, statistic, row_at(view, at), cell_numbers(view.data, cells), _genes(view.data, genes))
    name = _name_in(view, statistic)
    view.check_one_modality()
    return layer_values(view, name, cell_numbers(view.data, cells), _genes(view.data, genes))


def _last_with(data: Any, key: str, mod: str | None) -> int | None:
    """Number of the last run that wrote a layer at a key."""
    return next((view.run.run_id for view in reversed(all_views(data, mod)) if _by_key(view.run, key)), None)


def _name_in(view: RunView, statistic: str) -> str:
    """The name in `STATISTICS` of what is asked for."""
    run = view.run
    if run.analysis not in STATISTICS:
        raise LookupError(f"No layers of {view.name}; `kp.get.runs` lists the runs.")
    known = STATISTICS[run.analysis]
    if run.analysis == "smooth":
        conditions = {run.contrast.get("condition"): "imputed"}
    else:
        roles = ("reference", "group") if view.effect is None else ()
        conditions = {run.contrast[role]: f"imputed_{role}" for role in roles}
    name = statistic if statistic in known else conditions.get(str(statistic)) or _by_key(run, statistic)
    if name is None:
        labels = [label for label in conditions if label is not None]
        keys = [entry["key"] for entry in run.fields if entry["slot"] == "layers"]
        raise missing(f"layer of {view.name}", statistic, [*known, *labels, *keys])
    return name


def _by_key(run: Run, key: str) -> str | None:
    """The name of a layer that a run wrote at a key."""
    for entry in run.fields:
        if entry["slot"] == "layers" and entry["key"] == key:
            return layer_name(run, entry["statistic"])
    return None


def _genes(adata: AnnDataLike, genes: Any) -> np.ndarray | slice:
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
