"""The command `kompot-scverse`; beside the package, whose import takes longer than to print its version."""

import atexit
import os
import sys
from importlib.metadata import version

__all__ = ["main"]


def main() -> None:
    """Run the command."""
    if sys.argv[1:] == ["--version"]:
        print(version("kompot-scverse"))
        return
    codes: list[int] = []
    # registered first, called last
    atexit.register(_end, codes)
    from kompot_scverse._cli import app

    try:
        app()
    except SystemExit as error:
        codes.append(error.code if isinstance(error.code, int) else 1)
        raise


def _end(codes: list[int]) -> None:
    """End here if a file could not be written: HDF5 then crashes when it cleans up, in place of the exit code."""
    hdf5 = sys.modules.get("kompot_scverse._cli.hdf5")
    if hdf5 is not None and hdf5.failed():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[-1] if codes else 1)
