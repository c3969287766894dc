"""Oligodendrocytes from precursors to maturity."""

from pathlib import Path

from anndata import AnnData

from ._study import Study

STUDY = Study(
    name="Marques et al. (2016)",
    file="oligodendrocyte_marques.h5ad",
    source=(
        "Published: Science 352, 1326-1329, doi:10.1126/science.aaf6463; counts and annotation as text tables in GEO "
        "GSE75330."
    ),
    columns=("condition", "sample", "region", "cell_type"),
)


def oligodendrocytes(*, path: str | Path | None = None) -> AnnData:
    """
    Mouse oligodendrocytes, a continuum from precursors to mature cells, some after acute stress.

    The cells of the hypothalamus come from stressed and from control mice (obs `region`). The published tables have no
    number of the animal, so that a sample is what strain, region, age and sex tell apart.

    Parameters
    ----------
    path
        Your file of it (`.h5ad`) with the columns named below. None takes `oligodendrocyte_marques.h5ad` in the folder that the
        environment variable `KOMPOT_SCVERSE_DATA_DIR` names, else in the user's cache folder.

    Returns
    -------
    The cells, with

    - X: counts
    - obs: `condition` (control, acute_stress), `sample`, `region`, `cell_type` (13 states of the authors)

    Raises
    ------
    FileNotFoundError
        If there is no such file; says where the study is published.
    ValueError
        If the file is of another study.

    References
    ----------
    Marques et al. (2016), Science 352, 1326-1329, doi:10.1126/science.aaf6463 (GEO GSE75330).

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.oligodendrocytes(path="oligodendrocyte_marques.h5ad")  # doctest: +SKIP
    """
    return STUDY.read(path)
