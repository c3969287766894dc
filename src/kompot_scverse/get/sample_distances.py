"""Distances between samples."""

from typing import Literal

import pandas as pd

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.sample_distances import stored_distances


def sample_distances(
    data: Data,
    *,
    analysis: Literal["de", "da"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
) -> pd.DataFrame:
    r"""
    How far the samples of a run are from each other.

    Of differential expression: distances of the fields of the samples over the neighbourhoods of the replicate test, from expression at equal
    depth. Each field is the posterior mean of the sample's weights, shrunk towards the mean of all samples and not of its condition; distances are
    Euclidean in weights whitened by the mean posterior precision. A distance of c is as much as a difference of c standard
    deviations of a cell at every cell, on average over the genes (root mean square). Of abundance: root mean square difference of the log
    odds over the neighbourhoods, natural logarithm.

    They are computed by :func:`kompot_scverse.tl.de` and `da`; nothing is read again.

    Parameters
    ----------
    data
        Annotated data with a run that has a `sample_key`.
    analysis
        Which analysis.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData; needed if the run wrote to several.

    Returns
    -------
    Samples × samples, with their labels, and the condition where one label is in both.

    Raises
    ------
    LookupError
        If there is no such run, or it has no distances: without `sample_key`, or with more than 400 samples.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> kp.get.sample_distances(adata).shape
    (6, 6)
    """
    found = stored_distances(find_view(data, analysis, run_id=run_id, key_added=key_added, group=group, mod=mod))
    return pd.DataFrame(found.distances, index=found.names, columns=found.names)
