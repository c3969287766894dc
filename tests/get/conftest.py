"""Data with results."""

import pytest
from anndata import AnnData

from kompot_scverse import GPSettings, TestSettings, tl


@pytest.fixture(scope="session")
def analysed_once(simulated: AnnData) -> AnnData:
    """Runs 0 and 1: de, Young to Mid and Old, with replicates; 2: da, Young to Old; 3: smooth, Old; 4: de without, as Kompot."""
    adata = simulated.copy()
    names = {"layer": "logged_counts", "test": TestSettings(null_genes=200, all_statistics=True)}
    tl.de(adata, "Age", reference="Young", sample_key="Replicate", cell_groups="branch", **names)
    tl.da(adata, "Age", reference="Young", groups="Old")
    tl.smooth(adata, "Age", group="Old", layer="logged_counts")
    cells_only = {"gp": GPSettings.kompot(), "test": TestSettings(null_genes=500), "key_added": "cells_only"}
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", **cells_only)
    return adata


@pytest.fixture
def analysed(analysed_once: AnnData) -> AnnData:
    return analysed_once.copy()
