"""The sums over the samples of a run of differential expression, collected again in one pass over the cells."""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from kompot_scverse._data.holders import whole
from kompot_scverse._runs.call import restore_arguments
from kompot_scverse._runs.regions import find_regions
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.design import ContrastDesign
from kompot_scverse._stats.influence import SampleParts
from kompot_scverse._stats.sample_tests import sample_parts

from ._depth import sample_depths
from ._sample_record import donors_of, sample_names
from ._sample_sums import collect_sums
from ._steps import prepare_call
from ._tools import TOOLS

__all__ = ["Replay", "replay"]


@dataclass(frozen=True)
class Replay:
    """What the replicate test of one contrast was made from."""

    parts: SampleParts
    """Of the genes asked for and of those that are learnt from."""
    nodes: np.ndarray
    """Groups of neighbourhoods: nodes × m."""
    contrast: ContrastDesign
    reference: np.ndarray
    """Whether a gene is one that is learnt from."""
    chosen: np.ndarray
    """Columns of the genes asked for, in their order."""
    numbers: np.ndarray
    """Number of the gene of each column."""
    samples: list[str]
    """Names of the samples of the contrast."""
    donors: np.ndarray
    """Number of the donor of each sample, where the test blocks on donors; else of the sample."""
    donor_names: list[str]


def replay(view: RunView, numbers: np.ndarray) -> Replay:
    """
    Collect the sums again, for some genes and those that they learn from.

    Parameters
    ----------
    view
        The run.
    numbers
        Genes.

    Raises
    ------
    LookupError
        If the run has no replicates, or its call is not known in full.
    """
    regions = find_regions(view)
    tool, function = TOOLS["de"]
    parameters = inspect.signature(function).parameters.values()
    given: dict[str, Any] = {one.name: one.default for one in parameters}
    given |= restore_arguments({**view.run.call, "arguments": _without_genes(view)}) | {"data": whole(view.data)}
    request, prepared = prepare_call(tool, function, given)
    task = next(task for task in prepared.tasks if task.mod == view.run.mod or len(prepared.tasks) == 1)
    number = [str(group) for group in task.design.groups].index(view.group)
    contrast, soft = task.contrasts[number], regions.soft
    depths = sample_depths(task.every, soft, task.design, required=False)
    sums = collect_sums(task.every, task.frame.var_names.to_list(), numbers, depths, soft, task.design)
    parts = sample_parts(sums.moments, soft, task.design, contrast)
    samples = sample_names(task.design, contrast)
    donors, donor_names = donors_of(task.design, contrast, paired=request.paired)
    return Replay(
        parts, regions.nodes, contrast, sums.reference, sums.chosen, sums.numbers, samples, donors, donor_names
    )


def _without_genes(view: RunView) -> dict[str, Any]:
    """Arguments of the call but for the genes, which may be many, and what says nothing about the test."""
    arguments = view.run.call.get("arguments", {})
    return {name: value for name, value in arguments.items() if name not in ("genes", "storage")}
