"""What a run did, from what, and where its results are now."""

from textwrap import wrap
from typing import Any, Literal

import pandas as pd

from kompot_scverse._arguments import check_argument, check_arguments
from kompot_scverse._data.frame import frame_of
from kompot_scverse._data.holders import Data

from .call import call_text
from .compare import RunComparison, compare_runs
from .field_table import MISSING, field_table
from .find import find_view, listed_runs
from .history import iterate_runs
from .html import code, details, display, html_table, page, text_list, text_table


class RunInfo:
    """
    One run of an analysis: what was compared, with which parameters, what was found, and where it was written.

    Shows the state of `data` when it is made. Prints as text and, in notebooks, as HTML.

    Parameters
    ----------
    data
        Annotated data with runs.
    run_id
        Number of the run; negative numbers count from the end of those that match.
    key_added, group
        Only runs with this prefix, and whose contrast has this group.
    mod
        Modality of a MuData, for what a run did there; None for all that it did.
    analysis
        Only runs of `"de"`, `"da"` or `"smooth"`; None for any.

    Raises
    ------
    LookupError
        If there is no such run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> run = kp.RunInfo(adata)
    >>> run.contrast
    {'groupby': 'Age', 'reference': 'Young', 'group': 'Old'}
    >>> print(run.call())
    kp.tl.da(
        adata,
        "Age",
        reference="Young",
        groups="Old",
    )
    """

    def __init__(
        self,
        data: Data,
        run_id: int = -1,
        *,
        key_added: str | None = None,
        group: object = None,
        mod: str | None = None,
        analysis: Literal["de", "da", "smooth"] | None = None,
    ) -> None:
        check_arguments(RunInfo, locals())
        view = find_view(data, analysis, run_id=run_id, key_added=key_added, group=group, mod=mod)
        # of all modalities that it wrote to, unless one is named
        frame = frame_of(data, mod)
        self._history = list(iterate_runs(frame))
        self._run = next(run for run in self._history if run.run_id == view.run.run_id)
        self._fields = field_table(frame, self._run)

    @property
    def run_id(self) -> int:
        """Number of the run."""
        return self._run.run_id

    @property
    def analysis(self) -> str:
        """de, da or smooth."""
        return self._run.analysis

    @property
    def key_added(self) -> str:
        """Prefix of the fields."""
        return self._run.key_added

    @property
    def contrast(self) -> dict[str, Any]:
        """`groupby`, `reference` and `group`."""
        return dict(self._run.contrast)

    @property
    def time(self) -> str:
        """When the results were stored, UTC."""
        return self._run.time

    @property
    def params(self) -> dict[str, Any]:
        """Parameters as resolved: what was used, not only what was asked for."""
        return dict(self._run.params)

    @property
    def fields(self) -> pd.DataFrame:
        """
        Everything written: slot, key, statistic, description, and status (present, overwritten by run N, missing).

        With the modality in front, in the column `mod`, where that is one of several.
        """
        return self._fields.copy()

    @property
    def summary(self) -> dict[str, Any]:
        """What was found."""
        return dict(self._run.summary)

    @property
    def cells(self) -> dict[str, Any]:
        """Number of cells per condition and sample, and samples left out."""
        return dict(self._run.cells)

    @property
    def warnings(self) -> pd.DataFrame:
        """What the call warned of: category ("logged" where the logger said it) and text, in their order."""
        return pd.DataFrame(self._run.warnings, columns=["category", "text"])

    @property
    def environment(self) -> dict[str, str]:
        """Package versions."""
        return dict(self._run.environment)

    def call(self, data: str | None = None) -> str:
        """
        The Python call that repeats the run, as text.

        Of a call with several groups, all runs have the same call, since the groups share cell states. `overwrite`
        is left out. Arguments too large to store appear as variables, with a comment.

        Parameters
        ----------
        data
            Name of the variable that holds the data; None for "adata", or "mdata" if the call was on a MuData.
        """
        check_argument("data", data, str | None)
        return call_text(self._run.call, data)

    def compare_with(self, other: "RunInfo | int") -> RunComparison:
        """
        Compare parameters and fields with those of another run.

        Parameters
        ----------
        other
            Another run, also of other data; or the number of a run of the same data.

        Returns
        -------
        Differing parameters, numbers of equal ones, shared fields with who wrote them last, fields of only one.
        """
        check_argument("other", other, RunInfo | int)
        if isinstance(other, RunInfo):
            return compare_runs(self._run, other._run, self._history, other._history)
        for run in self._history:
            if run.run_id == other:
                return compare_runs(self._run, run, self._history, self._history)
        raise LookupError(f"No run with run_id={other}; existing: {listed_runs(self._history)}.")

    def _title(self) -> str:
        run = self._run
        text = f"Run {run.run_id}: {run.analysis}"
        if "effect" in run.contrast:
            text += f", {run.contrast['effect']} of {run.contrast.get('groupby')}"
        elif "group" in run.contrast:
            text += f", {run.contrast.get('reference')} to {run.contrast['group']} of {run.contrast.get('groupby')}"
        return text

    def _subtitle(self) -> str:
        counts = self._fields["status"].str.split(" ").str[0].value_counts(sort=False)
        states = ", ".join(f"{number} {state}" for state, number in counts.items())
        return f"{self._run.time} · {self._run.key_added} · {len(self._fields)} fields ({states})"

    def _sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        run = self._run
        return [
            ("Summary", [(name, _summarised(name, value)) for name, value in run.summary.items()]),
            ("Cells", _cell_rows(run.cells)),
            ("Parameters", [(name, display(value)) for name, value in run.params.items()]),
        ]

    def __repr__(self) -> str:
        lines = [self._title(), self._subtitle()]
        for title, rows in self._sections():
            lines += [title, *text_table(rows)]
        if self._run.warnings:
            lines.append("Warnings")
        for one in self._run.warnings:
            lines += wrap(_one_line(one["text"]), 100, initial_indent="  ", subsequent_indent="    ")
        fields = [(_place(row), str(row.status)) for row in self._fields.itertuples()]
        lines += ["Fields", *text_table(fields), "Call", *(f"  {line}" for line in self.call().splitlines())]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        sections = self._sections()
        content = [html_table(sections[0][1])]
        if self._run.warnings:
            content.append(
                details(f"Warnings ({len(self._run.warnings)})", text_list(self.warnings["text"]), opened=True)
            )
        content += [details(title, html_table(rows), opened=title == "Parameters") for title, rows in sections[1:]]
        columns = ["slot", "key", "status", "statistic", "description"]
        columns = ["mod", *columns] if "mod" in self._fields else columns
        table = html_table(
            self._fields[columns].itertuples(index=False, name=None), columns, notice=("overwritten", MISSING)
        )
        content.append(details(f"Fields ({len(self._fields)})", table))
        content.append(details("Call", code(self.call())))
        content.append(details("Packages", html_table(self._run.environment.items()), opened=True))
        return page(self._title(), self._subtitle(), content)


def _summarised(name: str, value: Any) -> str:
    """Tables are for `kp.get`, and here only their number of rows."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return f"{len(value):,} (kp.get.{name})"
    return display(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _place(row: Any) -> str:
    mod = getattr(row, "mod", "")
    return f"{f'mdata[{mod!r}].' if mod else ''}{row.slot}[{row.key!r}]"


def _cell_rows(cells: dict[str, Any]) -> list[tuple[str, str]]:
    if "modalities" in cells:
        parts = {mod: _cell_rows(own) for mod, own in cells["modalities"].items()}
        return [(f"{mod}: {name}", value) for mod, rows in parts.items() for name, value in rows]
    rows = [(str(condition), f"{number:,} cells") for condition, number in cells.get("conditions", {}).items()]
    for condition, samples in cells.get("samples", {}).items():
        rows.append((f"samples of {condition}", display(samples)))
    for name, value in cells.items():
        if name not in ("conditions", "samples") and value:
            rows.append((name.replace("_", " "), display(value)))
    return rows
