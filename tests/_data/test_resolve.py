"""What the arguments may name, and what the errors say."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse._data import resolve


@pytest.mark.parametrize("spelling", ["X_pca", "pca"])
@pytest.mark.parametrize("asked", ["X_pca", "pca", None])
def test_either_spelling_of_a_representation(adata, spelling, asked):
    adata.obsm[spelling] = adata.obsm.pop("DM_EigenVectors")
    name, x = resolve.representation(adata, asked)
    assert name == spelling
    assert x.dtype == np.float64
    np.testing.assert_array_equal(x, adata.obsm[spelling])


def test_order_of_the_defaults(adata):
    adata.obsm["X_pca"] = adata.obsm["X_diffmap"] = np.ones((adata.n_obs, 2))
    assert resolve.representation(adata, None)[0] == "DM_EigenVectors"
    del adata.obsm["DM_EigenVectors"]
    assert resolve.representation(adata, None)[0] == "X_diffmap"


def test_missing_representation(adata):
    with pytest.raises(KeyError, match=r"No representation in obsm 'DM_Eigenvector'; existing: 'DM_EigenVectors'"):
        resolve.representation(adata, "DM_Eigenvector")
    del adata.obsm["DM_EigenVectors"]
    with pytest.raises(KeyError, match=r"Run `sc\.pp\.pca` and `kp\.pp\.diffusion_states`, or pass `use_rep=`"):
        resolve.representation(adata, None)


def test_containers_of_a_representation(adata):
    import dask.array as da
    import scipy.sparse as sp

    x = adata.obsm["DM_EigenVectors"]
    for given in (pd.DataFrame(x, index=adata.obs_names), sp.csr_array(x), da.from_array(x), x.astype(np.float32)):
        np.testing.assert_allclose(resolve.dense(given, "x"), x, rtol=1e-6)
    with pytest.raises(TypeError, match="not numeric"):
        resolve.dense(pd.DataFrame({"a": ["p", "q"]}), "obsm['x']")
    with pytest.raises(ValueError, match="cells × dimensions"):
        resolve.dense(np.ones(4), "obsm['x']")


def test_labels_match_categories_of_any_type():
    booleans = pd.Series([True, False], name="b").astype("category")
    integers = pd.Series([1, 2, 10], name="i").astype("category")
    texts = pd.Series(["1", "2"], name="t").astype("category")
    assert (
        resolve.match_label(booleans, True, "reference") is np.True_ or resolve.match_label(booleans, True, "r") is True
    )
    assert resolve.match_label(booleans, "False", "reference") == False  # noqa: E712
    assert resolve.match_label(integers, "10", "reference") == 10
    assert resolve.match_label(integers, np.int64(2), "reference") == 2
    assert resolve.match_label(texts, 1, "reference") == "1"
    with pytest.raises(KeyError, match=r"obs\['i'\] \(`groups`\) equal to 3; existing: '1', '2', '10'"):
        resolve.match_label(integers, 3, "groups")
    with pytest.raises(KeyError):
        resolve.match_label(integers, True, "groups")


def test_obs_columns(adata):
    assert list(resolve.obs_column(adata[adata.obs["Age"] != "Mid"], "Age", "groupby").cat.categories) == [
        "Young",
        "Old",
    ]
    with pytest.raises(KeyError, match=r"No obs column \(`groupby`\) 'age'; existing: 'Age'"):
        resolve.obs_column(adata, "age", "groupby")
    with pytest.raises(TypeError, match="continuous"):
        resolve.obs_column(adata, "pseudotime", "groupby")


def test_genes_are_chosen_by_name_or_mask(adata):
    names = adata.var_names
    mask = np.arange(60) % 2 == 0
    adata.var["even"] = mask
    evens = np.flatnonzero(mask)
    assert resolve.gene_numbers(adata, None) is None
    for given in ("even", mask, list(mask), pd.Series(mask, index=names)[::-1], list(names[mask]), names[mask]):
        np.testing.assert_array_equal(resolve.gene_numbers(adata, given), evens)
    for given in (set(names[mask]), pd.Series(names[mask]), dict.fromkeys(names[mask]).keys(), pd.array(mask)):
        np.testing.assert_array_equal(resolve.gene_numbers(adata, given), evens)
    np.testing.assert_array_equal(resolve.gene_numbers(adata, names[7]), [7])
    np.testing.assert_array_equal(resolve.gene_numbers(adata, [names[7], names[2], names[7]]), [2, 7])


@pytest.mark.parametrize(
    ("genes", "error", "text"),
    [
        (["nothing"], KeyError, "No gene 'nothing'; existing: "),
        (["nothing", "more"], KeyError, r"No gene \(and 1 more\) 'nothing'"),
        ("base_mean", TypeError, "must be boolean, not float"),
        (np.zeros(60, dtype=bool), ValueError, "selects no genes"),
        ([], ValueError, "selects no genes"),
        (np.ones(7, dtype=bool), ValueError, "7 values for 60 genes"),
        ((name for name in ["Gene0001"]), TypeError, "`genes` must be .* not a generator. It can be read only once"),
        ({"Gene0001": 1}, TypeError, "`genes` must be one value or a list, not a dict"),
        (np.array([["Gene0001"]]), TypeError, "not an array of shape"),
        ([["Gene0001"]], KeyError, "No gene a list; existing"),
        ([1, 2], KeyError, "No gene .* 1; existing"),
    ],
)
def test_wrong_genes(adata, genes, error, text):
    with pytest.raises(error, match=text):
        resolve.gene_numbers(adata, genes)


def test_a_var_column_that_is_there_twice(adata):
    adata.var = pd.concat([adata.var, adata.var[["is_de"]]], axis=1)
    with pytest.raises(ValueError, match="var has 2 columns named 'is_de'"):
        resolve.gene_numbers(adata, "is_de")


def test_no_genes(adata):
    with pytest.raises(ValueError, match="no genes to analyse"):
        resolve.expression(adata[:, :0], "logged_counts", None)


def test_duplicate_gene_names(adata):
    names = adata.var_names.to_list()
    twice = names[0]
    adata.var_names = [twice, twice, *names[2:]]
    np.testing.assert_array_equal(resolve.gene_numbers(adata, [names[5]]), [5])
    with pytest.raises(ValueError, match="stands for several genes"):
        resolve.gene_numbers(adata, [twice])


def test_cells_are_chosen_by_mask(adata):
    mask = (adata.obs["celltype"] == adata.obs["celltype"].iloc[0]).to_numpy()
    adata.obs["mask"] = mask
    for given in ("mask", mask, list(mask), adata.obs["mask"][::-1]):
        np.testing.assert_array_equal(resolve.cell_mask(adata, given), mask)
    assert resolve.cell_mask(adata, None).all()
    with pytest.raises(TypeError, match="`mask_obs` must be boolean"):
        resolve.cell_mask(adata, "pseudotime")
    adata.obs["some"] = pd.array([None, *mask[1:]], dtype="boolean")
    with pytest.raises(ValueError, match="`mask_obs` is missing for 1 cells"):
        resolve.cell_mask(adata, "some")
    with pytest.raises(ValueError, match="selects no cells"):
        resolve.cell_mask(adata, ~np.ones(adata.n_obs, dtype=bool))


def test_expression_is_that_of_the_layer(adata):
    assert resolve.expression(adata, "logged_counts").select(np.array([1, 5])).shape == (600, 2)
    with pytest.warns(UserWarning, match="X holds whole numbers, which look like counts"):
        assert resolve.expression(adata, None).shape == (600, 60)
    with pytest.raises(KeyError, match="No layer 'logged'; existing: 'logged_counts'"):
        resolve.expression(adata, "logged")
    adata.X = None
    with pytest.raises(KeyError, match="pass `layer=`"):
        resolve.expression(adata, None)
