"""What is warned of is heard by the call that is being made, and by it alone."""

import logging
import warnings

import pytest

from kompot_scverse._messages import MAX_CHARACTERS, MAX_WARNINGS, hear, logger, warn


def test_warnings_and_log_are_heard_in_order_and_once(caplog):
    with hear() as heard, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("first")
        logger.warning("second %d", 2)
        logger.info("not this")
        warn("first")
    assert heard == [{"category": "UserWarning", "text": "first"}, {"category": "logged", "text": "second 2"}]
    assert [str(one.message) for one in caught] == ["first", "first"]
    assert caught[0].filename == __file__
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == ["second 2"]
    assert not logger.filters


def test_what_is_silenced_is_heard_and_what_is_an_error_is_an_error():
    with hear() as heard, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warn("quiet")
    assert [one["text"] for one in heard] == ["quiet"]
    with pytest.raises(UserWarning, match="loud"), hear():
        warn("loud")
    assert not logger.filters


def test_calls_within_calls_and_none():
    with warnings.catch_warnings(), hear() as outer:
        warnings.simplefilter("ignore")
        with hear() as inner:
            warn("inner")
        warn("outer")
    assert ([one["text"] for one in outer], [one["text"] for one in inner]) == (["outer"], ["inner"])
    with pytest.warns(UserWarning, match="nobody"):
        warn("nobody")


def test_no_more_than_fits():
    with warnings.catch_warnings(), hear() as heard:
        warnings.simplefilter("ignore")
        for number in range(MAX_WARNINGS + 5):
            warn(f"{number} " + "x" * MAX_CHARACTERS)
    assert len(heard) == MAX_WARNINGS
    assert {len(one["text"]) for one in heard} == {MAX_CHARACTERS}
