"""Connected regions of differential abundance, in AnnData and MuData."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp

K = "kompot_da_Young_to_Old"


@pytest.fixture(scope="module")
def analysed_once() -> AnnData:
    adata = kp.datasets.simulate(900, 10, rng=1, density_change=2.5)
    kp.tl.da(adata, "Age", reference="Young", groups="Old")
    return adata


@pytest.fixture
def analysed(analysed_once) -> AnnData:
    return analysed_once.copy()


def test_regions_are_called_cells_of_one_direction(analysed):
    kp.tl.regions(analysed, annotate="celltype", min_cells=10)
    region, direction = analysed.obs[f"{K}_region"], analysed.obs[f"{K}_lfc_direction"].astype(str)
    inside = region.notna()
    assert (region[inside].astype(str).str.split().str[0] == direction[inside]).all()
    assert analysed.obs.loc[inside, "Age"].isin(["Young", "Old"]).all()
    table = kp.get.regions(analysed, analysis="da")
    assert f"{len(table)} (kp.get.regions)" in repr(kp.RunInfo(analysed, analysis="da"))
    assert table.index.to_list() == list(region.cat.categories)
    assert table["n_cells"].to_dict() == region.value_counts().to_dict()
    assert (table["n_reference"] + table["n_group"] == table["n_cells"]).all()
    assert (np.sign(table["lfc"]) == np.where(table["direction"] == "up", 1, -1)).all()
    # simulated: stem cells become more
    assert table["annotation"]["up 1"].startswith("HSC")


def test_other_thresholds_and_another_call_replace_the_first(analysed):
    kp.tl.regions(analysed, min_cells=10)
    n = analysed.obs[f"{K}_region"].notna().sum()
    kp.tl.regions(analysed, min_cells=10, min_lfc=0.0, max_ptp=0.5)
    assert analysed.obs[f"{K}_region"].notna().sum() > n
    assert (kp.RunInfo(analysed).fields["statistic"] == "region").sum() == 1
    assert "min_lfc=0.0" in kp.RunInfo(analysed).call()
    kp.tl.regions(analysed, max_ptp=1e-300)
    assert len(kp.get.regions(analysed, analysis="da")) == 0


def test_of_joint_states(citeseq):
    kp.tl.da(citeseq, "Age", reference="Young", groups="Old", test=kp.TestSettings(min_lfc=0.0, max_ptp=0.5))
    kp.tl.regions(citeseq, min_cells=5)
    assert citeseq.obs[f"{K}_region"].notna().any()
    assert isinstance(kp.get.regions(citeseq, analysis="da"), pd.DataFrame)


def test_drawn_with_reds_and_blues_and_their_names(analysed):
    kp.tl.regions(analysed, min_cells=10)
    ax = kp.pl.regions(analysed, analysis="da")
    names = list(analysed.obs[f"{K}_region"].cat.categories)
    assert sorted(text.get_text() for text in ax.texts) == sorted(names)
    for handle, name in zip(ax.get_legend().legend_handles, names, strict=True):
        red, _, blue, *_ = handle.get_color()
        assert (red > blue) == name.startswith("up")


def test_what_is_missing_is_said(analysed):
    with pytest.raises(LookupError, match=r"No regions of run 0 .*; call `kp\.tl\.regions"):
        kp.get.regions(analysed, analysis="da")
    del analysed.obsm["DM_EigenVectors"]
    with pytest.raises(LookupError, match="is gone"):
        kp.tl.regions(analysed)
    with pytest.raises(ValueError, match="at least 1"):
        kp.tl.regions(analysed, min_cells=0)
