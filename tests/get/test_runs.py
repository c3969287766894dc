"""The table of runs."""

import pandas as pd

from kompot_scverse.get import runs


def test_one_row_per_run(analysed):
    table = runs(analysed)
    assert table.index.to_list() == [0, 1, 2, 3, 4]
    assert table["analysis"].to_list() == ["de", "de", "da", "smooth", "de"]
    assert table["group"].to_list() == ["Mid", "Old", "Old", "Old", "Old"]
    assert table.loc[0, "sample_key"] == "Replicate"
    assert table.loc[1, "n_cells"] == analysed.obs["Age"].isin(["Young", "Old"]).sum()
    assert table.loc[4, "n_de"] == analysed.var["cells_only_Young_to_Old_is_de"].sum()
    assert pd.isna(table.loc[3, "n_de"])


def test_no_runs(adata):
    table = runs(adata)
    assert table.empty
    assert "analysis" in table


def test_after_writing(analysed, tmp_path):
    import anndata as ad

    analysed.write_h5ad(tmp_path / "a.h5ad")
    pd.testing.assert_frame_equal(runs(ad.read_h5ad(tmp_path / "a.h5ad")), runs(analysed))
