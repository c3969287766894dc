"""Plots of a MuData: what is drawn is what the modalities say by themselves."""

import numpy as np
import pytest

from kompot_scverse import GPSettings, TestSettings, get, pl, tl

CALL = {"groupby": "Age", "reference": "Young", "groups": "Old", "use_rep": "joint"}
FAST = TestSettings(null_genes=200)
SHOW = {"show": False}


@pytest.fixture(scope="module")
def analysed_once(partial_once, citeseq_once):
    partial = partial_once.copy()
    umap = dict(zip(citeseq_once.obs_names, citeseq_once.obsm["X_umap"], strict=True))
    partial.obsm["X_umap"] = np.array([umap[name] for name in partial.obs_names])
    tl.da(partial, **CALL)
    tl.de(partial, **CALL, test=FAST, gp=GPSettings.kompot())
    return partial


@pytest.fixture
def analysed(analysed_once):
    return analysed_once.copy()


def drawn_values(ax):
    """Values of the points in colour, by position."""
    found = {}
    for collection in ax.collections:
        if collection.get_array() is not None:
            positions = np.asarray(collection.get_offsets())
            found |= {
                tuple(place): value for place, value in zip(positions, np.asarray(collection.get_array()), strict=True)
            }
    return found


@pytest.mark.parametrize("mod", ["rna", "prot"])
def test_embedding_of_a_feature_by_its_modality(analysed, mod):
    name = analysed[mod].var_names[2]
    ax = pl.embedding(analysed, "umap", color=f"{mod}:{name}", **SHOW)
    expected = get.layer(analysed, "fold_change", mod=mod, genes=[name])[:, 0]
    places = analysed.obsm["X_umap"][[analysed.obs_names.get_loc(cell) for cell in analysed[mod].obs_names]]
    found = drawn_values(ax)
    np.testing.assert_allclose([found[tuple(place)] for place in places], expected, rtol=1e-4, atol=1e-6)
    assert ax.get_title().startswith(f"{mod}:{name}")


def test_embedding_of_abundance_and_of_both_modalities(analysed):
    names = [f"rna:{analysed['rna'].var_names[0]}", f"prot:{analysed['prot'].var_names[0]}"]
    axes = pl.embedding(
        analysed, "umap", color=["lfc_zscore", "celltype", *names], highlight={"Age": "Old"}, **SHOW
    ).axes
    assert len(axes) == 4
    found = drawn_values(axes["lfc_zscore"])
    old = np.asarray(analysed.obs["Age"] == "Old")
    expected = analysed.obs["kompot_da_Young_to_Old_lfc_zscore"].to_numpy()[old]
    np.testing.assert_allclose([found[tuple(place)] for place in analysed.obsm["X_umap"][old]], expected)
    with pytest.raises(KeyError, match=r"'rna:nothing'; existing: 'rna:"):
        pl.embedding(analysed, "umap", color="rna:nothing", **SHOW)


def test_modality_with_joint_embedding(analysed):
    ax = pl.embedding(analysed, "umap", color="reference_std", mod="prot", **SHOW)
    assert len(drawn_values(ax)) == analysed["prot"].n_obs
    with pytest.raises(LookupError, match="is of the modalities 'rna' and 'prot'; pass one of them as `mod=`"):
        pl.embedding(analysed, "umap", color="reference_std", **SHOW)


def test_expression_is_of_the_modality_of_the_gene(analysed):
    name = analysed["prot"].var_names[1]
    panels = pl.expression(analysed, f"prot:{name}", basis="umap", **SHOW)
    expected = get.layer(analysed, "fold_change", mod="prot", genes=[name])[:, 0]
    np.testing.assert_allclose(
        sorted(drawn_values(panels.axes["fold_change"]).values()), np.sort(expected), rtol=1e-4, atol=1e-6
    )


def test_heatmap_of_features_of_both_modalities(analysed, drawn_tables):
    names = {mod: list(analysed[mod].var_names[:3]) for mod in ("rna", "prot")}
    features = [f"{mod}:{name}" for mod in names for name in names[mod]]
    call = {"cell_groups": "celltype", "kind": "fold_change", "cluster": False} | SHOW
    (joint,) = drawn_tables(pl.heatmap(analysed, genes=features, **call))
    assert joint.index.to_list() == features
    # the joint heatmap shows cells that both have
    both = analysed[np.isin(analysed.obs_names, np.intersect1d(analysed["rna"].obs_names, analysed["prot"].obs_names))]
    for mod in names:
        (own,) = drawn_tables(pl.heatmap(both.copy(), genes=names[mod], mod=mod, **call))
        np.testing.assert_allclose(
            joint.loc[[f"{mod}:{name}" for name in names[mod]], own.columns], own, rtol=1e-4, atol=1e-6
        )
    dots = pl.dotplot(analysed, "celltype", genes=features, **SHOW)
    assert {label.get_text() for label in dots.get_yticklabels()} == set(features)


def test_volcano_needs_a_modality(analysed):
    names = list(analysed["prot"].var_names[:3])
    ax = pl.volcano_de(analysed, mod="prot", labels=names, **SHOW)
    assert {text.get_text() for text in ax.texts} >= set(names)
    for draw in (lambda: pl.volcano_de(analysed, **SHOW), lambda: pl.heatmap(analysed, "celltype", **SHOW)):
        with pytest.raises(LookupError, match="'rna' and 'prot'; pass one of them as `mod=`"):
            draw()
    with pytest.raises(TypeError, match="`mod='rna'`"):
        pl.volcano_de(analysed["rna"], mod="rna", **SHOW)


def test_single_modality_needs_none(analysed):
    tl.de(analysed, **CALL, mod="rna", key_added="single", test=FAST)
    name = analysed["rna"].var_names[0]
    ax = pl.volcano_de(analysed, key_added="single", labels=[name], **SHOW)
    assert name in [text.get_text() for text in ax.texts]
    for feature in (name, f"rna:{name}"):
        ax = pl.heatmap(analysed, "celltype", genes=[feature], **SHOW)
        assert [label.get_text() for label in ax.get_yticklabels()] == [name]


def test_abundance_plots(analysed):
    categories = set(analysed.obs["celltype"].cat.categories)
    ax = pl.volcano_da(analysed, color="celltype", **SHOW)
    assert {text.get_text() for text in ax.get_legend().get_texts()} == categories
    ax = pl.direction_barplot(analysed, "celltype", **SHOW)
    assert {label.get_text().partition(" (n = ")[0] for label in ax.get_yticklabels()} == categories
