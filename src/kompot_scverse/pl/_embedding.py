"""Coordinates of the cells on an embedding, and the frame around them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from kompot_scverse._data.errors import missing
from kompot_scverse._data.resolve import dense, spellings
from kompot_scverse._data.tables import value_of
from kompot_scverse._runs.rebuild import smoothed
from kompot_scverse._runs.view import RunView

from ._style import NORMAL, TITLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["analysed", "embedding_coordinates", "embedding_frame"]


def embedding_coordinates(data: Any, basis: str) -> tuple[np.ndarray, str]:
    """Two coordinates of every cell, and what the axes are called."""
    for name in reversed(spellings(basis)):
        if name in data.obsm:
            values = dense(value_of(data, "obsm", name), f"obsm[{name!r}]")
            if values.shape[1] < 2:
                raise ValueError(f"obsm[{name!r}] has shape {values.shape}; an embedding needs two dimensions.")
            label = basis.rpartition(":")[2].removeprefix("X_")
            return values[:, :2], label.upper() if label in ("umap", "pca", "tsne") else label
    raise missing("embedding in obsm", basis, data.obsm, "For a UMAP call `sc.pp.neighbors` and `sc.tl.umap`.")


def embedding_frame(ax: "Axes", name: str, title: str) -> None:
    """No ticks, since the coordinates mean nothing; two short axes in the corner say what they are."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(f"{name} 1", fontsize=NORMAL, loc="left")
    ax.set_ylabel(f"{name} 2", fontsize=NORMAL, loc="bottom")
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)
    ax.set_title(title, fontsize=TITLE)


def analysed(view: RunView, number: np.ndarray, layers: tuple[str, ...], gene: str) -> list[np.ndarray]:
    """Layers of one gene that the run has analysed, one value per cell."""
    found = [smoothed(view, number, layer)[:, 0] for layer in layers]
    if not np.isfinite(found).any():
        raise ValueError(f"No values of {gene!r} of {view.name}, which was not among the genes analysed.")
    return found
