"""Distances between samples."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from kompot_scverse._arguments import listed
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.sample_distances import SampleDistances, stored_distances
from kompot_scverse._runs.view import RunView

from ._distances import draw_clusters, draw_points
from ._panels import Panels
from ._style import finish


def samples(
    data: Data,
    color: str | Sequence[str] | None = None,
    *,
    analysis: Literal["de", "da"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    kind: Literal["heatmap", "mds"] = "heatmap",
    labels: bool | None = None,
    show: bool | None = None,
) -> Panels:
    """
    Distances between the samples of a run, which show batches, outliers, and whether samples of one condition are alike.

    The distances are those of :func:`kompot_scverse.get.sample_distances`. The title has the p-value of
    :func:`kompot_scverse.get.sample_test`, one permutation test of what the run tested.

    Parameters
    ----------
    data
        Annotated data with a run that has a `sample_key`.
    color
        Obs columns with one value in each sample, such as condition, donor or batch, or with numbers, of which each sample's mean is
        shown. None: the conditions, or the variables of the formula.
    analysis
        "de" compares expression, "da" abundance.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData; needed if the run wrote to several.
    kind
        A heatmap with the samples in the order of a tree (average linkage), or the two dimensions that keep most of the squared
        distances (classical multidimensional scaling), a panel for each column.
    labels
        Whether to write the names of the samples. None: where there are at most 40.
    show
        Whether to call `plt.show`.

    Returns
    -------
    The figure and its axes: "heatmap", "tree" and "colors", or one of each column.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> panels = kp.pl.samples(adata, kind="mds")
    """
    view = find_view(data, analysis, run_id=run_id, key_added=key_added, group=group, mod=mod)
    found = stored_distances(view)
    columns = _columns(view) if color is None else listed("color", color, str)
    colors = {name: found.values(view, name) for name in columns}
    written = len(found.names) <= MANY if labels is None else labels
    title = _title(view, found)
    if kind == "mds":
        axes = draw_points(view, found, colors, title=title, labels=written)
    else:
        axes = draw_clusters(view, found, colors, title=title, unit=_unit(view), labels=written)
    return finish(Panels(axes), show, view)


MANY = 40
"""Samples above which names are not written."""


def _columns(view: RunView) -> list[str]:
    """What samples are coloured by if nothing is named."""
    if view.effect is None:
        return [view.groupby]
    return [name for name in view.run.params.get("variables") or {} if name in view.data.obs]


def _title(view: RunView, found: SampleDistances) -> str:
    test = found.test()
    if not np.isfinite(test.pvalue):
        return view.title
    how = f"all {test.n_permutations:,} permutations" if test.exact else f"{test.n_permutations:,} permutations"
    least = f", the least possible is {test.smallest:.2g}" if test.exact and test.smallest > LEAST else ""
    return f"{view.title}\np = {test.pvalue:.2g} ({how}{least})"


LEAST = 0.01
"""Least p above which it is said that there cannot be a smaller one."""


def _unit(view: RunView) -> str:
    if view.run.analysis == "da":
        return "difference of\nthe log odds"
    return "difference in\nSD of a cell"
