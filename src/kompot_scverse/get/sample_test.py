"""One test of whether samples differ by condition."""

from typing import Literal

import pandas as pd

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.sample_distances import stored_distances


def sample_test(
    data: Data,
    *,
    analysis: Literal["de", "da"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
) -> pd.Series:
    """
    Whether the distances between samples go with what the run tested: one permutation test (PERMANOVA).

    The pseudo-F of Anderson (2001) in the design of the run, with covariates by permutation of residuals (Freedman & Lane 1983). Where the
    run blocks on donors or pairs, samples are permuted within donors; if what is tested is the same in all samples of a donor, whole donors are permuted. All
    permutations are made where there are few, and 9,999 drawn where there are many.

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
    `pseudo_f`, `r_squared` (share of the squared distances that the contrast explains, of what the rest of the design leaves), `pvalue`,
    `n_permutations` (with the observed one), `exact` (whether these are all), and `smallest_pvalue`, the least that so few samples can have:
    0.1 for three against three.

    Raises
    ------
    LookupError
        If there is no such run, or it has no distances: without `sample_key`, or with more than 400 samples.

    References
    ----------
    Anderson (2001), Austral Ecology 26, 32-46.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> int(kp.get.sample_test(adata)["n_permutations"])
    20
    """
    view = find_view(data, analysis, run_id=run_id, key_added=key_added, group=group, mod=mod)
    found = stored_distances(view).test()
    return pd.Series(
        {
            "pseudo_f": found.pseudo_f,
            "r_squared": found.r_squared,
            "pvalue": found.pvalue,
            "n_permutations": found.n_permutations,
            "exact": found.exact,
            "smallest_pvalue": found.smallest,
        },
        name=view.title,
        dtype=object,
    )
