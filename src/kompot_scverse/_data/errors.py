"""Error texts that name what was given, what exists (closest first) and what to do."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher

import numpy as np

from kompot_scverse._arguments import shown

SHOWN = 12


def choices(given: object, existing: Iterable[object]) -> str:
    """What exists, closest match first, as text."""
    names = [str(name) for name in existing]
    if not names:
        return "there are none"
    names.sort(key=lambda name: -SequenceMatcher(None, str(given).lower(), name.lower()).ratio())
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "existing: " + ", ".join(repr(name) for name in names[:SHOWN]) + more


def missing(kind: str, given: object, existing: Iterable[object], hint: str = "") -> KeyError:
    """A KeyError for a name that does not exist."""
    given = given.item() if isinstance(given, np.ndarray) and given.ndim == 0 else given
    return NamedError(f"No {kind} {shown(given)}; {choices(given, existing)}.{' ' + hint if hint else ''}")


class NamedError(KeyError):
    """A KeyError that prints its sentence as it is."""

    def __str__(self) -> str:
        """Without the quotes that KeyError adds."""
        return str(self.args[0])


@contextmanager
def in_modality(mod: str) -> Iterator[None]:
    """Say in errors which modality they are about."""
    try:
        yield
    except (LookupError, TypeError, ValueError) as error:
        if mod:
            error.add_note(f"This is about modality {mod!r} of the MuData.")
        raise
