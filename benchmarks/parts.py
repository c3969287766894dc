"""Parts of a benchmark, chosen by name."""

import argparse
import logging
import warnings
from collections.abc import Callable


def run_parts(description: str | None, *parts: Callable[[], None]) -> None:
    """Run the functions that `--only` names, all by default, without messages."""
    by_name = {part.__name__: part for part in parts}
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", choices=sorted(by_name), nargs="*", default=list(by_name))
    warnings.simplefilter("ignore")
    logging.getLogger("kompot_scverse").setLevel(logging.ERROR)
    for name in parser.parse_args().only:
        by_name[name]()
