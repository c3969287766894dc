"""What a plot of several panels returns."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Panels:
    """A figure with several panels."""

    axes: dict[str, Axes]
    """Panels by name."""

    @property
    def figure(self) -> Figure:
        """The figure that they are in."""
        figure = next(iter(self.axes.values())).get_figure(root=True)
        assert figure is not None
        return figure
