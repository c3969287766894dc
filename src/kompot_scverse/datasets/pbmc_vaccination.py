"""Blood cells over the days after a vaccination."""

from pathlib import Path

from anndata import AnnData

from ._study import Study

STUDY = Study(
    name="Hao et al. (2021)",
    file="pbmc_vaccination_adt.h5ad",
    source=(
        "Published: Cell 184, 3573-3587, doi:10.1016/j.cell.2021.04.048; counts and annotation in GEO GSE164378, nine of the "
        "antibodies in the collection of ADTnorm."
    ),
    columns=("sample", "donor", "day", "cell_type"),
)


def pbmc_vaccination(*, path: str | Path | None = None) -> AnnData:
    """
    Surface proteins of blood cells (PBMC) of eight donors before, three and seven days after a vaccination.

    A time course with repeated measures: `kp.Design("~ C(day)", test="C(day)", block="donor")`. Each sample is of several
    libraries, which are technical.

    Parameters
    ----------
    path
        Your file of it (`.h5ad`) with the columns named below. None takes `pbmc_vaccination_adt.h5ad` in the folder that the
        environment variable `KOMPOT_SCVERSE_DATA_DIR` names, else in the user's cache folder.

    Returns
    -------
    The cells, with

    - X: counts of nine antibodies
    - obs: `sample` (donor and day), `donor` (P1 to P8), `day` (0, 3, 7), `cell_type`, and what else the file has

    Raises
    ------
    FileNotFoundError
        If there is no such file; says where the study is published.
    ValueError
        If the file is of another study.

    References
    ----------
    Hao et al. (2021), Cell 184, 3573-3587, doi:10.1016/j.cell.2021.04.048 (GEO GSE164378).

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.pbmc_vaccination(path="pbmc_vaccination_adt.h5ad")  # doctest: +SKIP
    """
    return STUDY.read(path)
