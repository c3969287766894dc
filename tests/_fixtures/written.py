"""A run and its fields, as tools write them."""

import numpy as np

from kompot_scverse._runs.run import Run


def run(run_id, fields=()):
    entries = [field.entry() for field in fields]
    return Run(
        run_id,
        "de",
        "k",
        {"groupby": "Age", "reference": "Young", "group": "Old"},
        {"sigma": np.float64(1)},
        {},
        {},
        entries,
    )
