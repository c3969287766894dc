"""Fields and summaries of expression."""

import numpy as np
import pytest

PREFIX = "kompot_de_Young_to_Old_"


@pytest.mark.parametrize("name", ["de", "de samples", "de kompot"])
def test_all_planned_fields_are_filled(taken, name):
    found = taken(name)
    assert set(found.results.values) == {(field.slot, field.key) for field in found.job.task.planned}


@pytest.mark.parametrize(("name", "suffix"), [("de", ""), ("de samples", "_sample_var")])
def test_the_run_counts_what_is_called(taken, name, suffix):
    found = taken(name)
    (summary,), values = found.results.content.summaries, found.results.values
    is_de, lfc = values["var", f"{PREFIX}is_de{suffix}"], values["var", f"{PREFIX}mean_lfc"]
    assert summary["n_de"] == is_de.sum()
    assert summary["n_up"] == (is_de & (lfc > 0)).sum()
    assert summary["n_down"] == (is_de & (lfc < 0)).sum()
    assert summary["n_genes"] == 60


def test_the_mean_change_is_that_over_the_cells_compared(taken):
    found = taken("de")
    cells = found.job.task.design.compared(1)
    change = found.results.values["layers", f"{PREFIX}fold_change"].compute()
    np.testing.assert_allclose(found.results.values["var", f"{PREFIX}mean_lfc"], change[cells].mean(axis=0), atol=1e-4)


def test_means_of_categories_are_those_of_the_layer(taken, simulated):
    values = taken("de").results.values
    table = values["varm", f"{PREFIX}celltype_mean_lfc"]
    change = values["layers", f"{PREFIX}fold_change"].compute()
    compared = simulated.obs["Age"].isin(["Young", "Old"])
    for name in table.columns[table.notna().all()]:
        own = (compared & (simulated.obs["celltype"] == name)).to_numpy()
        np.testing.assert_allclose(table[name], change[own].mean(axis=0), atol=1e-3)


def test_what_the_run_keeps_for_later(taken):
    tested, pooled = taken("de samples").results.content, taken("de").results.content
    assert {"neighborhood_tree", "samples"} <= set(tested.diagnostics[0])
    assert "neighborhood_tree" not in pooled.diagnostics[0]
    assert {"cells", "representation", "expression"} <= set(tested.fingerprint)
    assert tested.params["reference_genes"] > 0
    assert pooled.params["null_genes"] == 50
