"""Young and old mouse livers."""

from pathlib import Path

from anndata import AnnData

from ._study import Study

STUDY = Study(
    name="Tabula Muris Senis, liver (2020)",
    file="tms_liver_aging.h5ad",
    source=(
        "Published: Nature 583, 590-595, doi:10.1038/s41586-020-2496-1; GEO GSE149590. Its cells of the liver (FACS) need "
        "obs columns with condition, sample (the mouse), sex and cell type."
    ),
    columns=("condition", "sample", "sex", "cell_type"),
)


def liver_aging(*, path: str | Path | None = None) -> AnnData:
    """
    Liver cells of mice of 3 months against 18 and 24 months (Tabula Muris Senis, Smart-seq2).

    Sex is partly confounded with age: a case for `covariates=["sex"]`.

    Parameters
    ----------
    path
        Your file of it (`.h5ad`) with the columns named below. None takes `tms_liver_aging.h5ad` in the folder that the
        environment variable `KOMPOT_SCVERSE_DATA_DIR` names, else in the user's cache folder.

    Returns
    -------
    The cells, with

    - X: read counts
    - obs: `condition` (young, old), `sample` (the mouse), `sex`, `cell_type`

    Raises
    ------
    FileNotFoundError
        If there is no such file; says where the study is published.
    ValueError
        If the file is of another study.

    References
    ----------
    The Tabula Muris Consortium (2020), Nature 583, 590-595, doi:10.1038/s41586-020-2496-1 (GEO GSE149590).

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.liver_aging(path="tms_liver_aging.h5ad")  # doctest: +SKIP
    """
    return STUDY.read(path)
