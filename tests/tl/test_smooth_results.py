"""Fields of smoothed expression."""

import numpy as np


def test_all_planned_fields_are_filled_and_follow_from_each_other(taken):
    found = taken("smooth")
    values = found.results.values
    assert {(field.slot, field.key) for field in found.job.task.planned} <= set(values)
    phi, weights = values["obsm", "kompot_smooth_Old_basis"], values["varm", "kompot_smooth_Old_weights"]
    imputed = values["layers", "kompot_smooth_Old_imputed"].compute()
    np.testing.assert_allclose(imputed, phi @ weights.T, rtol=1e-5, atol=1e-5)
    forms = values["obsm", "kompot_smooth_Old_variances"]
    loads = values["varm", "kompot_smooth_Old_variance_weights"]
    std = values["layers", "kompot_smooth_Old_std"].compute()
    np.testing.assert_allclose(std, np.sqrt(forms @ loads.T), rtol=1e-5)


def test_the_run_records_cells_and_genes(taken):
    content = taken("smooth").results.content
    assert content.summaries[0]["n_genes"] == 60
    assert content.params["n_cells_basis"] == 600
    assert {"cells", "representation", "expression"} <= set(content.fingerprint)


def test_the_report_names_what_was_smoothed(taken, caplog):
    found = taken("smooth")
    with caplog.at_level("INFO", "kompot_scverse"):
        found.tool.report(found.job.task, found.results)
    n = found.job.task.design.cells.sum()
    assert f"Smoothed 60 genes over {n:,} cells (Old)." in caplog.text
