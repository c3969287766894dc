"""Covariates of the samples, read from obs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._stats.design import Design

from .protocol import AnnDataLike
from .sample_table import is_number, sample_table


def sample_covariates(adata: AnnDataLike, design: Design, covariates: str | Sequence[str] | None) -> pd.DataFrame:
    """
    One row per sample with the covariates; they must not vary within a sample.

    Parameters
    ----------
    adata
        The cells.
    design
        Conditions and samples.
    covariates
        Obs columns, one or several.
    """
    names = [] if covariates is None else list(dict.fromkeys(listed("covariates", covariates, str)))
    if design.groupby in names:
        raise ValueError(f"obs[{design.groupby!r}] is `groupby`; it cannot be one of the `covariates`, too.")
    table = sample_table(adata, names, design.sample_codes, design.samples, "covariates")
    return table.astype({name: np.float64 if is_number(table[name]) else str for name in names})
