"""Features of a run that keeps none: computed again from the representation."""

from typing import TYPE_CHECKING

import numpy as np

from kompot_scverse._data.matrix import as_float
from kompot_scverse._data.tables import value_of
from kompot_scverse._gp.features import CellFeatures
from kompot_scverse._gp.recipe import FeatureRecipe

from .row_prints import has_rows

if TYPE_CHECKING:
    from .view import RunView

FEATURES = "features"
"""Where a run keeps in its diagnostics what its features are computed from."""


def run_features(view: "RunView") -> CellFeatures:
    """
    Features of all cells, computed for the rows that are asked for.

    Raises
    ------
    LookupError
        If the representation is gone.
    ValueError
        If it is not the one that the run was made on.
    """
    record = view.run.diagnostics[FEATURES]
    recipe, key = FeatureRecipe.from_dict(record), view.run.params["use_rep"]
    if key not in view.data.obsm:
        raise LookupError(
            f"{view.name} keeps no basis (`StorageSettings(basis=None)`) and obsm[{key!r}], from which it is computed, is gone."
        )
    x = as_float(value_of(view.data, "obsm", key), f"obsm[{key!r}]")
    fits = x.shape[1] > recipe.components.max()
    points = recipe.inward(x) if fits else np.empty((0, 0))
    if not fits or not has_rows(record["rows"], points):
        raise ValueError(
            f"obsm[{key!r}] is not, or not only, what {view.name} was made on, and the run keeps no basis "
            f"(`StorageSettings(basis=None)`). Put the representation back, or call `kp.tl.{view.run.analysis}` again."
        )
    return recipe.features(points)
