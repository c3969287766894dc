"""Runs that were never computed: fields with values of choice, written as a tool writes its own."""

from typing import Any

from anndata import AnnData

from kompot_scverse._results.store import write
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.history import next_run_id
from kompot_scverse._runs.run import Run
from kompot_scverse._runs.view import RunView

CONTRAST = {"groupby": "Age", "reference": "Young", "group": "Old"}


def add_run(
    adata: AnnData,
    analysis: str = "de",
    *,
    key_added: str = "k",
    contrast: dict[str, Any] = CONTRAST,
    params: dict[str, Any] | None = None,
    summary: dict[str, Any] | None = None,
    diagnostics: dict[str, Any] | None = None,
    **slots: dict[str, Any],
) -> RunView:
    """A run that writes statistics, given as values by statistic for each slot (`var={"pvalue": ...}`)."""
    fields = [
        Field(slot, f"{key_added}_{name}", name, f"what {name} is", value=value)
        for slot, values in slots.items()
        for name, value in values.items()
    ]
    run = Run(
        next_run_id(adata),
        analysis,
        key_added,
        contrast,
        params or {},
        {},
        summary or {},
        [field.entry() for field in fields],
        diagnostics=diagnostics or {},
    )
    write(adata, fields, [run])
    return find_view(adata, run_id=run.run_id)
