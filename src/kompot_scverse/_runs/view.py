"""A run as it is read: what it compared, and its fields by the name of their statistic."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from kompot_scverse._data.errors import missing
from kompot_scverse._data.features import by_modality, cells_of
from kompot_scverse._data.frame import frame_of
from kompot_scverse._data.holders import holder, whole
from kompot_scverse._data.protocol import AnnDataLike
from kompot_scverse._data.resolve import match_label, obs_column
from kompot_scverse._data.tables import value_of
from kompot_scverse._gp.features import CellFeatures
from kompot_scverse._keys import Keys, column_name
from kompot_scverse._messages import warn
from kompot_scverse._stats.support import SUPPORTED

from .call_for import call_for
from .features import FEATURES, run_features
from .history import iterate_runs, overwriter
from .run import Run

DIRECTED = (
    "mahalanobis", "mean_lfc", "fold_change", "effect_weights", "group_weights", "reference_weights", "sample_sd", "group_mean_lfc",
    "group_lfc_zscore", "group_lfc_se", "group_lfsr", "lfc", "lfc_zscore", "lfc_direction", "neighborhood_lfc", "region_lfc",
)  # fmt: skip
"""Statistics that effects with several coefficients have none of."""
SHOWN = 6
"""Fields that a warning names."""


class RunView:
    """
    One run on the data that it was made on.

    Fields are found by the statistic that they hold, as they are now. Which of them a later run has overwritten is
    collected, for one warning about all of them.

    Parameters
    ----------
    data
        AnnData, or a frame: of a modality, or of a MuData as a whole, whose features are named "modality:feature".
    run
        The run, with the fields that it wrote there.
    mod
        The modality; empty if there is none.
    """

    def __init__(self, data: AnnDataLike, run: Run, mod: str = "") -> None:
        self.data, self.run, self.mod = data, run, mod
        # not through a frame, which has fields of the whole MuData under the same names
        self.own = holder(data)
        # layers are built again rather than read, and may be named as a column
        self._entries = {entry["statistic"]: entry for entry in run.fields if entry["slot"] != "layers"}
        self._overwritten: dict[str, Run] = {}

    @cached_property
    def history(self) -> list[Run]:
        """All runs there."""
        return list(iterate_runs(self.data))

    @property
    def groupby(self) -> str:
        """Obs column of the conditions, or the formula of the design."""
        return self.run.contrast["groupby"]

    @property
    def reference(self) -> str:
        """Name of the reference."""
        self.check_conditions()
        return self.run.contrast["reference"]

    @property
    def group(self) -> str:
        """Name of the group, or key of the effect."""
        return self.run.contrast["group"]

    @property
    def keys(self) -> Keys:
        """Names of what is written beside its fields."""
        return Keys(self.run.key_added, self.run.contrast.get("reference"), self.group)

    @property
    def roles(self) -> dict[str, str]:
        """Names of reference and group; none where the run is about an effect of a design."""
        return {} if self.effect is not None else {"reference": self.reference, "group": self.group}

    @property
    def effect(self) -> dict[str, Any] | None:
        """Name, unit and levels of the effect of a design that the run is about; None where it compares two conditions."""
        if "effect" not in self.run.contrast:
            return None
        effects = self.run.params.get("effects") or {}
        return effects.get(self.group) or {"name": self.run.contrast["effect"], "unit": None, "levels": []}

    @property
    def omnibus(self) -> bool:
        """Whether several contrasts are tested together, without one direction."""
        return self.effect is not None and bool(self.effect.get("levels"))

    @property
    def difference(self) -> str:
        """What a fold change of the run is, for an axis."""
        if self.effect is None:
            return f"{self.group} − {self.reference}"
        unit = self.effect.get("unit")
        return f"per unit of {unit}" if unit else str(self.effect["name"])

    @property
    def directions(self) -> dict[str, str]:
        """What "down" and "up" mean, for a legend."""
        if self.effect is None:
            return {"down": f"down in {self.group}", "up": f"up in {self.group}"}
        name = self.effect["name"]
        if self.effect.get("unit"):
            return {"down": f"falls with {name}", "up": f"rises with {name}"}
        return {"down": f"{name} < 0", "up": f"{name} > 0"}

    def check_conditions(self) -> None:
        """Raise if the run is about an effect of a design, which has no two conditions."""
        if self.effect is not None:
            raise LookupError(
                f"{self.capitalised} is about an effect of the design {self.groupby!r} and has no two "
                "conditions. Its fold change is there; call with a column as `groupby` for the expression of conditions."
            )

    @property
    def title(self) -> str:
        """The contrast as a title."""
        return self.run.title

    @property
    def name(self) -> str:
        """As in a message."""
        return f"run {self.run.run_id} ({self.run.analysis}, {self.title})"

    @property
    def capitalised(self) -> str:
        """Its name at the beginning of a sentence."""
        return f"R{self.name[1:]}"

    def call(self, statistic: str) -> str:
        """The call that writes a statistic."""
        return call_for(self.run.analysis, statistic)

    def has(self, statistic: str) -> bool:
        """Whether the run wrote a statistic."""
        return statistic in self._entries

    def key(self, statistic: str) -> str | None:
        """Where the run wrote a statistic; None if it did not."""
        return self._entries[statistic]["key"] if statistic in self._entries else None

    def is_there(self, statistic: str) -> bool:
        """Whether the run wrote a statistic and it has not been deleted."""
        entry = self._entries.get(statistic)
        return entry is not None and entry["key"] in getattr(self.own, entry["slot"])

    def is_at(self, slot: str, key: str) -> bool:
        """Whether there is anything at a key."""
        return key in getattr(self.own, slot)

    def read(self, statistic: str) -> Any:
        """
        The values of a statistic.

        Raises
        ------
        LookupError
            If the run did not write it, it is gone, or it is of several modalities.
        """
        entry = self._entries.get(statistic)
        if entry is None and self.omnibus and statistic in DIRECTED:
            raise LookupError(
                f"{self.capitalised} tests several coefficients together, so it has no {statistic!r}: it has p, q and "
                "the level that is highest. Ask for one coefficient, or name a contrast of two levels with `contrasts=`."
            )
        if entry is None and statistic == "basis" and FEATURES in self.run.diagnostics:
            self.check_one_modality()
            return run_features(self)
        if entry is None:
            raise LookupError(f"No {statistic!r} of {self.name}; call `{self.call(statistic)}`.")
        if entry.get("mod"):
            self.check_one_modality()
        slot, key = entry["slot"], entry["key"]
        if key not in getattr(self.own, slot):
            raise LookupError(f"{slot}[{key!r}] of {self.name} is gone; call `{self.call(statistic)}` again.")
        writer = overwriter(self.history, self.run, slot, key)
        if writer is not None:
            self._overwritten[f"{slot}[{key!r}]"] = writer
        return value_of(self.own, slot, key)

    def numbers(self, statistic: str) -> np.ndarray:
        """The values of a statistic of genes or cells as float64."""
        return self.read(statistic).to_numpy(dtype=np.float64)

    def unsupported(self) -> np.ndarray | None:
        """Cells whose fold changes are extrapolated; None where the run does not say."""
        return self.numbers("support") < SUPPORTED if self.is_there("support") else None

    def of_category(self, statistic: str, cell_group: object) -> np.ndarray:
        """A statistic of every gene within one of the categories that the run was asked for."""
        table = self.read(f"group_{statistic}")
        name = column_name(cell_group, table.index.name)
        if name not in table.columns:
            raise missing(f"category of {self.run.params.get('cell_groups')!r}", cell_group, table.columns)
        return table[name].to_numpy(dtype=np.float64)

    def features(self) -> np.ndarray:
        """Features of all cells, kept or computed."""
        found = self.read("basis")
        return found[:] if isinstance(found, CellFeatures) else np.asarray(found)

    def source(self, statistic: str) -> Run:
        """The run whose values a field of this run now holds; of features that are not kept, this one."""
        if statistic == "basis" and not self.has(statistic):
            return self.run
        entry = self._entries[statistic]
        return overwriter(self.history, self.run, entry["slot"], entry["key"]) or self.run

    @property
    def overwritten(self) -> dict[str, Run]:
        """Fields read so far that a later run has overwritten, by name."""
        return dict(self._overwritten)

    def warn(self) -> None:
        """Name the fields read so far that a later run has overwritten."""
        if not self._overwritten:
            return
        writers = ", ".join(str(number) for number in sorted({run.run_id for run in self._overwritten.values()}))
        warn(
            f"Fields of {self.name} were overwritten and now hold the values of run {writers}: "
            f"{_shortened(self._overwritten)}. Another `key_added=` would have kept both."
        )
        self._overwritten = {}

    def check_one_modality(self) -> None:
        """Raise if the run is of several modalities and none of them was chosen."""
        if len(self.run.modalities) > 1:
            names = " and ".join(repr(mod) for mod in self.run.modalities)
            raise LookupError(f"{self.capitalised} is of the modalities {names}; pass one of them as `mod=`.")

    def conditions(self) -> tuple[np.ndarray, np.ndarray]:
        """Which cells are of the reference, and which of the group; of several modalities, cells that all have.

        Of an effect of a design all cells, twice.
        """
        if self.effect is not None:
            every = cells_of(self.data, self.run.modalities if not self.mod else ())
            return every, every
        column = obs_column(self.data, self.groupby, "groupby")
        labels = [match_label(column, label, "condition of the run") for label in (self.reference, self.group)]
        cells = cells_of(self.data, self.run.modalities if not self.mod else ())
        reference, group = ((column == label).to_numpy() & cells for label in labels)
        return reference, group

    def parts(self) -> "list[RunView]":
        """The same run on each modality that it wrote to."""
        if self.mod or not any(self.run.modalities):
            return [self]
        data, parts = whole(self.data), []
        for name in self.run.modalities:
            if name and name not in data.mod:
                raise missing(f"modality, which run {self.run.run_id} wrote to,", name, data.mod)
            frame = frame_of(data, name or None)
            run = next((one for one in iterate_runs(frame) if one.run_id == self.run.run_id), self.run)
            parts.append(RunView(frame, run, name))
        return parts

    def of_features(self, numbers: np.ndarray) -> "list[tuple[RunView, np.ndarray, np.ndarray]]":
        """Features by modality: the run there, places in `numbers`, and numbers there."""
        views = {view.mod: view for view in self.parts()}
        found = []
        for mod, (places, own) in by_modality(self.data, numbers).items():
            if mod and mod not in views:
                raise missing(f"modality among those of run {self.run.run_id}", mod, views)
            found.append((views[mod] if mod else self, places, own))
        return found


def _shortened(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
