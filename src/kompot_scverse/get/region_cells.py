"""The cells of a region."""

import pandas as pd

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.regions import find_regions


def region_cells(
    data: Data,
    region: int,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
) -> pd.Series:
    """
    Weight of every cell in a region of a differential expression.

    Parameters
    ----------
    data
        Annotated data after :func:`kompot_scverse.tl.de` with `sample_key`.
    region
        Number of the region, as in :func:`kompot_scverse.get.regions` and `kp.get.de_df`.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData; needed if the run wrote to several.

    Returns
    -------
    Weights from 0 to 1; cells with more than 0.5 count as of the region. NaN for cells without a state.

    Raises
    ------
    LookupError
        If the run has no regions.
    ValueError
        If there is no such region.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> inside = kp.get.region_cells(adata, 0) > 0.5
    >>> int(inside.sum()) > 0
    True
    """
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    view.check_one_modality()
    regions = find_regions(view)
    if not 0 <= region < len(regions.nodes):
        raise ValueError(f"`region` must be from 0 to {len(regions.nodes) - 1}, not {region}.")
    weights = regions.weights(region)
    view.warn()
    return pd.Series(weights, index=view.data.obs_names, name=f"region {region}")
