"""Other thresholds for what is called differentially abundant."""

from dataclasses import replace

import numpy as np
from mudata import MuData

from kompot_scverse._data.holders import Data, check_changeable, check_data, whole
from kompot_scverse._messages import logger
from kompot_scverse._results.store import write
from kompot_scverse._runs.da_calls import DACalls, da_calls
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.find import find_views
from kompot_scverse._runs.history import overwriter
from kompot_scverse._runs.run import Run
from kompot_scverse._runs.view import RunView


def threshold_da(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    max_fdr: float | None = None,
    max_ptp: float | None = None,
    min_lfc: float | None = None,
) -> None:
    """
    Call cells of a differential abundance up or down by other thresholds, without computing it again.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`da`; changed in place.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call.
    mod
        Modality of a MuData.
    max_fdr
        Largest q-value of the replicate test, of runs with a `sample_key`; None keeps that of the run.
    max_ptp
        Largest posterior tail probability of the other sign, of runs without; None keeps that of the run.
    min_lfc
        Smallest absolute log fold change of the density, natural log; None keeps that of the run.

    Returns
    -------
    None. Replaced are `lfc_direction` in obs and, in the run, its thresholds and numbers of cells;
    `kp.RunInfo(...).call()` then gives the call of :func:`da` and that of this function.

    Raises
    ------
    LookupError
        If there is no such run, its fields are gone, or a later run has overwritten the directions.
    ValueError
        If no threshold is given, or one that the run does not use.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> kp.tl.threshold_da(adata, min_lfc=0.0, max_ptp=0.1)
    >>> kp.RunInfo(adata).params["ptp_threshold"]
    0.1
    """
    if max_fdr is None and max_ptp is None and min_lfc is None:
        raise ValueError("Pass at least one threshold: `max_fdr=`, `max_ptp=` or `min_lfc=`.")
    check_changeable(check_data(data, mod))
    views = find_views(data, "da", run_id=run_id, key_added=key_added, group=group, mod=mod)
    fields, runs = [], []
    for view in views:
        calls = da_calls(view, max_fdr=max_fdr, max_ptp=max_ptp, min_lfc=min_lfc)
        fields.append(_field(view, calls))
        runs.append(_recorded(view, calls))
        view.warn()
    # a run that was made on a modality alone is recorded only there
    write(whole(views[0].data) if views[0].run.mod else views[0].own, fields, runs)
    for run in runs:
        counts = [f"{run.summary[name]:,}" for name in ("n_up", "n_down", "n_cells")]
        logger.info("%s: %s cells up, %s down, of %s.", run.title, *counts)


def _field(view: RunView, calls: DACalls) -> Field:
    """The new directions in the place of the old ones."""
    view.read("lfc_direction")
    entry = next(entry for entry in view.run.fields if entry["statistic"] == "lfc_direction")
    later = overwriter(view.history, view.run, "obs", entry["key"], changed=False)
    if later is not None:
        raise LookupError(
            f"obs[{entry['key']!r}] of {view.name} was overwritten by run {later.run_id}; choose that one."
        )
    mod = view.run.mod if isinstance(whole(view.data), MuData) else ""
    return Field("obs", entry["key"], "lfc_direction", entry["description"], value=calls.direction, mod=mod)


def _recorded(view: RunView, calls: DACalls) -> Run:
    """The run with the new thresholds and numbers, and this call after its own."""
    run = view.run
    counts = calls.counts(np.logical_or(*view.conditions()) & np.isfinite(view.numbers("lfc")))
    then = {
        "function": "threshold_da",
        "arguments": {"key_added": run.key_added, "group": run.group} | calls.arguments(),
    }
    return replace(
        run,
        summary=run.summary | {f"n_{name}": number for name, number in counts.items()},
        params=run.params | calls.params(),
        call=run.call | {"then": then} if run.call else run.call,
    )
