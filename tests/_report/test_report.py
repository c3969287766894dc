"""The report of runs: what is on the page, for whatever runs there are."""

import json
import re
import warnings
from pathlib import Path

import mudata as md
import numpy as np
import pandas as pd
import pytest
from pages import DESIGN, EVIL, read_page

import kompot_scverse as kp

NAME = "run-1-genes-table"


def plots(page) -> list[str]:
    return page.values("figure", "data-plot")


def test_everything_is_on_the_page(analysed, full):
    page = read_page(full.read_text())
    assert page.texts["h1"] == ["A <title>"]
    assert page.texts["title"] == ["A <title>"]
    headings = page.texts["h2"]
    assert headings[1:4] == ["Overview", "Design and samples", "Before you believe it"]
    assert headings[4:] == ["Abundance: Young → Old", "Expression: Young → Old", "Provenance"]
    below = page.texts["h3"]
    assert {"Map", "Genes", "Where they change", "Regions", "Programs", "Gene sets", "Samples", "Diagnostics"} <= set(
        below
    )
    links = [link for link in page.values("a", "href") if link != "#overview"]
    ids = [own["id"] for tag, own in page.tags if tag == "section"]
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert len(ids) == len(set(ids))
    assert "note" not in page.values("p", "class")
    assert [own["alt"] for tag, own in page.tags if tag == "img" if not own.get("alt")] == []


def test_genes_are_those_of_the_table(analysed, full):
    page, genes = read_page(full.read_text()), kp.get.de_df(analysed, influence=True, annotate="celltype")
    shown = page.column(NAME, 0)
    assert shown == genes.index[: len(shown)].tolist()
    assert len(shown) == max(10, genes["is_de"].sum())
    head = page.tables[NAME][0]
    first = dict(zip(head, page.tables[NAME][1], strict=True))
    assert first["mean LFC"] == f"{genes['mean_lfc'].iloc[0]:+.2f}".replace("-", "−")
    assert first["rests on"] == genes["influence_sample"].iloc[0]
    names = kp.get.de_df(analysed, cell_group="Monocyte").index
    with warnings.catch_warnings():
        # categories with too few cells have no rows, which is said
        warnings.filterwarnings("ignore", ".*too few cells of one of the conditions")
        by_category = pd.DataFrame(
            {
                name: kp.get.de_df(analysed, cell_group=name).reindex(names)["pvalue"]
                for name in analysed.obs["celltype"].cat.categories
            }
        )
    assert first["strongest in"] == by_category.loc[genes.index[0]].idxmin()


def test_what_is_left_without_each_sample(analysed, full):
    page = read_page(full.read_text())
    for number, analysis in enumerate(("da", "de")):
        table = kp.get.influence(analysed, analysis=analysis)
        rows = page.tables[f"run-{number}-influence"][1:]
        assert [row[0] for row in rows] == table.index.tolist()
        assert [row[1] for row in rows] == [f"{n:,}" for n in table["n_lost"]]


def test_samples_and_their_columns(analysed, full):
    page = read_page(full.read_text())
    rows = page.tables["samples-0"]
    assert rows[0] == ["Replicate", "Age", "cells", "bad <u>column"]
    counts = analysed.obs["Replicate"].value_counts()
    assert {row[0]: row[2] for row in rows[1:]} == {str(name): f"{n:,}" for name, n in counts.items()}
    assert [row[3] for row in rows[1:]] == [f"{row[0]}<hr>" for row in rows[1:]]
    assert len(set(page.values("table", "id"))) == len(page.values("table", "id"))


def test_page_needs_nothing_and_says_nothing_of_the_machine(full):
    text = full.read_text()
    page = read_page(text)
    assert "://" not in text
    assert all(source.startswith("data:image/png;base64,") for source in page.values("img", "src"))
    assert all(link.startswith("#") for link in page.values("a", "href"))
    assert {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "base", "form"} == set()
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    outside = re.sub(r"base64,[\w+/=]*", "", text)
    assert str(Path.home()) + "/" not in outside
    assert str(full.parent) not in outside
    assert EVIL not in outside
    assert EVIL in "".join(page.texts["th"])


