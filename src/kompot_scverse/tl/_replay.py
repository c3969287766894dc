"""The sums over the samples of a run, collected again: of expression in one pass over the cells."""

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np

from kompot_scverse._data.holders import whole
from kompot_scverse._gp.states import States
from kompot_scverse._runs.call import restore_arguments
from kompot_scverse._runs.regions import find_regions
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.design import ContrastDesign, Design
from kompot_scverse._stats.influence import SampleParts
from kompot_scverse._stats.neighborhoods import ABUNDANCE_WIDTH
from kompot_scverse._stats.sample_tests import CellWeights, cell_weights, sample_parts, weight_sums

from ._depth import sample_depths
from ._sample_record import donors_of, sample_names
from ._sample_sums import collect_sums
from ._steps import Prepared, of_modality, prepare_call, states_of
from ._tools import TOOLS


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


@dataclass(frozen=True)
class AbundanceReplay:
    """What the replicate test of abundance of one contrast was made from."""

    mass: np.ndarray
    """Soft cell numbers: samples × m."""
    gram: np.ndarray
    """WᵀW of the samples: samples × m × m."""
    weights: CellWeights
    """Neighbourhoods, and weights of the cells in them."""
    states: States
    design: Design
    contrast: ContrastDesign
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
    request, _, task, contrast = _prepared(view)
    soft = regions.soft
    depths = sample_depths(task.every, soft, task.design, required=False)
    sums = collect_sums(task.every, task.frame.var_names.to_list(), numbers, depths, soft, task.design)
    parts = sample_parts(sums.moments, soft, task.design, contrast)
    samples = sample_names(task.design, contrast)
    donors, donor_names = donors_of(task.design, contrast, paired=request.paired)
    return Replay(
        parts, regions.nodes, contrast, sums.reference, sums.chosen, sums.numbers, samples, donors, donor_names
    )


def replay_abundance(view: RunView) -> AbundanceReplay:
    """
    Collect the cell numbers of the samples again, and the cell states; the expression is not read.

    Parameters
    ----------
    view
        A run of differential abundance.

    Raises
    ------
    LookupError
        If the run has no replicates, or its call is not known in full.
    """
    if view.run.params.get("sample_key") is None:
        raise LookupError(f"No replicates of {view.name}; call `{view.call('lfc_qvalue')}`.")
    request, prepared, task, contrast = _prepared(view)
    states = of_modality(states_of(prepared, request), prepared.targets, task.mod)
    weights = cell_weights(states.x, task.design, request.test.n_neighborhoods, ABUNDANCE_WIDTH)
    mass, gram = weight_sums(weights.soft, task.design, contrast)
    donors, donor_names = donors_of(task.design, contrast, paired=request.paired)
    return AbundanceReplay(mass, gram, weights, states, task.design, contrast, donors, donor_names)


def _prepared(view: RunView) -> tuple[Any, Prepared, Any, ContrastDesign]:
    """The call of a run as it was made: request, what it names, and task and contrast of the run."""
    tool, function = TOOLS[view.run.analysis]
    parameters = inspect.signature(function).parameters.values()
    given: dict[str, Any] = {one.name: one.default for one in parameters}
    given |= restore_arguments({**view.run.call, "arguments": _without_genes(view)}) | {"data": whole(view.data)}
    request, prepared = prepare_call(tool, given)
    task = next(task for task in prepared.tasks if task.mod == view.run.mod or len(prepared.tasks) == 1)
    number = [str(group) for group in task.design.groups].index(view.group)
    return request, prepared, task, task.contrasts[number]


def _without_genes(view: RunView) -> dict[str, Any]:
    """Arguments of the call but for the genes, which may be many, and what says nothing about the test."""
    arguments = view.run.call.get("arguments", {})
    return {name: value for name, value in arguments.items() if name not in ("genes", "storage")}
