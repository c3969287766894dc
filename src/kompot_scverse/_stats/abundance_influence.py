"""The test of abundance without each sample or donor."""

import numpy as np
from numpy.typing import NDArray

from .abundance_testing import AbundanceTest, abundance_test
from .linear_model import SampleDesign


def abundance_without(
    mass: NDArray[np.float64], gram: NDArray[np.float64], design: SampleDesign, units: NDArray[np.intp]
) -> list[AbundanceTest | None]:
    """Test all neighbourhoods without each unit in turn, by the whole of :func:`abundance_test`; None where the others cannot be tested.

    Parameters
    ----------
    mass, gram
        As in :func:`abundance_test`.
    design
        Design of all samples, with one contrast.
    units
        What is left out: number of the unit of each sample. One sample, or one donor with all of theirs.
    """
    found: list[AbundanceTest | None] = []
    for unit in range(int(units.max()) + 1):
        use = units != unit
        rest = design.restricted(use)
        testable = rest.estimable and rest.residual_df >= 1
        found.append(abundance_test(mass[use], gram[use], rest) if testable else None)
    return found
