"""Docstrings in the words of a command line."""

from dataclasses import dataclass

from kompot_scverse._cli.texts import texts_of


def tool(first: int, second: str, third: object, rng: int) -> None:
    """
    Do something.

    Parameters
    ----------
    first, second
        As :func:`kompot_scverse.tl.de` has it; None takes the
        `largest`.
    third
        None for all; None estimates it.

        None: two paragraphs.
    rng
        A generator.

    Returns
    -------
    Nothing
        None for nothing.
    """


@dataclass
class Settings:
    """Of a tool."""

    alone: int = 0
    width: float = 1.0
    """How wide; None chooses it."""
    keep: bool = False
    """Something that makes no sense on a command line."""


def test_parameters_share_their_text_and_none_is_left_out() -> None:
    found = texts_of(tool)
    assert found["first"] == found["second"] == "As kompot_scverse.tl.de has it; left out, it takes the largest."
    assert found["third"] == "leave it out for all; left out, it is estimated. Left out: two paragraphs."
    assert set(found) == {"first", "second", "third", "rng"}


def test_what_is_given_otherwise_has_a_text_of_its_own() -> None:
    assert texts_of(tool)["rng"] == "Seed of what is drawn at random."
    assert texts_of(Settings) == {
        "width": "How wide; left out, it is chosen.",
        "keep": "Keep the files of --layers disk at the end.",
    }
