"""What a call will need and write, before it is paid for."""

import inspect
from typing import Any, Literal

from kompot_scverse._arguments import check_arguments
from kompot_scverse._data.holders import Data
from kompot_scverse._plan.resource_plan import ResourcePlan
from kompot_scverse.design import Design


def plan(
    data: Data, tool: Literal["de", "da", "smooth"], groupby: str | Design | None = None, **arguments: Any
) -> ResourcePlan:
    """
    Predict time, memory, disk and fields of a call of :func:`kompot_scverse.tl.de`, `da` or `smooth`, without making it.

    Takes less than a second and does not touch the expression values.

    Parameters
    ----------
    data
        Annotated data; not changed.
    tool
        Name of the function of `kp.tl`.
    groupby
        Obs column of the conditions, or a :class:`kompot_scverse.Design`; None only for `smooth` over all cells.
    **arguments
        The other arguments of that function.

    Returns
    -------
    A plan that prints as text and as HTML, with `.time` in seconds, `.peak_memory` and `.disk` in bytes, `.status` and `.to_df()`. The time
    is that of an idle machine, without imports, and right within a factor of two; `.seconds` has that of every stage, `.core_seconds` that of
    all cores together.

    Raises
    ------
    ValueError, KeyError, TypeError
        What the function itself would raise for these arguments.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> found = kp.pp.plan(adata, "de", "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> bool(0 < found.peak_memory < 1e9)
    True
    """
    from kompot_scverse._plan.plan_tasks import PlannedTask, plan_tasks
    from kompot_scverse.tl._steps import prepare_call
    from kompot_scverse.tl._tools import TOOLS

    steps, function = TOOLS[tool]
    given = inspect.signature(function).bind(data, **({} if groupby is None else {"groupby": groupby}), **arguments)
    given.apply_defaults()
    check_arguments(function, given.arguments)
    request, prepared = prepare_call(steps, given.arguments)
    tasks = [
        PlannedTask(task.mod, task.design, task.planned, task.frame.n_obs, steps.sizes(task, request))
        for task in prepared.tasks
    ]
    return plan_tasks(prepared.targets, tasks, prepared.cells, request.gp, request.storage)
