"""Columns of obs of a MuData, wherever they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from mudata import MuData

from .cells import CellMap
from .errors import missing
from .holders import split_name
from .tables import column_of

SHOWN = 5
"""Cells that an error names."""


class Columns:
    """
    The obs table of a modality, or of the whole MuData, for functions written for AnnData; columns are looked up on demand.

    For a modality, a column is searched in `mdata.obs[name]`, `mdata.obs["mod:name"]` and the modality's own obs; for the whole
    MuData, in `mdata.obs[name]` and in all modalities. If several places have it, they must agree. If none has it, the other
    modalities are searched. `"rna:name"` takes the column of one modality. Other attributes are those of a table of all columns.

    Parameters
    ----------
    mdata
        The MuData.
    cells
        Its cells.
    modality
        Name of the modality; empty for the whole.
    """

    def __init__(self, mdata: MuData, cells: CellMap, modality: str) -> None:
        self._mdata, self._cells, self._modality = mdata, cells, modality
        self._found: dict[str, pd.Series] = {}

    @property
    def index(self) -> pd.Index:
        """Names of the cells."""
        return self._mdata.mod[self._modality].obs_names if self._modality else self._mdata.obs_names

    @property
    def columns(self) -> pd.Index:
        """Names of all columns."""
        names = list(self._mdata.mod[self._modality].obs.columns) if self._modality else []
        names += list(self._mdata.obs.columns)
        others = [(mod, name) for mod, own in self._mdata.mod.items() for name in own.obs.columns]
        names += [f"{mod}:{name}" for mod, name in others]
        return pd.Index(list(dict.fromkeys([*names, *(name for _, name in others)])), dtype=object)

    def _places(self, key: str) -> list[tuple[str, str]]:
        """Where a column is: modality (empty: the MuData) and name there, by precedence."""
        own = self._mdata.obs.columns
        mod, name = split_name(self._mdata, key)
        if mod:
            found = [("", key)] if key in own else []
            return found + ([(mod, name)] if name in self._mdata.mod[mod].obs.columns else [])
        found = [("", key)] if key in own else []
        if self._modality:
            found += self._in_modality(self._modality, key)
        if not self._modality or not found:
            for mod in self._mdata.mod:
                if mod != self._modality:
                    found += self._in_modality(mod, key)
        return found

    def _in_modality(self, mod: str, key: str) -> list[tuple[str, str]]:
        found = [("", f"{mod}:{key}")] if f"{mod}:{key}" in self._mdata.obs.columns else []
        return found + ([(mod, key)] if key in self._mdata.mod[mod].obs.columns else [])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self._places(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            names = list(key)
            return pd.DataFrame({name: self[name] for name in names}, index=self.index, columns=names)
        if key not in self._found:
            self._found[key] = self._find(key)
        return self._found[key]

    def __setitem__(self, key: str, values: Any) -> None:
        """Write a column where results are written: to the modality, or to the MuData."""
        (self._mdata.mod[self._modality] if self._modality else self._mdata).obs[key] = values
        self._found.pop(key, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self[list(self.columns)], name)

    def _find(self, key: str) -> pd.Series:
        places = self._places(key)
        if not places:
            raise missing("obs column", key, self.columns)
        found = self._version(*places[0])
        for place in places[1:]:
            found = found.joined(self._version(*place), key)
        return found.values.rename(key)

    def _version(self, mod: str, name: str) -> "_Version":
        obs, place = (self._mdata.mod[mod] if mod else self._mdata).obs, f"mdata[{mod!r}].obs" if mod else "mdata.obs"
        column, label = column_of(obs, name, place), f"{place}[{name!r}]"
        # what was pulled from a modality knows of its cells only
        source = mod or split_name(self._mdata, name)[0]
        known = self._cells.positions(source, self._modality) >= 0
        return _Version(label, mod, self._cells.align(column, mod, self._modality), known)


@dataclass(frozen=True)
class _Version:
    """A column of one place, at our cells."""

    label: str
    """What to call it."""
    mod: str
    """The modality; empty for the MuData's own obs."""
    values: pd.Series
    known: np.ndarray
    """Cells of which the place knows."""

    def joined(self, other: "_Version", key: str) -> "_Version":
        """These values and, of other cells, those of `other`; the two must not contradict each other."""
        self._check(other, key)
        fill = other.known & ~self.known
        if not fill.any():
            return self
        values = self.values.astype(object)
        values[fill] = other.values.astype(object)[fill]
        values = values.astype("category") if isinstance(self.values.dtype, pd.CategoricalDtype) else values
        return _Version(self.label, self.mod, values.infer_objects(), self.known | other.known)

    def _check(self, other: "_Version", key: str) -> None:
        both = np.flatnonzero(self.known & other.known)
        left, right = (version.values.iloc[both].astype(object).to_numpy() for version in (self, other))
        absent = [pd.isna(side) for side in (left, right)]
        same = absent[0] & absent[1]
        valued = np.flatnonzero(~(absent[0] | absent[1]))
        same[valued] = (left[valued] == right[valued]).astype(bool)
        for n in valued[~same[valued]]:
            # 1 and "1" are the same label to us, as everywhere
            same[n] = str(left[n]) == str(right[n])
        wrong = np.flatnonzero(~same)
        if len(wrong) == 0:
            return
        names = self.values.index[both]
        named = ", ".join(f"{names[n]} ({left[n]!r} and {right[n]!r})" for n in wrong[:SHOWN])
        more = f" and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
        mod = self.mod or other.mod
        hint = f", or name that of one modality, like '{mod}:{key}'" if mod and ":" not in key else ""
        raise ValueError(
            f"{self.label} and {other.label} disagree about {len(wrong):,} cells: {named}{more}. "
            f"Make them equal, rename one of them{hint}."
        )
