"""Which object a result is in: the AnnData, a modality of a MuData, or the MuData itself."""

from collections.abc import Iterable
from typing import Any

from anndata import AnnData
from mudata import MuData

from kompot_scverse._arguments import listed
from kompot_scverse._keys import is_safe

from .errors import missing

Data = AnnData | MuData
"""What users pass."""


def check_data(data: object, mod: object = None) -> AnnData | MuData:
    """Return `data`; raise an error if they are no AnnData or MuData, or have no cells."""
    if isinstance(data, MuData):
        _check_mudata(data)
    elif not isinstance(data, AnnData):
        raise TypeError(f"`data` must be an AnnData or MuData, not {type(data).__name__}.")
    elif mod is not None:
        raise TypeError(
            f"`mod={mod!r}` names a modality of a MuData, but `data` is an AnnData, which has none; leave `mod` out."
        )
    if data.n_obs == 0:
        raise ValueError("`data` has no cells.")
    return data


def _check_mudata(mdata: MuData) -> None:
    if mdata.axis == 1:
        raise ValueError(
            "The modalities of this MuData share features, not cells (axis=1); pass one of them, such as "
            f"mdata[{next(iter(mdata.mod), 'name')!r}]."
        )
    for name, own in mdata.mod.items():
        if not isinstance(own, AnnData):
            raise TypeError(f"Modality {name!r} is a {type(own).__name__}; pass it on its own, as mdata[{name!r}].")


def check_changeable(data: AnnData | MuData) -> None:
    """Raise if results cannot be written to the data; called before anything is computed."""
    if data.isbacked and data.is_view:
        instead = "or open the file without `backed`" if isinstance(data, MuData) else "or data.to_memory()"
        raise ValueError(
            "`data` is a view of data that are backed by a file and cannot hold results; pass data.copy(filename=...), "
            f"{instead}."
        )


def modality_names(mdata: MuData, mod: object) -> list[str]:
    """The modalities that `mod` names: one, several, or None for all."""
    names = list(mdata.mod) if mod is None else listed("mod", mod, str)
    if not names:
        raise ValueError("`mod` is empty; name at least one modality, or pass None for all.")
    for name in names:
        if name not in mdata.mod:
            raise missing("modality (`mod`)", name, mdata.mod)
    return list(dict.fromkeys(names))


def check_names(names: Iterable[str]) -> None:
    """Raise if a modality has a name with which its results could not be written to a file."""
    for name in names:
        if not is_safe(name):
            raise ValueError(
                f"Modality {name!r} has a name that files cannot hold: empty, reserved, or with a slash or "
                "backslash. Rename it in a new MuData."
            )


def one_modality(mdata: MuData, mod: object) -> str | None:
    """The one modality that `mod` names; None if `mod` is None."""
    if mod is None:
        return None
    if not isinstance(mod, str):
        raise TypeError(f"`mod` must be the name of one modality here, not {mod!r}.")
    return modality_names(mdata, mod)[0]


def split_name(mdata: MuData, name: str) -> tuple[str, str]:
    """Modality and own name of "rna:CD8A"; the modality is empty where the name begins with none."""
    # a colon may be part of the modality
    named = [mod for mod in mdata.mod if name.startswith(f"{mod}:") and len(name) > len(mod) + 1]
    mod = max(named, key=len, default="")
    return mod, name.removeprefix(f"{mod}:") if mod else name


def whole(data: Any) -> Any:
    """The object that a frame shows; other data are returned as they are."""
    return getattr(data, "mdata", data)


def holder(data: Any, mod: str = "") -> Any:
    """The object that holds a field: a modality, or the data themselves; for a frame, the object that it shows."""
    if mod:
        return whole(data).mod[mod]
    return getattr(data, "sink", data)
