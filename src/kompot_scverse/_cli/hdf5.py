"""Writing HDF5 so that a full disk is an error, and not a crash or a file with holes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_failed = False


def failed() -> bool:
    """Whether a write has failed in this process, after which HDF5 may crash when the process ends."""
    return _failed


@contextmanager
def failures_raised(path: Path) -> Iterator[None]:
    """
    Raise what HDF5 says only to standard error, and clearly what it raises, while a block writes `path`.

    What is still in a buffer when a dataset is closed is written without anyone to raise to if that fails.
    """
    global _failed
    ignored: list[BaseException] = []
    before = sys.unraisablehook

    def remember(unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, OSError | RuntimeError):
            ignored.append(unraisable.exc_value)
        else:
            before(unraisable)

    sys.unraisablehook = remember
    try:
        yield
        if ignored:
            raise ignored[0]
    except (OSError, RuntimeError) as error:
        _failed = True
        reason = getattr(error, "strerror", None) or str(error)
        if "errno = 28" in str(error):
            reason = "no space is left on the disk"
        raise OSError(f"{path} could not be written: {' '.join(reason.split())}.") from error
    finally:
        sys.unraisablehook = before


def array_bytes(data: Any) -> int:
    """Fewest bytes that the arrays of an AnnData or MuData take in a file."""
    slots = [getattr(data, name) for name in ("layers", "obsm", "varm", "obsp", "varp")]
    # the layers of an AnnData include X, those of a MuData are None
    arrays = [value for slot in slots if slot is not None for value in slot.values()]
    if hasattr(data, "mod"):
        return sum(map(_bytes, arrays)) + sum(map(array_bytes, data.mod.values()))
    raw = None if data.raw is None else data.raw.X
    return sum(map(_bytes, [*arrays, raw]))


def _bytes(array: Any) -> int:
    if hasattr(array, "indptr"):
        return int(array.data.nbytes + array.indices.nbytes + array.indptr.nbytes)
    return int(getattr(array, "nbytes", 0))
