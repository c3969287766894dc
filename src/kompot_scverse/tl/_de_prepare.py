"""First step of `kp.tl.de`: what the call names, looked up in the data."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from kompot_scverse._data.cell_groups import group_column
from kompot_scverse._data.comparison import Comparison, resolve_comparison
from kompot_scverse._data.formula_design import FormulaDesign
from kompot_scverse._data.resolve import expression, gene_numbers
from kompot_scverse._data.targets import Targets
from kompot_scverse._results.de_fields import DEPlan, plan_fields
from kompot_scverse._stats.design import ContrastDesign
from kompot_scverse._stats.neighborhoods import default_n_centers
from kompot_scverse._stats.reference_genes import MAX_GENES
from kompot_scverse.design import Design as Formula
from kompot_scverse.settings import TestSettings

from ._expression_task import ExpressionRequest, ExpressionTask, prepare_modalities
from ._steps import Prepared


@dataclass(frozen=True, kw_only=True)
class DERequest(ExpressionRequest, Comparison):
    """Arguments of `kp.tl.de`."""

    cell_groups: str | None
    test: TestSettings

    def __post_init__(self) -> None:
        self.check()
        object.__setattr__(self, "test", self.test.of_de())
        if isinstance(self.groupby, Formula) and not self.gp.estimated:
            raise ValueError(
                "The model of Kompot smooths conditions one by one and knows no formulas: leave out `gp=GPSettings.kompot()`, or "
                "pass a column as `groupby`."
            )
        if self.test.null == "residuals" and self.test.null_genes and self.gp.estimated:
            raise ValueError(
                "`null='residuals'` needs amplitudes and noise that are given: pass `gp=GPSettings.kompot()`, or "
                "`null='shuffle'`."
            )

    @property
    def n_null(self) -> int:
        """Number of null genes to be made."""
        return self.test.null_genes if self.test.null_mahalanobis is None else 0

    def plan(self, tested: bool) -> DEPlan:
        """What will be written; `tested` with the replicate test."""
        return DEPlan(
            self.key_added,
            self.cell_groups,
            significance=self.test.null_genes > 0 or self.test.null_mahalanobis is not None,
            all_statistics=self.test.all_statistics,
            layers=self.storage.layers is not None,
            estimated=self.gp.estimated,
            tested=tested,
            basis=self.storage.basis is not None,
            weighted=self.test.gene_weights == "power",
            factors=self.storage.sample_covariance is not None,
        )


@dataclass(frozen=True, kw_only=True)
class DETask(ExpressionTask):
    """What is compared in one modality."""

    contrasts: list[ContrastDesign] | None
    """Design of the samples for each contrast; None without replicates."""
    formula: FormulaDesign | None
    """The formula on the samples, where one was given."""
    categories: pd.Series | None
    """Category of every cell, for statistics of each."""
    plan: DEPlan

    @cached_property
    def membership(self) -> csr_array | None:
        """1 for the cells of each category: cells × categories."""
        if self.categories is None:
            return None
        codes = self.categories.cat.codes.to_numpy()
        own = np.flatnonzero(codes >= 0)
        shape = (len(codes), len(self.categories.cat.categories))
        return csr_array((np.ones(len(own)), (own, codes[own])), shape=shape)


def prepare(data: Any, request: DERequest) -> Prepared:
    """Look up what the call names, in each modality."""
    return prepare_modalities(data, request, _task)


def _task(targets: Targets, mod: str, layer: str | None, genes: Any, request: DERequest) -> DETask:
    frame = targets.frames[mod]
    compared = resolve_comparison(targets, mod, request)
    design, contrasts = compared.design, compared.contrasts
    numbers = gene_numbers(frame, genes)
    every = expression(frame, layer, design.cells)
    categories = group_column(frame, request.cell_groups)
    plan = request.plan(tested=contrasts is not None)
    return DETask(
        mod=mod,
        frame=frame,
        design=design,
        planned=[replace(field, mod=mod) for field in plan_fields(plan, design)],
        layer=layer,
        contrasts=contrasts,
        formula=compared.formula,
        numbers=numbers,
        every=every,
        categories=categories,
        plan=plan,
    )


def sizes(task: DETask, request: DERequest) -> dict[str, Any]:
    """Sizes that the cost depends on."""
    found = task.sizes(request) | {
        "n_null": request.n_null,
        "factors_in_memory": request.storage.sample_covariance != "disk",
    }
    if task.contrasts is not None:
        design, n_vars = task.design, task.frame.n_vars
        n = request.test.n_neighborhoods or default_n_centers(int(design.cells.sum()), int(design.usable.sum()))
        found["n_weights"] = n + (0 if task.categories is None else len(task.categories.cat.categories))
        # also those that the prior is learnt from
        found["n_tested"] = n_vars if task.numbers is None else min(n_vars, len(task.numbers) + MAX_GENES)
    return found
