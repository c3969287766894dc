"""Cells of the modalities of a MuData: which is which."""

from typing import Any

import numpy as np
import pandas as pd
from mudata import MuData


class CellMap:
    """
    Rows of the modalities and of the MuData, matched through `obsmap`.

    Parameters
    ----------
    mdata
        The MuData; modalities may miss cells and have another order.
    """

    def __init__(self, mdata: MuData) -> None:
        self.mdata = mdata
        self._rows: dict[str, np.ndarray] = {}

    def rows(self, mod: str) -> np.ndarray:
        """
        Row in the MuData of every cell of a modality (empty: of the MuData itself).

        Raises
        ------
        ValueError
            If the modality was changed since the MuData was last updated.
        """
        if mod not in self._rows:
            self._rows[mod] = self._find(mod) if mod else np.arange(self.mdata.n_obs)
        return self._rows[mod]

    def _find(self, mod: str) -> np.ndarray:
        own, places = self.mdata.mod[mod], np.asarray(self.mdata.obsmap[mod]).astype(np.intp).ravel()
        present = np.flatnonzero(places > 0)
        rows = np.full(own.n_obs, -1, dtype=np.intp)
        places = places[present] - 1
        fits = len(places) == own.n_obs and (places < own.n_obs).all()
        if fits:
            rows[places] = present
        if not fits or (rows < 0).any() or not (self.mdata.obs_names[rows] == own.obs_names).all():
            raise ValueError(
                f"The cells of modality {mod!r} are not those that the MuData knows, so that its rows cannot be matched. "
                "Call `mdata.update()` after changing a modality."
            )
        return rows

    def positions(self, source: str, target: str) -> np.ndarray:
        """Row in `source` of every cell of `target`, -1 where it has none; modalities, or empty for the MuData."""
        where = np.full(self.mdata.n_obs, -1, dtype=np.intp)
        rows = self.rows(source)
        where[rows] = np.arange(len(rows))
        return where[self.rows(target)]

    def align(self, values: Any, source: str, target: str) -> Any:
        """Values of the cells of `source` at those of `target`; missing where `source` has no such cell."""
        positions = self.positions(source, target)
        if len(positions) == len(self.rows(source)) and (positions == np.arange(len(positions))).all():
            return values
        absent = positions < 0
        if isinstance(values, pd.Series | pd.DataFrame):
            taken = values.take(np.where(absent, 0, positions)).set_axis(self._names(target), axis=0)
            return taken.mask(absent) if absent.any() else taken
        if hasattr(values, "dask"):
            values = values.compute()
        if hasattr(values, "toarray"):
            values = values.toarray()
        values = np.asarray(values)
        taken = values[np.where(absent, 0, positions)]
        if absent.any():
            taken = taken.astype(np.result_type(taken.dtype, np.float32))
            taken[absent] = np.nan
        return taken

    def _names(self, mod: str) -> pd.Index:
        return self.mdata.mod[mod].obs_names if mod else self.mdata.obs_names
