"""Fields and summaries of abundance."""

import numpy as np
import pytest

from kompot_scverse._runs.packed import unpack_distances

PREFIX = "kompot_da_Young_to_Old_"


@pytest.mark.parametrize("name", ["da", "da samples"])
def test_all_planned_fields_are_filled(taken, name):
    found = taken(name)
    assert set(found.results.values) == {(field.slot, field.key) for field in found.job.task.planned}


@pytest.mark.parametrize(("name", "suffix"), [("da", ""), ("da samples", "_sample_var")])
def test_the_run_counts_what_the_fields_say(taken, name, suffix):
    found = taken(name)
    (summary,) = found.results.content.summaries
    cells = found.job.task.design.compared(1)
    direction = np.asarray(found.results.values["obs", f"{PREFIX}lfc_direction{suffix}"])[cells]
    for label in ("up", "down", "neutral"):
        assert summary[f"n_{label}"] == (direction == label).sum()
    assert summary["n_cells"] == cells.sum()
    assert summary["mean_lfc"] == pytest.approx(np.asarray(found.results.values["obs", f"{PREFIX}lfc"])[cells].mean())


def test_the_run_records_the_thresholds_that_decide(taken):
    pooled, tested = (taken(name).results.content.params for name in ("da", "da samples"))
    assert {"ptp_threshold", "lfc_threshold"} <= set(pooled)
    assert {"fdr_threshold", "lfc_samples_threshold", "n_neighborhoods"} <= set(tested)
    assert "n_neighborhoods" not in pooled
    assert "sigma" not in pooled
    (kept,) = taken("da samples").results.content.diagnostics
    n = len(kept["samples"]["labels"])
    assert unpack_distances(kept["samples"]["distances"]).shape == (n, n)


def test_the_report_names_the_numbers(taken, caplog):
    found = taken("da")
    with caplog.at_level("INFO", "kompot_scverse"):
        found.tool.report(found.job.task, found.results)
    (summary,) = found.results.content.summaries
    assert f"{summary['n_up']:,} cells up, {summary['n_down']:,} down, of {summary['n_cells']:,}." in caplog.text
