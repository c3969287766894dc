"""Statistics that are missing for all genes or cells, and genes that a run has not analysed: a sentence each."""

import numpy as np
import pandas as pd
import pytest

import kompot_scverse.get as get
import kompot_scverse.pl as pl
import kompot_scverse.tl as tl
from kompot_scverse.settings import TestSettings


@pytest.fixture(scope="module")
def emptied(replicated_once):
    """All statistics of genes and cells are missing."""
    adata = replicated_once.copy()
    for table in (adata.var, adata.obs):
        for key in [key for key in table if key.startswith("kompot")]:
            if isinstance(table[key].dtype, pd.CategoricalDtype):
                table[key] = pd.Categorical([None] * len(table), categories=["down", "neutral", "up"], ordered=True)
            else:
                table[key] = False if "is_de" in key else np.nan
    return adata


@pytest.mark.parametrize(
    ("plot", "arguments"),
    [
        (pl.volcano_de, {}),
        (pl.volcano_de, {"y": "local_fdr"}),
        (pl.volcano_de, {"y": "qvalue"}),
        (pl.volcano_da, {}),
        (pl.volcano_da, {"y": "tail"}),
        (pl.multi_volcano_da, {"cell_groups": "branch"}),
        (pl.direction_barplot, {"cell_groups": "branch"}),
        (pl.diagnostics, {"analysis": "de"}),
        (pl.diagnostics, {"analysis": "da"}),
        (pl.heatmap, {"cell_groups": "branch"}),
        (pl.dotplot, {"cell_groups": "branch"}),
        (pl.embedding, {"color": "lfc"}),
        (pl.embedding, {"color": "lfc_direction"}),
    ],
)
def test_all_missing(emptied, unchanged, plot, arguments):
    with (
        unchanged(emptied),
        pytest.raises(ValueError, match=r" of run \d .* holds only missing values, .* nothing to draw"),
    ):
        plot(emptied, **arguments)


def test_tables_of_missing_statistics(emptied):
    assert len(get.de_df(emptied)) == 0
    assert get.da_df(emptied)["lfc"].isna().all()
    assert len(get.da_df(emptied, max_fdr=0.05)) == 0


def test_genes_that_were_not_analysed(simulated):
    adata = simulated.copy()
    names = {"layer": "logged_counts", "genes": ["Gene0002", "Gene0007"], "test": TestSettings(null_genes=0)}
    tl.de(adata, "Age", reference="Young", groups="Old", **names)
    for draw in (pl.expression, lambda data, gene: pl.embedding(data, color=gene)):
        with pytest.raises(
            ValueError, match="No values of 'Gene0001' of run 0 .*, which was not among the genes analysed"
        ):
            draw(adata, "Gene0001")
    drawn = pl.embedding(adata, color="Gene0002")
    assert any("Gene0002" in text.get_text() for text in drawn.figure.findobj(lambda one: hasattr(one, "get_text")))


@pytest.mark.parametrize(
    ("plot", "arguments", "error", "message"),
    [
        (pl.heatmap, {"cell_groups": "branch", "n_genes": 0}, ValueError, "`n_genes` must be at least 1, not 0"),
        (pl.heatmap, {"cell_groups": "branch", "genes": []}, ValueError, "`genes` names no genes"),
        (
            pl.heatmap,
            {"cell_groups": "branch", "genes": "programs"},
            LookupError,
            "No programs of run 0 .*kp.tl.programs",
        ),
        (pl.heatmap, {"cell_groups": "branch", "levels": ()}, ValueError, "`levels` is an obs column and two"),
        (
            pl.heatmap,
            {"cell_groups": "branch", "levels": (1, "a", "b")},
            ValueError,
            "`levels` is an obs column and two",
        ),
        (
            pl.heatmap,
            {"cell_groups": "nothing"},
            ValueError,
            r"obs\['nothing'\] \(`cell_groups`\) is missing for all cells",
        ),
        (pl.embedding, {"color": []}, ValueError, "`color` is empty"),
        (pl.embedding, {"ncols": 0}, ValueError, "`ncols` must be at least 1"),
        (pl.embedding, {"highlight": {"branch": {"HSC": 1}}}, TypeError, "`highlight` must be one value or a list"),
        (pl.volcano_de, {"n_top": -1}, ValueError, "`n_top` must be 0 or positive"),
        (pl.volcano_de, {"labels": -1}, ValueError, "`labels` must be 0 or positive"),
        (pl.volcano_de, {"ax": "here"}, TypeError, "`ax` must be Axes or None, not 'here'"),
        (pl.volcano_de, {"cell_group": np.zeros((2, 2))}, KeyError, "No category of 'branch' an array of shape"),
        (pl.replicates, {"gene": "Gene0001", "along": "nothing"}, ValueError, "'nothing' .* is missing for all cells"),
        (
            pl.replicates,
            {"gene": "Gene0001", "along": "hidden"},
            ValueError,
            "'hidden' .`along`. is missing for all cells",
        ),
        (pl.replicates, {"gene": "Gene0001", "along": ("X_umap", "0")}, ValueError, "`along` is an obs column or"),
        (pl.expression, {"gene": "Gene0001", "mod": ""}, TypeError, "`mod=''` names a modality"),
    ],
)
def test_what_is_asked_for_is_nothing(replicated, unchanged, plot, arguments, error, message):
    replicated.obs["nothing"] = np.nan
    replicated.obs["hidden"] = pd.Categorical(np.where(replicated.obs["Age"] == "Mid", "mid", None))
    with unchanged(replicated), pytest.raises(error, match=message):
        plot(replicated, **arguments)


def test_one_category_left_out_by_name(replicated):
    ax = pl.heatmap(replicated, "branch", n_genes=2, exclude="HSC")
    assert {label.get_text() for label in ax.get_xticklabels()} == set(replicated.obs["branch"].cat.categories) - {
        "HSC"
    }
    assert "HSC" not in [
        label.get_text() for label in pl.multi_volcano_da(replicated, "branch", exclude="HSC").get_yticklabels()
    ]
