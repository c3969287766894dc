"""Error rates and power of the replicate tests, on real data with nothing to find and with planted changes.

Run from anywhere: ``python benchmarks/calibration.py --quick``. Needs the development data in ../shared/data. Every row
that has a bound says whether it holds; the end lists what does not.
"""

import argparse
import logging
import sys
import time

from calibration_categories import de_categories
from calibration_da import da_null, da_power
from calibration_data import DATA
from calibration_de import cost, de_null, de_planted, de_simulated, de_stimulation
from calibration_depth import de_depth, de_panels
from calibration_ratio import da_estimates
from calibration_report import Report

PARTS = (
    de_null, de_simulated, de_depth, de_panels, de_planted, de_categories, de_stimulation, da_estimates, da_null, da_power, cost,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer splits and repetitions; their averages are rougher")
    parser.add_argument("--seed", type=int, default=1, help="of the planted changes")
    parser.add_argument(
        "--concentration", type=float, default=20, help="Dirichlet concentration of the samples' shares"
    )
    parts = {part.__name__: part for part in PARTS}
    parser.add_argument("--only", choices=sorted(parts), nargs="*", default=list(parts))
    args = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"No data: this benchmark reads the development data in {DATA}, which is not there.")
    logging.getLogger("kompot_scverse").setLevel(logging.ERROR)
    report = Report()
    for name in args.only:
        start = time.perf_counter()
        parts[name](args, report)
        print(f"  [{name}: {time.perf_counter() - start:.0f} s]")
    report.summary()


if __name__ == "__main__":
    main()
