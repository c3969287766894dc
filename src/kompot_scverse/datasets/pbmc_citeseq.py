"""Blood cells with RNA and surface proteins."""

from pathlib import Path

import mudata as md
from anndata import AnnData
from mudata import MuData

from ._study import Study

STUDY = Study(
    name="10k PBMCs from a healthy donor with cell surface proteins (10x Genomics, v3)",
    file="pbmc_10k_protein_v3_filtered_feature_bc_matrix.h5",
    source=(
        "Published: 10x Genomics, "
        "https://support.10xgenomics.com/single-cell-gene-expression/datasets/3.0.0/pbmc_10k_protein_v3."
    ),
    url=(
        "https://cf.10xgenomics.com/samples/cell-exp/3.0.0/pbmc_10k_protein_v3/"
        "pbmc_10k_protein_v3_filtered_feature_bc_matrix.h5"
    ),
)
TYPES = {"rna": "Gene Expression", "prot": "Antibody Capture"}
CONTROL = "_control_"
"""In the name of the antibodies that bind nothing (IgG1_control_TotalSeqB)."""


def pbmc_citeseq(*, path: str | Path | None = None) -> MuData:
    """
    Blood cells (PBMC) of one healthy donor, RNA and 14 surface proteins of the same cells (CITE-seq).

    There are no conditions: for trying out two modalities, or for planting differences of known size. Downloaded once
    (20 MB) and kept in the cache folder.

    Parameters
    ----------
    path
        A file of yours: the one that 10x Genomics publishes (`.h5`), or a MuData (`.h5mu`) with the modalities `rna` and
        `prot`. None takes the file in the folder that the environment variable `KOMPOT_SCVERSE_DATA_DIR` names (else the
        user's cache folder), which is downloaded if it is not there. No checksum of it is published.

    Returns
    -------
    The modalities `rna` and `prot` with counts in X. The published file has neither cell types nor representations.
    Antibodies that are controls are left out.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ConnectionError
        If the download fails.
    ValueError
        If the file is of another study.

    References
    ----------
    10x Genomics, 10k PBMCs from a healthy donor with cell surface proteins (v3 chemistry), 2018.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> mdata = kp.datasets.pbmc_citeseq()  # doctest: +SKIP
    """
    file = STUDY.fetch(path)
    mdata = md.read_h5mu(file) if file.suffix == ".h5mu" else md.MuData(_read_10x(file))
    lacking = [name for name in TYPES if name not in mdata.mod]
    if lacking:
        raise ValueError(
            f"{str(file)!r} is not a file of {STUDY.name}: it has no modality {lacking[0]!r}, but "
            f"{', '.join(map(repr, mdata.mod))}. {STUDY.source}"
        )
    return mdata


def _read_10x(file: Path) -> dict[str, AnnData]:
    """The modalities of a 10x Genomics file."""
    import warnings

    import scanpy as sc

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Variable names are not unique")
        adata = sc.read_10x_h5(file, gex_only=False)
        parts = {name: adata[:, adata.var["feature_types"] == kind].copy() for name, kind in TYPES.items()}
    for part in parts.values():
        part.var_names_make_unique()
    parts["prot"] = parts["prot"][:, ~parts["prot"].var_names.str.contains(CONTROL)].copy()
    return {name: part for name, part in parts.items() if part.n_vars}
