"""A modality of a MuData, or all of it, as functions for AnnData see it: nothing is copied."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData

from .cells import CellMap
from .columns import Columns
from .errors import missing
from .holders import check_data, one_modality, split_name
from .protocol import AnnDataLike


def frame_of(data: object, mod: object = None) -> AnnDataLike:
    """
    What functions for AnnData work on: an AnnData itself, a modality, or (with `mod=None`) a MuData as a whole.

    A frame has the slots of an AnnData, of which obs and obsm also hold what the MuData knows of the cells. Results are
    written to its `sink`.
    """
    data = check_data(data, mod)
    if isinstance(data, AnnData):
        return data
    name = one_modality(data, mod)
    return JointFrame(data) if name is None else Frame(data, name)


class Frame:
    """
    A modality with the columns and embeddings of its MuData.

    Parameters
    ----------
    mdata
        The whole.
    modality
        Name of the modality; empty for the whole.
    """

    def __init__(self, mdata: MuData, modality: str) -> None:
        self.mdata, self.modality = mdata, modality
        self.cells = CellMap(mdata)
        self.sink: Any = mdata.mod[modality] if modality else mdata
        self.obs = Columns(mdata, self.cells, modality)
        self.obsm = Embeddings(mdata, self.cells, modality)

    def __getattr__(self, name: str) -> Any:
        # what copying and pickling ask for before there is a sink
        if name.startswith("__") or name == "sink":
            raise AttributeError(name)
        return getattr(self.sink, name)

    def __repr__(self) -> str:
        return f"{'MuData' if not self.modality else f'modality {self.modality!r}'}: {self.n_obs} × {self.n_vars}"


class JointFrame(Frame):
    """A MuData as a whole; features are named "modality:feature"."""

    def __init__(self, mdata: MuData) -> None:
        super().__init__(mdata, "")
        self._names: pd.Index | None = None

    @property
    def var_names(self) -> pd.Index:
        """Features of all modalities, with the modality in front."""
        if self._names is None:
            names = [f"{mod}:{name}" for mod, own in self.mdata.mod.items() for name in own.var_names]
            self._names = pd.Index(names, dtype=object)
        return self._names

    def by_modality(self, numbers: Sequence[int] | np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Features as numbers in their own modality: by modality, places in `numbers` and the numbers there."""
        numbers = np.asarray(numbers)
        found, start = {}, 0
        for mod, own in self.mdata.mod.items():
            places = np.flatnonzero((numbers >= start) & (numbers < start + own.n_vars))
            if len(places):
                found[mod] = places, numbers[places] - start
            start += own.n_vars
        return found

    def spread(self, values: np.ndarray, mod: str) -> np.ndarray:
        """Values of the cells of a modality on all cells; NaN where it has none."""
        return self.cells.align(values, mod, "")


class Embeddings(Mapping[str, Any]):
    """obsm: what the MuData holds, then what the modality holds, and `"rna:X_pca"` for that of any modality."""

    def __init__(self, mdata: MuData, cells: CellMap, modality: str) -> None:
        self.mdata, self.cells, self.modality = mdata, cells, modality

    def joint(self) -> list[str]:
        """Keys of the MuData's own obsm, without the masks of the modalities."""
        return [key for key in self.mdata.obsm if key not in self.mdata.mod]

    def _place(self, key: object) -> tuple[str, str] | None:
        """Modality (empty: the MuData) and key there."""
        if not isinstance(key, str):
            return None
        mod, name = split_name(self.mdata, key)
        if mod and name in self.mdata.mod[mod].obsm:
            return mod, name
        if key in self.joint():
            return "", key
        if self.modality:
            return (self.modality, key) if key in self.mdata.mod[self.modality].obsm else None
        having = [mod for mod, own in self.mdata.mod.items() if key in own.obsm]
        return (having[0], key) if len(having) == 1 else None

    def __contains__(self, key: object) -> bool:
        return self._place(key) is not None

    def __getitem__(self, key: str) -> Any:
        place = self._place(key)
        if place is None:
            raise missing("representation in obsm", key, self)
        mod, name = place
        values = (self.mdata.mod[mod] if mod else self.mdata).obsm[name]
        return values if mod == self.modality else self.cells.align(values, mod, self.modality)

    def __iter__(self) -> Iterator[str]:
        own = list(self.mdata.mod[self.modality].obsm) if self.modality else []
        named = [f"{mod}:{key}" for mod, other in self.mdata.mod.items() for key in other.obsm]
        yield from dict.fromkeys([*self.joint(), *own, *named])

    def __len__(self) -> int:
        return len(list(iter(self)))
