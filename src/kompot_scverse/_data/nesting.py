"""Samples that may be technical: another column groups them within the conditions."""

import numpy as np
import pandas as pd

from kompot_scverse._stats.design import Design

from .protocol import AnnDataLike
from .sample_table import first_cells
from .tables import column_of


def grouping_column(adata: AnnDataLike, design: Design) -> tuple[str, int] | None:
    """
    A column of obs whose categories each hold whole samples of one condition, and several on average; None if there is none.

    Every condition must have at least two of them, or they could be a finer name of the condition, as an age is.

    Parameters
    ----------
    adata
        The data.
    design
        Conditions and samples.

    Returns
    -------
    Its name and its number of categories among the samples.
    """
    if design.sample_key is None or design.formula is not None:
        return None
    codes, n = design.sample_codes, len(design.samples)
    rows = np.flatnonzero(codes >= 0)
    first = first_cells(codes, n)
    for name in adata.obs.columns:
        if name in (design.sample_key, design.groupby):
            continue
        try:
            column = column_of(adata.obs, name)
        except ValueError:
            # modalities that have clusters or counts of their own under one name: nobody asked for this column
            continue
        if pd.api.types.is_float_dtype(column.dtype):
            continue
        of_samples = pd.factorize(column.iloc[first])[0]
        if (of_samples < 0).any() or not _groups(of_samples, design.sample_conditions):
            continue
        values = pd.factorize(column)[0]
        # whole samples
        if (values[rows] == values[first][codes[rows]]).all():
            return str(name), int(of_samples.max()) + 1
    return None


def _groups(values: np.ndarray, conditions: np.ndarray) -> bool:
    """Whether values group the samples within conditions."""
    pairs = {(int(value), int(condition)) for value, condition in zip(values, conditions, strict=True)}
    n = int(values.max()) + 1
    if len(pairs) > n or 2 * n > len(values):
        return False
    return bool(min(np.bincount([condition for _, condition in pairs], minlength=int(conditions.max()) + 1)) >= 2)