def test_paths_of_calls_keep_their_last_part(analysed, made, tmp_path):
    adata = analysed.copy()
    storage = kp.StorageSettings(layers="disk", directory=str(tmp_path / "deep"))
    kp.tl.de(
        adata, "Age", layer="logged_counts", genes=list(adata.var_names[:5]), storage=storage, overwrite=True, **DESIGN
    )
    page = made(adata, run_id=-1)
    text = "".join(sum(page.texts.values(), []))
    assert "deep" in text
    assert str(tmp_path) not in text


def test_without_samples_it_says_so(adata, made):
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    page = made(adata, cell_groups="celltype")
    assert "The run has no samples" in page.texts["li"][-1] or any("no samples" in text for text in page.texts["li"])
    assert "q (cells)" in page.tables["run-0-genes-table"][0]
    assert plots(page)[0] == "volcano_de"
    assert "replicates" not in plots(page)
    kp.tl.cleanup(adata)
    assert plots(made(adata, cell_groups="celltype")) == plots(page)


def test_abundance_alone_and_without_an_embedding(adata, made):
    del adata.obsm["X_umap"]
    kp.tl.da(adata, "Age", reference="Young", sample_key="Replicate")
    page = made(adata)
    assert [text for text in page.texts["h2"] if ":" in text] == ["Abundance: Young → Mid", "Abundance: Young → Old"]
    assert plots(page) == ["embedding", "embedding", "volcano_da", "samples", "samples", "diagnostics"] * 2
    assert any("Mid has 2 samples" in text for text in page.texts["li"])
    one = made(adata, group="Old", cell_groups="celltype")
    assert plots(one) == [
        "embedding",
        "embedding",
        "volcano_da",
        "beeswarm_da",
        "proportions",
        "samples",
        "samples",
        "diagnostics",
    ]
    with pytest.raises(LookupError, match="no such run; existing: 0"):
        made(adata, run_id=7)
    with pytest.raises(LookupError, match="no such run"):
        made(adata, run_id=-3)


def test_runs_of_designs_have_a_page(made):
    ages = pd.DataFrame(
        {"age": np.linspace(20, 80, 8), "change": np.linspace(0, 1, 8)}, index=[f"s{n}" for n in range(8)]
    )
    adata = kp.datasets.simulate(480, 20, samples=ages, rng=0)
    design = kp.Design("~ age", test="age")
    kp.tl.da(adata, design, sample_key="sample")
    kp.tl.de(adata, design, sample_key="sample", layer="logged_counts")
    page = made(adata, cell_groups="branch")
    assert [text for text in page.texts["h2"] if ":" in text] == ["Abundance: age", "Expression: age"]
    assert page.tables["samples-0"][0][:3] == ["sample", "cells", "age"]
    assert page.column("samples-0", 2)[0] == "20"
    assert "trend" in plots(page)
    assert "note" not in page.values("p", "class")


def test_several_levels_at_once(made):
    ages = pd.DataFrame({"arm": np.repeat(list("abc"), 3)}, index=[f"s{n}" for n in range(9)])
    ages["change"] = (ages["arm"] == "c") * 1.0
    adata = kp.datasets.simulate(540, 12, samples=ages, rng=0)
    design = kp.Design("~ arm", test="arm")
    kp.tl.da(adata, design, sample_key="sample")
    kp.tl.de(adata, design, sample_key="sample", layer="logged_counts")
    page = made(adata, cell_groups="branch")
    assert "note" not in page.values("p", "class")
    assert "volcano_de" in plots(page)
    assert "largest LFC" in page.tables["run-3-genes-table"][0]


