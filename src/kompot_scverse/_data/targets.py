"""What an analysis reads and where it writes: an AnnData, or modalities of a MuData on shared cell states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData

from kompot_scverse._arguments import listed
from kompot_scverse._gp.forks import check_not_forked

from .errors import missing
from .frame import Embeddings, frame_of
from .holders import check_data, check_names, modality_names, one_modality, split_name
from .protocol import AnnDataLike
from .representation_check import informative_components
from .resolve import DEFAULT_REPRESENTATIONS, cell_mask, check_finite, defaults_named, representation, spellings


@dataclass(frozen=True)
class Targets:
    """The data of an analysis."""

    data: AnnData | MuData
    """Where results go."""
    states: Any
    """What has the cell states: the AnnData, a modality, or a MuData as a whole."""
    use_rep: str
    """Key of the representation there."""
    x: np.ndarray
    """Its values without uninformative components, cells of `states` × dimensions."""
    frames: dict[str, Any]
    """What is analysed, by modality; one with an empty name if `data` is an AnnData."""
    components: np.ndarray
    """Numbers of the components that `x` has."""

    @classmethod
    def on_representation(
        cls, data: AnnData | MuData, states: Any, use_rep: str, x: np.ndarray, frames: dict[str, Any]
    ) -> "Targets":
        """With the components that say something about the state of a cell."""
        kept = informative_components(use_rep, x)
        own = x if len(kept) == x.shape[1] else np.ascontiguousarray(x[:, kept])
        return cls(data, states, use_rep, own, frames, kept)

    def check_finite(self, cells: np.ndarray) -> None:
        """Raise if the representation of these cells holds NaN or infinite values."""
        check_finite(self.x, cells, self.use_rep)

    @property
    def of_modalities(self) -> bool:
        """Whether the data are a MuData."""
        return isinstance(self.data, MuData)

    def positions(self, mod: str) -> np.ndarray | None:
        """Row in `states` of every cell of a modality, -1 for those without a state; None if they are the same."""
        if not self.of_modalities:
            return None
        found = self.states.cells.positions(self.states.modality, mod)
        same = len(found) == self.states.n_obs and (found == np.arange(len(found))).all()
        return None if same else found

    def on(self, mod: str, values: np.ndarray) -> np.ndarray:
        """Rows of `states` as rows of a modality; NaN for cells without a state."""
        positions = self.positions(mod)
        if positions is None:
            return values
        out = values[positions]
        out[positions < 0] = np.nan
        return out

    def used(self, cells: Mapping[str, np.ndarray]) -> np.ndarray:
        """Which cells of `states` take part in the analysis of any modality, from those of each."""
        used = np.zeros(self.states.n_obs, dtype=bool)
        for mod, own in cells.items():
            positions = self.positions(mod)
            if positions is None:
                used |= own
            else:
                used[positions[own & (positions >= 0)]] = True
        return used

    def mask(self, mod: str, mask_obs: Any) -> Any:
        """The cells of a modality that `mask_obs` leaves, without those that have no state."""
        if not self.of_modalities:
            return mask_obs
        frame, positions = self.frames[mod], self.positions(mod)
        if mask_obs is not None and not isinstance(mask_obs, str | pd.Series):
            mask_obs = np.asarray(mask_obs)
            if mask_obs.shape != (self.data.n_obs,):
                raise ValueError(
                    f"`mask_obs` has {mask_obs.size:,} values for the {self.data.n_obs:,} cells of the MuData."
                )
            mask_obs = mask_obs[frame.cells.rows(mod)]
        if positions is None or (positions >= 0).all():
            return mask_obs
        return cell_mask(frame, mask_obs) & (positions >= 0)

    def cells_left_out(self, mod: str) -> dict[str, int]:
        """Numbers for the run: cells with a state that a modality lacks, and cells of it without a state."""
        positions = self.positions(mod)
        if positions is None:
            return {}
        present = int((positions >= 0).sum())
        found = {"missing_in_modality": self.states.n_obs - present, "without_state": len(positions) - present}
        return {name: number for name, number in found.items() if number}

    def per_modality(self, value: Any, argument: str) -> dict[str, Any]:
        """An argument for each modality, from one value or a dict."""
        if not isinstance(value, Mapping):
            return dict.fromkeys(self.frames, value)
        if not self.of_modalities:
            raise TypeError(f"`{argument}` by modality is for MuData, but `data` is an AnnData; pass one value.")
        for mod in value:
            if mod not in self.frames:
                raise missing(f"modality in `{argument}`", mod, self.frames)
        return {mod: value.get(mod) for mod in self.frames}

    def genes(self, genes: Any) -> dict[str, Any]:
        """`genes` for each modality, by :func:`genes_by_modality`."""
        if genes is None or not self.of_modalities or isinstance(genes, Mapping):
            return self.per_modality(genes, "genes")
        if len(self.frames) == 1:
            return dict.fromkeys(self.frames, genes)
        return genes_by_modality(self.frames, genes)


def genes_by_modality(frames: Mapping[str, AnnDataLike], genes: Any) -> dict[str, Any]:
    """
    `genes` for each of several modalities.

    Names may have the modality in front, as in "rna:CD8A"; others are looked for in all. Modalities without any of
    the genes are left out.
    """
    if isinstance(genes, str) and any(genes in frame.var for frame in frames.values()):
        return {mod: genes for mod, frame in frames.items() if genes in frame.var}
    names = listed("genes", genes)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("`genes` must be names, or a mask for each modality in a dict, where there are several.")
    found: dict[str, list[str]] = {}
    for name in names:
        places = [
            (mod, own)
            for mod, frame in frames.items()
            for own in dict.fromkeys([name, name.removeprefix(f"{mod}:")])
            if own in frame.var_names
        ]
        if not places:
            raise missing("gene", name, [gene for frame in frames.values() for gene in frame.var_names])
        for mod, own in places:
            found.setdefault(mod, []).append(own)
    if not found:
        raise ValueError("`genes` selects no genes.")
    return {mod: found[mod] for mod in frames if mod in found}


def resolve_targets(
    data: Any, mod: str | Sequence[str] | None, use_rep: str | None, *, cells_alone: bool = False
) -> Targets:
    """
    Find the cell states and what is analysed on them.

    Parameters
    ----------
    data
        AnnData or MuData.
    mod
        Modalities of a MuData; None for all that have cells in the representation.
    use_rep
        Key in obsm of the MuData, else of its modalities; "rna:X_pca" names one of a modality. None for the default.
    cells_alone
        Whether only cells are analysed: then `mod` names at most one modality, and what has the cell states is analysed.

    Raises
    ------
    RuntimeError
        If the analysis would hang, in a process that was forked off.
    TypeError
        If `mod` is given for an AnnData.
    KeyError
        If a modality or the representation does not exist.
    ValueError
        If several modalities have such a representation, or a modality has no cells in it.
    """
    check_not_forked()
    data = check_data(data, mod)
    if isinstance(data, AnnData):
        name, x = representation(data, use_rep, single=True)
        return Targets.on_representation(data, data, name, x, {"": data})
    names = modality_names(data, one_modality(data, mod) if cells_alone else mod)
    check_names(data.mod)
    holder, key = _representation(data, names, use_rep)
    states: Any = frame_of(data, holder)
    name, x = representation(states, f"{holder}:{key}" if holder else key, single=True)
    frames = {name: frame_of(data, name) for name in names}
    shared = {name: (states.cells.positions(holder or "", name) >= 0).any() for name in names}
    if mod is None:
        frames = {name: frame for name, frame in frames.items() if shared[name]}
    empty = [name for name in frames if not shared[name]]
    if empty or not frames:
        raise ValueError(f"Modality {(empty or names)[0]!r} has no cells in the representation {name!r}.")
    if cells_alone:
        frames = {getattr(states, "modality", ""): states}
    return Targets.on_representation(data, states, name, x, frames)


def _representation(mdata: MuData, names: list[str], use_rep: str | None) -> tuple[str | None, str]:
    """Modality that has the representation (None: the MuData itself) and its key there."""
    obsm = cast("Embeddings", frame_of(mdata).obsm)
    if use_rep is not None and split_name(mdata, use_rep)[0]:
        holder, key = split_name(mdata, use_rep)
        found = _spelled(mdata.mod[holder].obsm, (key,))
        if found is None:
            raise missing("representation in obsm", use_rep, obsm)
        return holder, found
    wanted = DEFAULT_REPRESENTATIONS if use_rep is None else (use_rep,)
    joint = _spelled(obsm.joint(), wanted)
    if joint is not None:
        return None, joint
    having = {name: own for name in names if (own := _spelled(mdata.mod[name].obsm, wanted)) is not None}
    if len(having) > 1:
        listed = " or ".join(repr(f"{name}:{key}") for name, key in having.items())
        raise ValueError(
            f"Several modalities have a representation{'' if use_rep is None else f' {use_rep!r}'}; choose the one that all "
            f"are compared on with `use_rep=`, {listed}, or compute a joint one in `mdata.obsm`."
        )
    if not having:
        what = defaults_named() if use_rep is None else use_rep
        raise missing("representation in obsm", what, obsm, "Pass one of them as `use_rep=`.")
    return next(iter(having.items()))


def _spelled(existing: Any, wanted: Sequence[str]) -> str | None:
    return next((key for name in wanted for key in spellings(name) if key in existing), None)
