"""Fields of a run, found through what the run recorded."""

import warnings
from collections.abc import Iterable
from typing import Any

from kompot_scverse._data.errors import INSIDE
from kompot_scverse._data.holders import holder
from kompot_scverse._data.tables import value_of

from .history import Run, iterate_runs, overwriter

__all__ = ["RunFields"]


class RunFields:
    """
    Reads the fields of one run by slot and statistic; collects which of them a later run has overwritten.

    Parameters
    ----------
    adata
        An AnnData, or a frame of a modality.
    run
        The run.
    """

    def __init__(self, adata: Any, run: Run) -> None:
        # not through a frame, which has fields of the whole MuData under the same names
        self.adata, self.run = holder(adata), run
        self._history = list(iterate_runs(adata))
        self._keys = {(entry["slot"], entry["statistic"]): entry["key"] for entry in run.fields}
        self._overwritten: dict[str, Run] = {}

    @property
    def overwritten(self) -> dict[str, Run]:
        """Fields read so far that a later run has overwritten, by name."""
        return dict(self._overwritten)

    def key(self, slot: str, statistic: str) -> str | None:
        """Where the run wrote a statistic; None if it did not."""
        return self._keys.get((slot, statistic))

    def read(self, slot: str, statistic: str, hint: str) -> Any:
        """
        The values of a statistic, as they are now.

        Parameters
        ----------
        slot, statistic
            Which field.
        hint
            What to call to get it, as a sentence for the error.

        Raises
        ------
        LookupError
            If the run did not write it, or it is gone.
        """
        key = self.key(slot, statistic)
        run = f"run {self.run.run_id} (kp.tl.{self.run.analysis}, key_added={self.run.key_added!r})"
        if key is None:
            raise LookupError(f"{statistic!r} was not written by {run}. {hint}")
        if key not in getattr(self.adata, slot):
            raise LookupError(f"{slot}[{key!r}], written by {run}, is gone. {hint}")
        writer = overwriter(self._history, self.run, slot, key)
        if writer is not None:
            self._overwritten[f"{slot}[{key!r}]"] = writer
        return value_of(self.adata, slot, key)

    def source(self, slot: str, statistic: str) -> Run:
        """The run whose values a field of this run now holds."""
        key = self._keys[slot, statistic]
        return overwriter(self._history, self.run, slot, key) or self.run

    def warn(self) -> None:
        """Name the fields read so far that a later run has overwritten."""
        if not self._overwritten:
            return
        fields = _shortened(self._overwritten)
        writers = ", ".join(str(number) for number in sorted({run.run_id for run in self._overwritten.values()}))
        warnings.warn(
            f"Fields of run {self.run.run_id} were overwritten and now hold the values of run {writers}: {fields}. "
            "Another `key_added=` would have kept both.",
            UserWarning,
            skip_file_prefixes=INSIDE,
        )


def _shortened(names: Iterable[str], shown: int = 6) -> str:
    names = list(names)
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
