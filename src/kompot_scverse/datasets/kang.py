"""Interferon-stimulated blood cells."""

from pathlib import Path
from typing import Any

import anndata as ad
from anndata import AnnData

from ._study import Study

STUDY = Study(
    name="Kang et al. (2018)",
    file="kang_2018.h5ad",
    source="Published: Nature Biotechnology 36, 89-94, doi:10.1038/nbt.4042; GEO GSE96583.",
    url="https://exampledata.scverse.org/pertpy/kang_2018.h5ad",
    sha256="e6a5adac64dcdeb36eaba27db49b63e0c64bb0ed4a64c6705971506b41c39830",
)
COLUMNS = ("condition", "donor", "sample", "cell_type")


def kang(*, path: str | Path | None = None) -> AnnData:
    """
    Blood cells (PBMC) of eight lupus patients, with and without six hours of interferon-β.

    A paired design: each donor has cells in both conditions. Interferon genes (ISG15, IFI6, IFIT1, MX1, CXCL10) change
    strongly; the composition hardly does. Downloaded once (38 MB, as prepared for pertpy) and kept in the cache folder.

    Parameters
    ----------
    path
        A file of yours (`.h5ad`), with the columns named as below or as in pertpy's file (`label`, `replicate`). None
        takes the file in the folder that the environment variable `KOMPOT_SCVERSE_DATA_DIR` names (else the user's cache
        folder), which is downloaded if it is not there.

    Returns
    -------
    24,673 cells × 15,706 genes, with

    - X: counts
    - obs: `condition` (ctrl, stim), `donor`, `sample` (condition and donor), `cell_type`, and what else the file has
    - obsm: `X_pca`, `X_umap` as in the file; in pertpy's, of expression from which the effect of the stimulation was
      removed

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ConnectionError
        If the download fails.
    ValueError
        If a file is not the one published, or is of another study.

    References
    ----------
    Kang et al. (2018), Nature Biotechnology 36, 89-94, doi:10.1038/nbt.4042 (GEO GSE96583).

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.kang()  # doctest: +SKIP
    """
    file = STUDY.fetch(path)
    adata = ad.read_h5ad(file)
    obs: Any = adata.obs
    obs = obs.rename(columns={"label": "condition", "replicate": "donor"})
    STUDY.check_columns(obs.columns, ("condition", "donor", "cell_type"), file)
    obs["donor"] = obs["donor"].astype(str).str.removeprefix("patient_").astype("category")
    if "sample" not in obs:
        obs["sample"] = obs["condition"].astype(str) + "_" + obs["donor"].astype(str)
    for column in COLUMNS:
        obs[column] = obs[column].astype("category")
    adata.obs = obs
    return adata
