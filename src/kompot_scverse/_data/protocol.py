"""The type of what is read: an AnnData, or a frame of a MuData that has the same slots."""

from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd


class AnnDataLike(Protocol):
    """Cells × features with their annotation."""

    @property
    def n_obs(self) -> int:
        """Number of cells."""

    @property
    def n_vars(self) -> int:
        """Number of features."""

    @property
    def obs_names(self) -> pd.Index:
        """Names of the cells."""

    @property
    def var_names(self) -> pd.Index:
        """Names of the features."""

    @property
    def obs(self) -> Any:
        """A table, in memory or lazily read, or columns that are looked up in several."""

    @property
    def var(self) -> Any:
        """As `obs`, of the features."""

    @property
    def X(self) -> Any:
        """Any matrix of cells × features; None for none."""

    @property
    def layers(self) -> Any:
        """Matrices by name; some containers also list X, as None."""

    @property
    def obsm(self) -> Mapping[str, Any]:
        """Arrays and tables of the cells by name."""

    @property
    def varm(self) -> Mapping[str, Any]:
        """Arrays and tables of the features by name."""

    @property
    def uns(self) -> Mapping[str, Any]:
        """Everything else by name."""
