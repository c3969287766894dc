"""Errors and signals end a command with their exit codes, and leave the process as it was."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import typer

from kompot_scverse._cli.session import errors_as_exit_codes

COMMAND = """
import sys
from kompot_scverse_command import main
main()
print([name for name in ("anndata", "pandas", "typer") if name in sys.modules])
"""


def fail(error: BaseException) -> None:
    with errors_as_exit_codes():
        raise error


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ValueError("`x` is wrong."), 1, "Error: `x` is wrong.\n"),
        (MemoryError(), 1, "Error: MemoryError\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_errors_end_with_their_code_and_sentence(
    capsys: pytest.CaptureFixture, error: BaseException, code: int, text: str
) -> None:
    with pytest.raises(typer.Exit) as raised:
        fail(error)
    assert raised.value.exit_code == code
    assert capsys.readouterr().err == text


def test_mistakes_of_ours_show_where() -> None:
    with pytest.raises(AttributeError):
        fail(AttributeError("no"))


@pytest.fixture
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that is not ignored, as it is where a shell runs the tests in the background."""
    one = getattr(signal, request.param)
    before = signal.signal(one, signal.default_int_handler)
    yield one
    signal.signal(one, before)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of Unix")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGINT"], indirect=True)
@pytest.mark.parametrize("turned", [False, True], ids=["as raised", "turned into another"])
def test_signals_end_with_their_code(number: int, turned: bool) -> None:
    before, undone = signal.getsignal(number), []

    def interrupted() -> None:
        with errors_as_exit_codes():
            try:
                signal.raise_signal(number)
            except KeyboardInterrupt as error:
                if turned:  # as jax does
                    raise ValueError("cache keys should be comparable") from error
                raise
            finally:
                undone.append(True)

    with pytest.raises(typer.Exit) as raised:
        interrupted()
    assert raised.value.exit_code == 128 + number
    assert undone == [True]
    assert signal.getsignal(number) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of Unix")
@pytest.mark.parametrize("number", ["SIGHUP"], indirect=True)
def test_ignored_signals_stay_ignored(number: int) -> None:
    """As under nohup."""
    signal.signal(number, signal.SIG_IGN)
    with errors_as_exit_codes():
        signal.raise_signal(number)
    assert signal.getsignal(number) == signal.SIG_IGN


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of Unix")
@pytest.mark.parametrize("number", ["SIGTERM"], indirect=True)
def test_signals_that_got_lost(number: int) -> None:
    reached = []

    def lost() -> None:
        with errors_as_exit_codes() as go_on:
            go_on()
            with suppress(KeyboardInterrupt):  # as a destructor does
                signal.raise_signal(number)
            go_on()
            reached.append(True)

    with pytest.raises(typer.Exit) as raised:
        lost()
    assert raised.value.exit_code == 128 + number
    assert not reached


def test_other_threads_take_no_signals() -> None:
    done = []

    def run() -> None:
        with errors_as_exit_codes():
            done.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [True]


def test_version_loads_nothing() -> None:
    """Importing the package takes seconds."""
    found = subprocess.run([sys.executable, "-c", COMMAND, "--version"], capture_output=True, text=True, check=True)
    version, loaded = found.stdout.splitlines()
    assert version.count(".") == 2
    assert loaded == "[]"