def test_every_modality_has_a_section(citeseq, made):
    kp.tl.da(citeseq, "Age", use_rep="X_joint", **DESIGN)
    kp.tl.de(citeseq, "Age", use_rep="X_joint", mod=["rna", "prot"], cell_groups="celltype", **DESIGN)
    page = made(citeseq)
    assert page.texts["h2"][-4:-1] == [
        "Abundance: Young → Old",
        "Expression: Young → Old (rna)",
        "Expression: Young → Old (prot)",
    ]
    genes = page.column("run-1-prot-genes-table", 0)
    assert set(genes) <= set(citeseq["prot"].var_names)
    assert "note" not in page.values("p", "class")
    alone = made(citeseq, mod="prot")
    assert [text for text in alone.texts["h2"] if "Expression" in text] == ["Expression: Young → Old (prot)"]
    assert isinstance(citeseq, md.MuData)


def test_overwritten_and_deleted_runs_are_not_shown_as_results(adata, made):
    call = {"reference": "Young", "groups": "Old", "overwrite": True}
    kp.tl.da(adata, "Age", **call)
    kp.tl.da(adata, "Age", method="density", **call)
    page = made(adata)
    assert [text for text in page.texts["h2"] if ":" in text] == ["Abundance: Young → Old"]
    assert "Not shown: overwritten by run 1." in page.texts["p"]
    assert len(page.texts["summary"]) == 2
    del adata.obs["kompot_da_Young_to_Old_lfc"]
    page = made(adata)
    assert page.texts["p"].count("Not shown: its fields are gone.") == 2
    assert plots(page) == []


def test_a_part_that_cannot_be_drawn_says_why(analysed, made):
    adata = analysed.copy()
    del adata.obsm["kompot_de_basis"]
    page = made(adata, run_id=-1)
    assert any("obsm['kompot_de_basis']" in text for text in page.texts["p"])
    assert "volcano_de" in plots(page)


def test_wrong_names(analysed, made):
    for options, message in (
        ({"basis": "tsne"}, "No embedding in obsm 'tsne'; existing"),
        ({"cell_groups": "nope"}, "No obs column"),
        ({"gene_symbols": "nope"}, "No var column"),
    ):
        with pytest.raises(KeyError, match=message):
            made(analysed, **options)
    with pytest.raises(LookupError, match=r"No run in uns\['kompot'\]"):
        made(kp.datasets.simulate(160, 4))


def test_symbols_and_number_of_genes(analysed, made):
    adata = analysed.copy()
    adata.var["symbol"] = [f"S{n}" for n in range(adata.n_vars)]
    page = made(adata, run_id=1, gene_symbols="symbol", n_genes=3)
    genes = kp.get.de_df(adata, gene_symbols="symbol")
    assert page.column(NAME, 0) == genes["symbol"].tolist()[:3]


def test_style_of_the_session_stays_and_plays_no_part(analysed, made):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    # of other tests
    plt.close("all")
    with mpl.rc_context({"figure.figsize": (1, 1), "figure.facecolor": "black"}):
        before = dict(mpl.rcParams)
        made(analysed, run_id=0)
        assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


def test_warnings_of_the_calls_are_on_the_page_once_and_without_paths(adata, made):
    call = {"reference": "Young", "groups": "Old"}
    kp.tl.da(adata, "Age", **call)
    kp.tl.da(adata, "Age", **call, key_added="other")
    runs = adata.uns["kompot"]["runs"]
    record = json.loads(runs["1"])
    record["warnings"].append({"category": "UserWarning", "text": "<b> see /home/somebody/data.h5ad"})
    runs["1"] = json.dumps(record)
    page = made(adata)
    assert page.texts["h3"].count("Warnings of the calls") == 1
    said = [text for text in page.texts["li"] if text.startswith(("Without `sample_key`", "<b>"))]
    assert said == [record["warnings"][0]["text"], "<b> see …/data.h5ad"]
    assert [text for text in page.texts["small"] if text == " Runs 0, 1."] != []
