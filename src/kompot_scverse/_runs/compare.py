"""Two runs side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .html import details, display, html_table, page, text_table
from .run import Run


@dataclass(frozen=True, repr=False)
class RunComparison:
    """What two runs have in common and where they differ; prints as text and as HTML."""

    runs: tuple[int, int]
    """Numbers of the two runs."""
    params: pd.DataFrame
    """Parameters that differ, one column per run; the contrast is among them."""
    n_equal: int
    """Number of equal parameters."""
    environment: pd.DataFrame
    """Package versions that differ."""
    n_equal_environment: int
    """Number of packages of the same version."""
    shared_fields: pd.DataFrame
    """Fields that both wrote: slot, key, statistic and the last run to write them."""
    only_first: pd.DataFrame
    """Fields that only the first wrote."""
    only_second: pd.DataFrame
    """Fields that only the second wrote."""
    same_data: bool
    """Whether both runs are of one object."""

    def _names(self) -> tuple[str, str]:
        first, second = self.runs
        return (f"run {first}", f"run {second}") if self.same_data else (f"run {first} (this)", f"run {second} (other)")

    def _title(self) -> str:
        return f"{self._names()[0]} and {self._names()[1]}".replace("run", "Run", 1)

    def _subtitle(self) -> str:
        text = (
            f"{len(self.params)} parameters differ, {self.n_equal} are equal; "
            f"{len(self.shared_fields)} fields in both, {len(self.only_first)} and {len(self.only_second)} in one"
        )
        return text if self.same_data else f"{text}; the runs are of different objects"

    def _rows(self, table: pd.DataFrame) -> list[tuple[str, ...]]:
        return [
            (str(name), *map(display, row)) for name, row in zip(table.index, table.to_numpy(dtype=object), strict=True)
        ]

    def __repr__(self) -> str:
        lines = [self._title(), self._subtitle()]
        header = ("", *self._names())
        for title, table in (("Parameters", self.params), ("Packages", self.environment)):
            if len(table):
                lines += [title, *text_table([header, *self._rows(table)], width=60)]
        for title, table in self._field_tables():
            if len(table):
                lines += [title, *text_table(_field_rows(table))]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        header = ("", *self._names())
        content = []
        if len(self.params):
            content.append(details("Differing parameters", html_table(self._rows(self.params), header), opened=True))
        if len(self.environment):
            content.append(details("Differing packages", html_table(self._rows(self.environment), header), opened=True))
        for title, table in self._field_tables():
            if len(table):
                content.append(details(f"{title} ({len(table)})", html_table(_field_rows(table))))
        return page(self._title(), self._subtitle(), content)

    def _field_tables(self) -> list[tuple[str, pd.DataFrame]]:
        first, second = self._names()
        return [
            ("Fields in both", self.shared_fields),
            (f"Fields only in {first}", self.only_first),
            (f"Fields only in {second}", self.only_second),
        ]


def _field_rows(table: pd.DataFrame) -> list[tuple[str, str]]:
    rows = []
    for row in table.itertuples():
        writer = f"last written by run {row.last_writer}" if "last_writer" in table else str(row.description)
        mod = getattr(row, "mod", "")
        rows.append((f"{f'mdata[{mod!r}].' if isinstance(mod, str) and mod else ''}{row.slot}[{row.key!r}]", writer))
    return rows


def compare_runs(first: Run, second: Run, history: list[Run], other_history: list[Run]) -> RunComparison:
    """
    Compare two runs.

    Parameters
    ----------
    first, second
        The runs.
    history, other_history
        All runs of the objects that they are of.
    """
    shorter, longer = sorted((history, other_history), key=len)
    same_data = [run.to_json() for run in longer[: len(shorter)]] == [run.to_json() for run in shorter]
    params, n_equal = _differences(_described(first, second), _described(second, first))
    environment, n_equal_environment = _differences(first.environment, second.environment)
    fields, others = _by_place(first), _by_place(second)
    shared = []
    for place in fields.keys() & others.keys():
        entry = fields[place] | {"last_writer": _last(longer if same_data else history, place)}
        if not same_data:
            entry["last_writer_of_other"] = _last(other_history, place)
        shared.append(entry)
    order = {place: number for number, place in enumerate(fields)}
    shared.sort(key=lambda entry: order[_place(entry)])
    columns = ["slot", "key", "statistic", "description"]
    if any(first.modalities) or any(second.modalities):
        columns = ["mod", *columns]
    return RunComparison(
        runs=(first.run_id, second.run_id),
        params=params,
        n_equal=n_equal,
        environment=environment,
        n_equal_environment=n_equal_environment,
        shared_fields=pd.DataFrame(shared, columns=None if shared else [*columns, "last_writer"]),
        only_first=pd.DataFrame([entry for place, entry in fields.items() if place not in others], columns=columns),
        only_second=pd.DataFrame([entry for place, entry in others.items() if place not in fields], columns=columns),
        same_data=same_data,
    )


def _described(run: Run, other: Run) -> dict[str, Any]:
    prints = {f"{name} (fingerprint)": run.fingerprint[name] for name in run.fingerprint if name in other.fingerprint}
    return {"analysis": run.analysis, "key_added": run.key_added, **run.contrast, **run.params, **prints}


def _differences(first: dict[str, Any], second: dict[str, Any]) -> tuple[pd.DataFrame, int]:
    """What differs, and the number of equal entries."""
    absent = "(not there)"
    names = list(dict.fromkeys([*first, *second]))
    differing = [name for name in names if first.get(name, absent) != second.get(name, absent)]
    rows = [(first.get(name, absent), second.get(name, absent)) for name in differing]
    table = pd.DataFrame(rows, index=pd.Index(differing, dtype=object), columns=["first", "second"], dtype=object)
    return table, len(names) - len(differing)


def _place(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return entry.get("mod", ""), entry["slot"], entry["key"]


def _by_place(run: Run) -> dict[tuple[str, str, str], dict[str, str]]:
    names = ("mod", "slot", "key", "statistic", "description")
    return {_place(entry): {name: entry[name] for name in names if name in entry} for entry in run.fields}


def _last(history: list[Run], place: tuple[str, str, str]) -> int | None:
    return next((run.run_id for run in reversed(history) if place in _by_place(run)), None)
