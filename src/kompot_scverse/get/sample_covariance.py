"""Covariance between replicates of one gene."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kompot_scverse._arguments import check_arguments
from kompot_scverse._data.resolve import name_numbers, own_names
from kompot_scverse._data.row_prints import check_rows
from kompot_scverse._data.run_fields import RunFields
from kompot_scverse._data.run_frames import one_run_frame

from .layer import cell_numbers

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["sample_covariance"]


def sample_covariance(
    data: "AnnData | MuData",
    gene: str,
    *,
    mod: str | None = None,
    cells: Sequence[str] | np.ndarray | None = None,
    run_id: int = -1,
) -> np.ndarray:
    r"""
    Covariance between replicates of the smoothed expression of a gene, summed over the two conditions.

    :math:`\Phi (U_R U_R^\top + U_G U_G^\top) \Phi^\top` at the chosen cells; it is what `sample_key` adds to the
    posterior covariance of the fold change.

    Parameters
    ----------
    data
        Annotated data after :func:`kompot_scverse.tl.de` with `sample_key`.
    gene
        Name of the gene.
    mod
        Modality of a MuData; needed if the run wrote to several.
    cells
        Names, numbers or a boolean mask; None for all (mind the size: cells × cells).
    run_id
        Number of the run; negative numbers count from the last differential expression.

    Returns
    -------
    Cells × cells, squared units of the expression.

    Raises
    ------
    LookupError
        If the run has no replicates.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> design = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
    >>> kp.tl.de(adata, "Age", layer="logged_counts", **design)
    >>> kp.get.sample_covariance(adata, "Gene0001", cells=adata.obs_names[:5]).shape
    (5, 5)
    """
    check_arguments(sample_covariance, locals())
    part = one_run_frame(data, mod, run_id, "de")
    adata, fields = part.adata, RunFields(part.adata, part.run)
    number = name_numbers(adata.var_names, own_names(adata, [gene]))[0]
    hint = "Call `kp.tl.de` with `sample_key=`."
    factors = [fields.read("varm", f"{role}_sample_weights", hint) for role in ("reference", "group")]
    rows = cell_numbers(adata, cells)
    phi = np.asarray(fields.read("obsm", "basis", hint))[rows]
    check_rows(fields, rows, [number])
    fields.warn()
    halves = [phi @ np.asarray(factor[number]) for factor in factors]
    return halves[0] @ halves[0].T + halves[1] @ halves[1].T
