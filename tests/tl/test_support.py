"""A population of one condition has no support: said once, counted, and drawn in grey."""

import logging

import numpy as np
import pytest
from anndata import AnnData
from planted import planted

import kompot_scverse as kp

K = "kompot_de_early_to_late"
ARGUMENTS = {"reference": "early", "groups": "late", "use_rep": "X_pca"}


@pytest.fixture(scope="module")
def left_is_early() -> AnnData:
    adata, _ = planted(n_cells=800)
    gone = ((adata.obs["part"] == "left") & (adata.obs["time"] == "late")).to_numpy()
    return adata[~gone, :20].copy()


@pytest.fixture(scope="module")
def analysed(left_is_early) -> AnnData:
    adata = left_is_early.copy()
    kp.tl.de(adata, "time", cell_groups="part", **ARGUMENTS)
    return adata


def test_cells_of_one_condition_have_none_and_others_have(analysed):
    support, part = analysed.obs[f"{K}_support"], analysed.obs["part"]
    assert (support[part == "left"] < 0.1).mean() > 0.7
    assert (support[part != "left"] > 0.1).all()
    assert support.between(0, 1).all()


def test_their_number_is_warned_of_once_and_kept(left_is_early, caplog):
    adata = left_is_early.copy()
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.de(adata, "time", cell_groups="part", **ARGUMENTS)
    without = int((adata.obs[f"{K}_support"] < 0.1).sum())
    said = [record.getMessage() for record in caplog.records if "hardly any cells" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith(f"early to late: {without} of {adata.n_obs} cells")
    assert kp.get.runs(adata)["n_supported"].to_list() == [adata.n_obs - without]
    of_middle = kp.get.de_df(adata, cell_group="middle")["n_supported"].unique()
    assert of_middle == (adata.obs.loc[adata.obs["part"] == "middle", f"{K}_support"] >= 0.1).sum()


def test_all_supported_is_not_said(caplog):
    adata, _ = planted(n_cells=800)
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.de(adata[:, :10].copy(), "time", sample_key="sample", **ARGUMENTS)
    assert not [record for record in caplog.records if "hardly any cells" in record.getMessage()]


def test_order_of_the_cells_does_not_matter(left_is_early, analysed):
    order = np.random.default_rng(0).permutation(left_is_early.n_obs)
    adata = left_is_early[order].copy()
    kp.tl.de(adata, "time", **ARGUMENTS)
    np.testing.assert_allclose(
        adata.obs[f"{K}_support"].to_numpy(), analysed.obs[f"{K}_support"].to_numpy()[order], rtol=1e-6
    )


def test_sides_of_a_formula(left_is_early, analysed):
    adata = left_is_early.copy()
    kp.tl.de(adata, kp.Design("~ time", test="time"), sample_key="sample", use_rep="X_pca")
    key = next(key for key in adata.obs if key.endswith("support"))
    np.testing.assert_allclose(adata.obs[key], analysed.obs[f"{K}_support"], rtol=1e-6)


def test_extrapolated_fold_changes_are_grey_and_the_legend_says_so(analysed):
    ax = kp.pl.embedding(analysed, "umap", color="gene0")
    grey = next(drawn for drawn in ax.collections if drawn.get_label() == "_unsupported")
    assert len(grey.get_offsets()) == (analysed.obs[f"{K}_support"] < 0.1).sum()
    assert "hardly any cells" in ax.get_legend().get_texts()[0].get_text()
    # expression itself is measured there
    ax = kp.pl.embedding(analysed, "umap", color="gene0", value="reference")
    assert ax.get_legend() is None


def test_samples_that_another_column_groups_are_said_once(caplog):
    adata, _ = planted(n_cells=480)
    adata = adata[:, :10].copy()
    adata.obs["mouse"] = [f"m{int(name[1:]) // 2}" for name in adata.obs["sample"]]
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.da(adata, "time", sample_key="sample", **ARGUMENTS)
    said = [record.getMessage() for record in caplog.records if "technical" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("obs['mouse'] groups the 8 samples of obs['sample'] in 4")
