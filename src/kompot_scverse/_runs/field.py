"""One result and the place it is written to."""

from dataclasses import dataclass
from typing import Any

from kompot_scverse._data.holders import holder


@dataclass(frozen=True)
class Field:
    """One result and where it goes."""

    slot: str
    """obs, var, obsm, varm, layers or uns."""
    key: str
    statistic: str
    """Short name of what it is, the same for all contrasts."""
    description: str
    condition: Any = None
    """The condition it belongs to, if to one."""
    group: Any = None
    """The contrast (with the reference) it belongs to, if to one."""
    value: Any = None
    mod: str = ""
    """Modality of a MuData that it goes to; empty for the object itself."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Modality, slot and key."""
        return self.mod, self.slot, self.key

    @property
    def name(self) -> str:
        """As in a message."""
        return f"{f'mdata[{self.mod!r}].' if self.mod else ''}{self.slot}[{self.key!r}]"

    def is_in(self, data: Any) -> bool:
        """Whether the data have it."""
        return self.key in getattr(holder(data, self.mod), self.slot)

    def of_contrast(self, reference: Any, group: Any) -> bool:
        """Whether the run of a contrast lists this field."""
        return (self.condition is None or self.condition in (reference, group)) and (
            self.group is None or self.group == group
        )

    def entry(self) -> dict[str, str]:
        """As listed in a run."""
        return {"slot": self.slot, "key": self.key, "statistic": self.statistic, "description": self.description}
