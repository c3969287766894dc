"""What the tools of expression look up and record alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kompot_scverse._data.errors import in_modality
from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._data.resolve import expression_values
from kompot_scverse._data.targets import resolve_targets
from kompot_scverse._gp.states import States
from kompot_scverse._runs.fingerprint import array_print, matrix_print

from ._genes_read import GenesRead, genes_read
from ._steps import Prepared, Request, Task


@dataclass(frozen=True, kw_only=True)
class ExpressionRequest(Request):
    """Arguments that these tools share."""

    layer: str | Mapping[str, str | None] | None
    genes: str | Sequence[str] | np.ndarray | Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class ExpressionTask(Task):
    """What is fitted in one modality."""

    layer: str | None
    numbers: np.ndarray | None
    """The features analysed; None for all."""
    every: MatrixReader
    """All features of the layer."""

    @cached_property
    def y(self) -> MatrixReader:
        """The features analysed."""
        return self.every.select(self.numbers)

    @property
    def n_genes(self) -> int:
        """Number of features analysed."""
        return self.y.shape[1]

    @property
    def basis_cells(self) -> np.ndarray:
        """Cells that the length scale and the basis come from."""
        return self.design.cells

    @property
    def features(self) -> str:
        """What the features are called."""
        return f"features of {self.mod}" if self.mod else "genes"

    def read(self, *, learn: bool) -> GenesRead:
        """The features to read; with `learn`, also those that the prior is estimated from."""
        return genes_read(self.every, self.frame.var_names.to_list(), self.numbers, learn=learn)

    def sizes(self, request: ExpressionRequest) -> dict[str, Any]:
        """Sizes that the cost depends on."""
        return {
            "n_genes": self.n_genes,
            "n_all_genes": self.frame.n_vars,
            "density": self.y.density(),
            "in_file": self.y.chunks is not None,
            "estimated": request.gp.estimated,
        }

    def prints(self, states: States) -> dict[str, str]:
        """Fingerprints of representation and expression."""
        values, _ = expression_values(self.frame, self.layer)
        return {
            "representation": array_print(states.x, self.basis_cells),
            "expression": matrix_print(values, self.design.cells, self.frame.var_names),
        }


def prepare_modalities(data: Any, request: Any, task_of: Callable[..., ExpressionTask]) -> Prepared:
    """
    Look up what a call names, in each modality.

    Parameters
    ----------
    data
        What the user passed.
    request
        Arguments of the call.
    task_of
        Makes a task of the targets, name, layer and genes of a modality, and the request.
    """
    targets = resolve_targets(data, request.mod, request.use_rep)
    layers = targets.per_modality(request.layer, "layer")
    tasks = []
    for mod, genes in targets.genes(request.genes).items():
        with in_modality(mod):
            tasks.append(task_of(targets, mod, layers[mod], genes, request))
    return Prepared(targets, tasks, targets.used({task.mod: task.basis_cells for task in tasks}))
