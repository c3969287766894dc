"""Immune cells of melanomas under checkpoint therapy."""

from pathlib import Path

from anndata import AnnData

from ._study import Study

STUDY = Study(
    name="Sade-Feldman et al. (2018)",
    file="melanoma_daseq_embedding.h5ad",
    source=(
        "Published: Cell 175, 998-1013, doi:10.1016/j.cell.2018.10.038; GEO GSE120575. Its embedding, as used by DA-seq "
        "(Zhao et al. 2021, doi:10.1073/pnas.2100293118), is an R object in the package KlugerLab/DAseq on GitHub."
    ),
    columns=("condition", "sample", "patient", "pre_post"),
)


def melanoma(*, path: str | Path | None = None) -> AnnData:
    """
    Immune cells of melanomas that responded, or not, to checkpoint therapy: for differential abundance.

    48 samples of 32 patients; embedding alone, no expression.

    Parameters
    ----------
    path
        Your file of it (`.h5ad`) with the columns named below. None takes `melanoma_daseq_embedding.h5ad` in the folder that the
        environment variable `KOMPOT_SCVERSE_DATA_DIR` names, else in the user's cache folder.

    Returns
    -------
    The cells, with

    - obsm: `X_pca` (10 components)
    - obs: `condition` (Responder, Non-responder), `sample`, `patient`, `pre_post` (Pre, Post: the time of therapy)

    Raises
    ------
    FileNotFoundError
        If there is no such file; says where the study is published.
    ValueError
        If the file is of another study.

    References
    ----------
    Sade-Feldman et al. (2018), Cell 175, 998-1013, doi:10.1016/j.cell.2018.10.038 (GEO GSE120575); embedding: Zhao et al.
    (2021), PNAS 118, doi:10.1073/pnas.2100293118.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.melanoma(path="melanoma_daseq_embedding.h5ad")  # doctest: +SKIP
    """
    return STUDY.read(path)
