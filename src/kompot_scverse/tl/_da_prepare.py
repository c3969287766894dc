"""First step of `kp.tl.da`: what the call names, looked up in the data."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from kompot_scverse._data.comparison import Comparison, resolve_comparison
from kompot_scverse._data.formula_design import FormulaDesign
from kompot_scverse._data.targets import resolve_targets
from kompot_scverse._results.da_fields import DAPlan, plan_fields
from kompot_scverse._stats.design import ContrastDesign
from kompot_scverse._stats.neighborhoods import default_n_centers
from kompot_scverse._stats.ratio_features import n_rough_centers
from kompot_scverse.design import Design as Formula
from kompot_scverse.settings import TestSettings

from ._steps import Prepared, Request, Task


@dataclass(frozen=True, kw_only=True)
class DARequest(Request, Comparison):
    """Arguments of `kp.tl.da`."""

    method: Literal["ratio", "density"]
    normalize: Literal["mass", "count"] | None
    test: TestSettings

    def __post_init__(self) -> None:
        self.check()
        if self.normalize is not None and self.method == "ratio":
            raise ValueError(
                f"`normalize={self.normalize!r}` belongs to method='density'; a log ratio (method='ratio') is one of densities "
                "of mass one. Leave it out, or pass method='density'."
            )
        if isinstance(self.groupby, Formula) and self.method == "density":
            raise ValueError(
                "`method='density'` estimates the density of each condition and knows no formulas: leave it out, or pass a column as "
                "`groupby`."
            )
        object.__setattr__(self, "test", self.test.of_da(self.method, replicates=self.sample_key is not None))


@dataclass(frozen=True, kw_only=True)
class DATask(Task):
    """What is compared."""

    contrasts: list[ContrastDesign] | None
    """Design of the samples for each contrast; None without replicates."""
    formula: FormulaDesign | None
    """The formula on the samples, where one was given."""
    plan: DAPlan


def prepare(data: Any, request: DARequest) -> Prepared:
    """Look up what the call names, where the representation is."""
    targets = resolve_targets(data, request.mod, request.use_rep, cells_alone=True)
    (mod,) = targets.frames
    compared = resolve_comparison(targets, mod, request)
    design, contrasts = compared.design, compared.contrasts
    plan = DAPlan(request.key_added, request.method)
    planned = [replace(field, mod=mod) for field in plan_fields(plan, design)]
    task = DATask(
        mod=mod, frame=targets.states, design=design, planned=planned, contrasts=contrasts,
        formula=compared.formula, plan=plan,
    )  # fmt: skip
    return Prepared(targets, [task], design.cells)


def sizes(task: DATask, request: DARequest) -> dict[str, Any]:
    """Sizes that the cost depends on."""
    n_cells = int(task.design.cells.sum())
    ratio = request.method == "ratio"
    found: dict[str, Any] = {"n_rough": n_rough_centers(n_cells) if ratio else 0, "all_neighbors": not ratio}
    if task.contrasts is not None:
        found["n_weights"] = request.test.n_neighborhoods or default_n_centers(n_cells, int(task.design.usable.sum()))
    return found
