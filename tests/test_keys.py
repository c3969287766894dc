"""Whatever labels and names the data have, results can be written and read, or the call says so before it computes."""

import anndata as ad
import mudata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

import kompot_scverse as kp
from kompot_scverse._keys import Keys, column_name, effect_key, slug

QUICK = {"test": kp.TestSettings(null_genes=0), "storage": kp.StorageSettings(layers=None), "layer": "logged_counts"}
BAD = ["a/b", "a\\b", "a\0b", "", ".", "zarr.json", "\udcff"]
CATEGORIES = {"HSC": "", "MPP": "_index", "MEP": "a\\b", "Erythroid": "x/y", "GMP": "gene", "Monocyte": "."}


@pytest.fixture(scope="module")
def small() -> AnnData:
    return kp.datasets.simulate(240, 12, rng=0)


@pytest.fixture(scope="module")
def odd(small: AnnData) -> AnnData:
    """With labels that files cannot hold as they are."""
    adata = small.copy()
    adata.obs["celltype"] = adata.obs["celltype"].cat.rename_categories(CATEGORIES)
    adata.obs["Age"] = adata.obs["Age"].cat.rename_categories({"Old": "ol\\d/er", "Young": ""})
    adata.var_names.name = "gene"
    kp.tl.de(adata, "Age", reference="", groups="ol\\d/er", cell_groups="celltype", **QUICK)
    return adata


def test_names_are_fit_for_files() -> None:
    assert [slug(name) for name in ("a/b", "a\\b\0", 3, "ä b")] == ["a_b", "a_b_", "3", "ä b"]
    names = ["", "_index", "gene", "HSC", "a/b", ".."]
    assert [column_name(name, "gene") for name in names] == ["_", "_index_", "gene_", "HSC", "a_b", ".._"]


@pytest.mark.parametrize("kind", ["h5ad", "zarr", "h5mu"])
def test_odd_labels_are_written_and_read(odd: AnnData, tmp_path, kind: str) -> None:
    path = tmp_path / f"data.{kind}"
    if kind == "h5mu":
        MuData({"rna": odd}).write_h5mu(path)
        read = mudata.read_h5mu(path)["rna"]
    else:
        getattr(odd, f"write_{kind}")(path)
        read = getattr(ad, f"read_{kind}")(path)
    key = "kompot_de__to_ol_d_er_celltype_mean_lfc"
    pd.testing.assert_frame_equal(read.varm[key], odd.varm[key])
    assert set(read.varm[key]) >= {"_", "_index_", "a_b", "x_y", "gene_", "._"}
    assert set(read.obsm) == set(odd.obsm)
    np.testing.assert_array_equal(kp.get.layer(read, "fold_change"), kp.get.layer(odd, "fold_change"))
    category = next(name for name in CATEGORIES.values() if read.varm[key][column_name(name, "gene")].notna().any())
    assert len(kp.pl.volcano_de(read, cell_group=category, labels=0).collections)


def test_categories_of_one_name_are_refused(small: AnnData) -> None:
    adata = small.copy()
    adata.obs["celltype"] = adata.obs["celltype"].cat.rename_categories({"HSC": "a/b", "MPP": "a\\b"})
    with pytest.raises(ValueError, match="would be named 'a_b', since files take no slash"):
        kp.tl.de(adata, "Age", reference="Young", groups="Old", cell_groups="celltype", **QUICK)


@pytest.mark.parametrize("key", [*BAD, None, 3])
@pytest.mark.parametrize("tool", ["de", "da", "smooth", "rank_genes_groups"])
def test_keys_that_cannot_be_written(odd: AnnData, unchanged, tool: str, key: object) -> None:
    arguments = {
        "de": {"groupby": "Age", "reference": ""}, "da": {"groupby": "Age", "reference": ""}, "smooth": {},
        "rank_genes_groups": {},
    }[tool]  # fmt: skip
    error, text = (
        (ValueError, "cannot be part of the names in a file") if isinstance(key, str) else (TypeError, "must be text")
    )
    with unchanged(odd), pytest.raises(error, match=f"`key_added.*{text}"):
        getattr(kp.tl, tool)(odd, **arguments, key_added=key)


def test_what_can_be_written_is_suggested(odd: AnnData) -> None:
    with pytest.raises(ValueError, match="Pass 'a_b' instead"):
        kp.tl.smooth(odd, key_added="a/b")
    with pytest.raises(ValueError, match="where the runs are recorded"):
        kp.tl.rank_genes_groups(odd, key_added="kompot")


def test_one_key_for_two_tools(odd: AnnData, unchanged) -> None:
    adata = odd.copy()
    with (
        unchanged(adata),
        pytest.raises(ValueError, match=r"obsm\['kompot_de_basis'\] is of run 0 \(kp.tl.de, key_added='kompot_de'\)"),
    ):
        kp.tl.smooth(adata, layer="logged_counts", key_added="kompot_de")
    kp.tl.smooth(adata, layer="logged_counts", key_added="kompot_de", overwrite=True)
    assert kp.RunInfo(adata, analysis="smooth").run_id == 1


@pytest.mark.parametrize("name", ["a/b", "a\\b", ""])
def test_modalities_that_cannot_be_written(small: AnnData, name: str) -> None:
    other = AnnData(np.ones((240, 2)), obs=small.obs[[]])
    mdata = MuData({name: small, "other": other})
    for call in (kp.tl.da, kp.tl.de):
        with pytest.raises(ValueError, match="has a name that files"):
            call(mdata, f"{name}:Age", reference="Young")


def test_names_of_effects_are_safe():
    assert effect_key("stage[T.r]:sex[T.m]") == "stage_T.r_sex_T.m"
    assert effect_key("bs(a/b, df=3)") == "bs_a_b_df_3"
    assert effect_key("größe") == "größe"
    assert effect_key("(") == "_"
    assert (
        Keys("kompot_de", None, "age", sample_var=True).field("mahalanobis", varies=True)
        == "kompot_de_age_mahalanobis_sample_var"
    )
