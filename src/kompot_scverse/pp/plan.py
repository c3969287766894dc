"""What a call will need and write, before it is paid for."""

from typing import Any, Literal

from anndata import AnnData

from kompot_scverse._arguments import check_arguments
from kompot_scverse._plan.resource_plan import ResourcePlan

__all__ = ["plan"]


def plan(data: AnnData, groupby: str, *, analysis: Literal["de", "da"] = "de", **arguments: Any) -> ResourcePlan:
    """
    Predict memory, disk and fields of a differential analysis without running it.

    Takes less than a second and does not touch the expression values. The same as `kp.tl.de(..., dry_run=True)`.

    Parameters
    ----------
    data
        Annotated data; not changed.
    groupby
        Obs column of the conditions.
    analysis
        Which analysis to plan: `kp.tl.de` or `kp.tl.da`.
    **arguments
        The arguments of that function.

    Returns
    -------
    A plan that prints as text and as HTML, with `.peak_memory` and `.disk` in bytes, `.status` and `.to_df()`.

    Raises
    ------
    ValueError, KeyError
        What the analysis itself would raise for these arguments.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> found = kp.pp.plan(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> bool(0 < found.peak_memory < 1e9)
    True
    """
    check_arguments(plan, locals())
    from kompot_scverse import tl

    functions: dict[str, Any] = {"de": tl.de, "da": tl.da}
    return functions[analysis](data, groupby, dry_run=True, **arguments)
