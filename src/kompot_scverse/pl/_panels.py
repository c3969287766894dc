"""What a plot of several panels returns."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Panels:
    """
    A figure with several panels.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> panels = kp.pl.embedding(adata, "umap", color=["lfc", "celltype"])
    >>> panels.axes["lfc"].set_title("Abundance")
    Text(0.5, 1.0, 'Abundance')
    >>> panels.figure.set_size_inches(9, 4)
    """

    axes: dict[str, Axes]
    """Panels by name."""

    @property
    def figure(self) -> Figure:
        """The figure that they are in."""
        figure = next(iter(self.axes.values())).get_figure(root=True)
        assert figure is not None
        return figure
