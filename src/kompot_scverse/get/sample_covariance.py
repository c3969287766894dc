"""Covariance between replicates of one gene."""

from collections.abc import Sequence

import numpy as np

from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import name_numbers, own_names
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.row_prints import check_rows
from kompot_scverse._runs.sample_factor import sample_factor
from kompot_scverse._runs.view import RunView

from ._cells import cell_numbers


def sample_covariance(
    data: Data,
    gene: str,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    cells: Sequence[str] | np.ndarray | None = None,
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
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData; needed if the run wrote to several.
    cells
        Names, numbers or a boolean mask; None for all (mind the size: cells × cells).

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
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    view.check_one_modality()
    number = name_numbers(view.data.var_names, own_names(view.data, [gene]))[0]
    rows = cell_numbers(view.data, cells)
    phi = view.features()[rows]
    params = view.run.params
    if params.get("amplitude") == "evidence" and params.get("sample_key") is not None:
        deviation = float(view.read("sample_sd").iloc[number])
        check_rows(view, rows, [number])
        view.warn()
        # of both conditions; the SD is where the prior variance is that of a typical cell
        return 2 * deviation**2 / params["prior_variance"] * (phi @ phi.T)
    halves = [phi @ _factor(view, role, number) for role in ("reference", "group")]
    check_rows(view, rows, [number])
    view.warn()
    return halves[0] @ halves[0].T + halves[1] @ halves[1].T


def _factor(view: RunView, role: str, number: int) -> np.ndarray:
    statistic = f"{role}_sample_weights"
    return (
        np.asarray(view.read(statistic)[number])
        if view.is_there(statistic)
        else sample_factor(view, role, np.array([number]))[0]
    )
