"""Bars of long steps."""

import logging
import os
import re
import subprocess
import sys
import time

import pytest

from kompot_scverse._gp import progress as module
from kompot_scverse._gp.progress import note_pass, progress_bar, progress_of_passes


def test_long_steps_show_how_far_they_are(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "DELAY", 0.0)
    with progress_bar(8, "likelihoods", "genes") as advance:
        advance(3)
        advance(5)
    shown = capsys.readouterr().err
    assert "likelihoods" in shown
    assert "0/8" in shown


def test_short_steps_are_silent(capsys: pytest.CaptureFixture[str]):
    with progress_bar(8, "likelihoods", "genes") as advance:
        advance(8)
    assert capsys.readouterr().err == ""


def test_rate_and_time_left_are_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "DELAY", 0.0)
    with progress_bar(1000, "expression", "cells") as advance:
        for _ in range(4):
            advance(200)
            time.sleep(0.06)
    shown = capsys.readouterr().err
    assert re.search(r"expression:.*\d+/1000 \[\d+:\d+<\d+:\d+, *[\d.]+ cells/s\]", shown)


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_no_bar_where_the_logger_is_set_to_warnings(capsys: pytest.CaptureFixture[str], monkeypatch, level: int):
    monkeypatch.setattr(module, "DELAY", 0.0)
    logger = logging.getLogger("kompot_scverse")
    monkeypatch.setattr(logger, "level", level)
    with progress_bar(8, "likelihoods", "genes") as advance:
        advance(3)
        advance.expect(9)
    assert capsys.readouterr().err == ""


def test_length_that_is_found_on_the_way(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "DELAY", 0.0)
    with progress_bar(10, "basis", "pivots") as advance:
        advance(8)
        advance.expect(4)
        assert advance._bar.total == 8
        advance.expect(40)
        advance(40)
        assert advance._bar.total == 48
    assert "basis" in capsys.readouterr().err


def test_passes_are_counted_where_they_are_made(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "DELAY", 0.0)
    note_pass(3)
    assert capsys.readouterr().err == ""
    with progress_of_passes(30, "log ratios"):
        note_pass(10)
        note_pass(25)
    shown = capsys.readouterr().err
    assert "log ratios" in shown
    assert "cells" in shown
    note_pass(3)
    assert capsys.readouterr().err == ""


def test_the_environment_can_turn_bars_off():
    code = (
        "import logging, sys; from kompot_scverse._gp import progress; progress.DELAY = 0\n"
        "with progress.progress_bar(3, 'steps', 'steps') as advance: advance(2)"
    )
    for value, shown in (("", True), ("1", False)):
        found = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"TQDM_DISABLE": value}, capture_output=True, text=True
        )
        assert found.returncode == 0, found.stderr
        assert ("steps" in found.stderr) == shown
