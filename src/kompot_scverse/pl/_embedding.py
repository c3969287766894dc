"""Coordinates of the cells on an embedding, and the frame around them."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kompot_scverse._data.errors import missing
from kompot_scverse._data.resolve import dense, spellings
from kompot_scverse._data.tables import value_of
from kompot_scverse._runs.rebuild import smoothed
from kompot_scverse._runs.view import RunView

from ._style import NORMAL, SMALL, TITLE

LINE = 34
"""Letters of a line of genes."""
LINES = 2


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


def embedding_frame(ax: Axes, name: str, title: str) -> None:
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


def headed(ax: Axes, title: str, genes: list[str]) -> None:
    """A title, and under it in small letters the genes that it is about."""
    ax.set_title(title, fontsize=TITLE, pad=6 + 1.35 * SMALL * LINES)
    ax.annotate(
        gene_lines(genes), (0.5, 1.0), xytext=(0, 4), xycoords="axes fraction", textcoords="offset points", ha="center",
        va="bottom", fontsize=SMALL, fontstyle="italic", color="0.35",
    )  # fmt: skip


def gene_lines(genes: list[str]) -> str:
    """As many genes as fit in the lines."""
    lines, current = [], ""
    for gene in genes:
        longer = f"{current}, {gene}" if current else gene
        if len(longer) <= LINE or not current:
            current = longer
            continue
        lines.append(f"{current},")
        current = gene
        if len(lines) == LINES:
            return "\n".join([*lines[:-1], f"{lines[-1]} …"])
    return "\n".join([*lines, current])
