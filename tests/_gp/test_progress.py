"""Bars of long steps."""

import pytest

from kompot_scverse._gp import progress as module
from kompot_scverse._gp.progress import progress_bar


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
