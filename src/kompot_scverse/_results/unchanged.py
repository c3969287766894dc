"""Fields that have their values already."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from kompot_scverse._data.holders import holder
from kompot_scverse._data.tables import value_of
from kompot_scverse._runs.field import Field

SAME = 1e-6
"""Largest difference of values that are the same up to rounding, relative to the largest of them."""
BLOCK = 2**20
"""Values compared at a time."""


def unchanged(data: AnnData | MuData, fields: Sequence[Field]) -> list[tuple[str, str, str]]:
    """Fields that have their values already, by modality, slot and key."""
    return [field.place for field in fields if _is_there(data, field)]


def _is_there(data: AnnData | MuData, field: Field) -> bool:
    """Whether a field has these values already, up to rounding. Layers count as changed, since reading them takes long."""
    if field.slot == "layers" or not field.is_in(data):
        return False
    there, value = value_of(holder(data, field.mod), field.slot, field.key), field.value
    if hasattr(there, "dask") or hasattr(value, "dask"):
        return False
    if list(getattr(there, "columns", ())) != list(getattr(value, "columns", ())):
        return False
    if sp.issparse(there) or sp.issparse(value):
        return sp.issparse(there) and sp.issparse(value) and _same_sparse(sp.csr_array(there), sp.csr_array(value))
    before, now = np.asarray(there), np.asarray(value)
    if before.shape != now.shape:
        return False
    # weights of samples can be large
    rows = max(1, BLOCK // max(1, now[:1].size))
    return all(_same(before[n : n + rows], now[n : n + rows]) for n in range(0, len(now), rows))


def _same(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether values are equal, numbers up to rounding; two missing values are equal."""
    if before.dtype.kind != "f" or now.dtype.kind != "f":
        return bool(((before == now) | (pd.isna(before) & pd.isna(now))).all())
    room = SAME * np.abs(now).max(initial=0, where=np.isfinite(now))
    return np.allclose(before, now, rtol=0, atol=room, equal_nan=True)


def _same_sparse(before: sp.csr_array, now: sp.csr_array) -> bool:
    pairs = ((before.indptr, now.indptr), (before.indices, now.indices), (before.data, now.data))
    return before.shape == now.shape and all(a.shape == b.shape and _same(a, b) for a, b in pairs)
