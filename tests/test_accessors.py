"""Accessors of anndata stand for names, and only for what an argument takes."""

import numpy as np
import pytest
from anndata import AnnData
from anndata.acc import A

import kompot_scverse as kp

DESIGN = {"reference": "Young", "groups": "Old"}


@pytest.fixture(scope="module")
def study() -> AnnData:
    adata = kp.datasets.simulate(300, 30, rng=0)
    # the spellings that scanpy is going to write
    adata.obsm["pca"] = np.asarray(adata.obsm.pop("DM_EigenVectors"))
    adata.obsm["umap"] = np.asarray(adata.obsm.pop("X_umap"))
    kp.tl.de(adata, "Age", layer="logged_counts", cell_groups="celltype", **DESIGN)
    return adata


def test_a_run_by_accessors_is_that_by_names(study: AnnData) -> None:
    adata = study.copy()
    kp.tl.de(
        adata, A.obs["Age"], layer=A.layers["logged_counts"], cell_groups=A.obs["celltype"], use_rep=A.obsm["pca"], key_added="acc",
        genes=[A.X[:, name] for name in adata.var_names], **DESIGN,
    )  # fmt: skip
    first, second = kp.RunInfo(adata, 0), kp.RunInfo(adata, 1)
    assert first.params["use_rep"] == second.params["use_rep"] == "pca"
    assert second.params["layer"] == "logged_counts"
    name = "Young_to_Old_mean_lfc"
    np.testing.assert_allclose(adata.var[f"kompot_de_{name}"], adata.var[f"acc_{name}"], rtol=1e-5)


def test_methods_and_plots_take_accessors(study: AnnData) -> None:
    plan = study.kompot.pp.plan("de", A.obs["Age"], layer=A.layers["logged_counts"], use_rep=A.obsm["pca"], **DESIGN)
    assert plan.status
    by_name = kp.pl.embedding(study, "umap", color="pseudotime")
    by_accessor = kp.pl.embedding(study, A.obsm["umap"], color=A.obs["pseudotime"])
    assert by_accessor.get_title() == by_name.get_title()
    values = [[c for c in ax.collections if c.get_array() is not None][0].get_array() for ax in (by_name, by_accessor)]
    np.testing.assert_array_equal(*values)
    assert len(kp.pl.embedding(study, "X_umap", color=[A.obs["celltype"], study.var_names[0]]).axes) == 2
    assert kp.pl.expression(study, A.X[:, study.var_names[0]]).axes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groupby": A.var["is_de"]}, r"a column of var, not a column of obs"),
        ({"groupby": "Age", "use_rep": A.obs["Age"]}, "a column of obs, not a representation in obsm"),
        ({"groupby": "Age", "layer": A.obsm["pca"]}, "a representation in obsm, not a layer"),
        ({"groupby": A.obs.index}, "nothing by name"),
        ({"groupby": A.obsm["pca"][0]}, "nothing by name"),
    ],
)
def test_an_accessor_of_something_else_is_an_error(study: AnnData, arguments: dict, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        kp.tl.de(study, **arguments, **DESIGN)


def test_expression_is_not_a_colour(study: AnnData) -> None:
    with pytest.raises(TypeError, match=r"the expression of a gene.*kp\.pl\.expression"):
        kp.pl.embedding(study, "umap", color=A.X[:, study.var_names[0]])
