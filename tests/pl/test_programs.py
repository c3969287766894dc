"""Panels of programs show the fields and the leading genes."""

import numpy as np
import pytest

import kompot_scverse as kp
from kompot_scverse.pl._embedding import LINE, gene_lines


def test_a_panel_for_each_program_with_its_field(replicated, assert_not_clipped):
    kp.tl.programs(replicated, 2, genes=replicated.var_names[:20])
    support = replicated.obs["kompot_de_Young_to_Old_support"].to_numpy().copy()
    support[:7] = 0
    replicated.obs["kompot_de_Young_to_Old_support"] = support
    panels = kp.pl.programs(replicated)
    assert list(panels.axes) == ["1", "2"]
    table = kp.get.programs(replicated)
    for number, ax in panels.axes.items():
        field = replicated.obs[f"kompot_de_Young_to_Old_program_{number}"].to_numpy()
        grey, drawn = next(one for one in ax.collections if one.get_label() == "_unsupported"), ax.collections[-1]
        assert len(grey.get_offsets()) == (support < 0.1).sum()
        np.testing.assert_allclose(np.sort(drawn.get_array()), np.sort(field[support >= 0.1]))
        assert ax.get_title().startswith(f"{number}: {table.loc[number, 'n_genes']} genes")
        assert table.loc[number, "genes"].split(", ")[0] in ax.texts[0].get_text()
    assert_not_clipped(panels.figure)


def test_without_programs_it_says_what_to_call(replicated):
    with pytest.raises(LookupError, match=r"kp\.tl\.programs"):
        kp.pl.programs(replicated)


def test_lines_hold_as_many_genes_as_fit():
    assert gene_lines(["A", "B"]) == "A, B"
    found = gene_lines([f"Gene{number:03}" for number in range(20)]).split("\n")
    assert len(found) == 2
    assert found[1].endswith(", …")
    assert max(map(len, found)) <= LINE + 3
    assert gene_lines(["X" * 50]) == "X" * 50


def test_heatmap_of_programs(replicated):
    kp.tl.programs(replicated, 2, genes=replicated.var_names[:20])
    ax = kp.pl.heatmap(replicated, "celltype", genes="programs", n_genes=8, cluster=False)
    drawn = [text.get_text() for text in ax.get_yticklabels()]
    programs = replicated.var.loc[drawn, "kompot_de_Young_to_Old_program"].astype(str).to_list()
    assert programs == sorted(programs)
    assert max(programs.count(name) for name in "12") <= 4
