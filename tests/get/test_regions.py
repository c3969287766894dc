"""Regions: planted changes are found where they are."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from planted import planted

import kompot_scverse as kp

ARGUMENTS = {"reference": "early", "groups": "late", "sample_key": "sample", "use_rep": "X_pca"}
K = "kompot_de_early_to_late"


@pytest.fixture(scope="module")
def study() -> tuple[AnnData, np.ndarray]:
    adata, truth = planted()
    kp.tl.de(adata, "time", **ARGUMENTS)
    kp.tl.da(adata, "time", **ARGUMENTS)
    return adata, truth


def test_genes_of_one_end_have_their_region_there(study):
    adata, truth = study
    table = kp.get.de_df(adata, annotate="part", sort=False)
    ends = {0: "left", 1: "right"}
    for pattern, part in ends.items():
        own = table[(truth == pattern) & table["is_de"]]
        assert own["region_annotation"].str.startswith(part).mean() > 0.9
        # planted is up to 1.4 in the middle of the pattern, with a sign for each
        assert (np.sign(own["region_lfc"]) == (1 if pattern == 0 else -1)).all()
        assert (own["region_lfc"].abs() > own["mean_lfc"].abs()).mean() > 0.9
    assert table["region_probability"].between(0, 1).all()
    assert table.loc[truth >= 0, "region_probability"].mean() > 2 * table.loc[truth < 0, "region_probability"].mean()
    assert table["region"].dtype == table["region_cells"].dtype == "Int64"


def test_a_row_for_each_node_with_cells_and_genes(study):
    adata, _ = study
    table, genes = kp.get.regions(adata, annotate="part", sort=False), kp.get.de_df(adata)
    n = (len(table) + 1) // 2
    assert table["n_neighborhoods"].to_list()[:n] == [1] * n
    assert (table["n_neighborhoods"].iloc[-1], table["n_cells"].iloc[-1]) == (n, adata.n_obs)
    assert (table["n_reference"] + table["n_group"] == table["n_cells"]).all()
    assert table["n_genes"].sum() == genes["is_de"].sum()
    assert (table["n_up"] + table["n_down"] == table["n_genes"]).all()
    most = kp.get.regions(adata).iloc[0]
    assert most["n_genes"] == table["n_genes"].max()
    own = genes[genes["is_de"] & (genes["region"] == most.name)]
    assert most["genes"].split(", ") == own.index[:5].to_list()
    assert own["region_cells"].unique().tolist() == [most["n_cells"]]
    np.testing.assert_allclose(table["da_lfc"].iloc[-1], adata.obs["kompot_da_early_to_late_neighborhood_lfc"].mean())


def test_weights_of_a_node_are_those_of_its_parts(study):
    adata, _ = study
    table = kp.get.regions(adata, sort=False)
    soft = adata.obsm["kompot_de_neighborhoods"].toarray()
    np.testing.assert_allclose(kp.get.region_cells(adata, 2), soft[:, 2], rtol=1e-6)
    np.testing.assert_allclose(kp.get.region_cells(adata, len(table) - 1), 1, rtol=1e-5)
    inside = kp.get.region_cells(adata, 2) > 0.5
    assert inside.sum() == table.loc[2, "n_cells"]


def test_after_subsetting_genes_and_without_weights(study):
    adata, _ = study
    few = adata[:, :5].copy()
    before = kp.get.de_df(adata, sort=False)
    pd.testing.assert_frame_equal(kp.get.de_df(few, sort=False), before.iloc[:5])
    del few.obsm["kompot_de_neighborhoods"]
    assert "region_cells" not in kp.get.de_df(few)
    with pytest.raises(LookupError, match="is gone"):
        kp.get.regions(few)


def test_what_cannot_be_is_said(study):
    adata, _ = study
    with pytest.raises(ValueError, match="from 0 to"):
        kp.get.region_cells(adata, 500)
    with pytest.raises(ValueError, match="leave out one"):
        kp.get.de_df(adata, annotate="part", cell_group="left")
    alone, _ = planted(n_cells=240)
    cells = alone[:, :10].copy()
    kp.tl.de(cells, "time", reference="early", groups="late", use_rep="X_pca")
    with pytest.raises(LookupError, match=r"No regions of run 0 .*sample_key"):
        kp.get.regions(cells)
