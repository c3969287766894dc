"""Covariance between replicates of one gene."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kompot_scverse._arguments import check_arguments
from kompot_scverse._data.resolve import name_numbers, own_names
from kompot_scverse._runs.row_prints import check_rows
from kompot_scverse._runs.run_fields import RunFields
from kompot_scverse._runs.run_frames import one_run_frame

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

    It is :math:`2 a_s^2 F F^\top` at the chosen cells, with the amplitude of the sample process that was estimated for the
    gene and the features F; with given amplitudes (`GPSettings.kompot()`) it is the empirical
    :math:`\Phi (U_R U_R^\top + U_G U_G^\top) \Phi^\top` from the smoothed samples.

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
    rows = cell_numbers(adata, cells)
    phi = np.asarray(fields.read("obsm", "basis", hint))[rows]
    if part.run.params["sigma"] == "evidence" and part.run.params.get("sample_key") is not None:
        deviation = float(fields.read("var", "sample_sd", hint).iloc[number])
        check_rows(fields, rows, [number])
        fields.warn()
        # of both conditions; the SD is where the prior variance is that of a typical cell
        return 2 * deviation**2 / part.run.params["prior_variance"] * (phi @ phi.T)
    factors = [fields.read("varm", f"{role}_sample_weights", hint) for role in ("reference", "group")]
    check_rows(fields, rows, [number])
    fields.warn()
    halves = [phi @ np.asarray(factor[number]) for factor in factors]
    return halves[0] @ halves[0].T + halves[1] @ halves[1].T
