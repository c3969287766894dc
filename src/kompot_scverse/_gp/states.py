"""Cell states of all cells, on the basis of the cells of an analysis."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .features import CellFeatures
from .frame import fit_frame
from .model import CellStates, fit_cell_states
from .neighbor_choice import NeighborRequest
from .points import Points
from .recipe import FeatureRecipe, kernel_name

if TYPE_CHECKING:
    from kompot_scverse.settings import GPSettings

N_QUANTILES = 201


@dataclass(frozen=True)
class States:
    """Cell states of all cells."""

    use_rep: str
    x: Points | np.ndarray
    """Cells × dimensions, in the frame of the model: centred, and close to 1 in size."""
    model: CellStates
    n_cells: int
    """Number of cells that length scale and basis come from."""
    left_out: np.ndarray
    """Prior variance that the basis leaves out at each of them; NaN for other cells."""
    components: np.ndarray | None = None
    """Numbers of the components of the representation that are used; None for all."""

    def rows(self, take: Callable[[Any], Any]) -> "States":
        """Rows of the cells of an array, as `take` returns them."""
        return replace(self, x=take(self.x), left_out=take(self.left_out))

    @property
    def rank(self) -> int:
        """Features of the basis."""
        return self.model.basis.rank

    def features(self, *more: Any, constant: bool = False, scale: float = 1.0) -> CellFeatures:
        """Features of all cells, on further bases too, with a constant before them and multiplied by a number."""
        return CellFeatures((self.model.basis, *more), self.x, constant, scale)

    def recipe(self, features: CellFeatures, gp: "GPSettings") -> FeatureRecipe:
        """What the features can be computed from again."""
        components = np.arange(self.x.shape[1]) if self.components is None else self.components
        ls = cast("float", self.model.ls)  # a kernel with its own has no name
        return FeatureRecipe.of(features, self.model.frame, components, kernel_name(gp.kernel), ls)

    def describe(self, gp: "GPSettings") -> dict[str, Any]:
        """Settings of the Gaussian process as resolved."""
        return {
            "use_rep": self.use_rep,
            "ls": self.model.ls,
            "ls_relative_error": round(self.model.ls_error, 5),
            "ls_factor": gp.ls_factor,
            "kernel": self.model.basis.kernel.name,
            "amplitude": gp.amplitude,
            "sigma": gp.sigma,
            "n_landmarks": gp.n_landmarks,
            "rtol": gp.rtol,
            "rank": self.model.basis.rank,
            "residual": self.model.basis.residual,
        }

    def diagnostics(self, cells: np.ndarray, null: np.ndarray | None = None) -> dict[str, list[float]]:
        """
        What a run keeps for :func:`kompot_scverse.pl.diagnostics`, each as `N_QUANTILES` equally spaced quantiles.

        Parameters
        ----------
        cells
            Which cells are of the contrast.
        null
            Distances of null genes.
        """
        prior = self.model.basis.kernel.diagonal(self.x)[cells]
        kept = {"residual_quantiles": self.left_out[cells] / prior.mean()}
        if null is not None:
            kept["null_quantiles"] = null
        levels = np.linspace(0, 1, N_QUANTILES)
        return {name: [float(f"{q:.4g}") for q in np.quantile(values, levels)] for name, values in kept.items()}


def fit_states(
    x: np.ndarray, cells: np.ndarray, use_rep: str, gp: "GPSettings", *, distances: NeighborRequest | None = None
) -> States:
    """
    Length scale and basis of the cells of an analysis.

    Parameters
    ----------
    x
        Representation of all cells: cells × dimensions.
    cells
        Which of them length scale and basis come from.
    use_rep
        Name of the representation, for messages.
    gp
        Settings.
    distances
        What nearest-neighbour distances of every such cell are needed for; None if they are not.
    """
    points = Points(x, fit_frame(x if cells.all() else x[cells]))
    model = fit_cell_states(points if cells.all() else points.piece(cells), gp, distances=distances)
    left_out = np.full(len(x), np.nan)
    left_out[cells] = model.left_out
    return States(use_rep, points, model, int(cells.sum()), left_out)
