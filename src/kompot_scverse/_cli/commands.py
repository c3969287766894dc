"""The commands that call the functions of `kp.tl` on files."""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import typer

import kompot_scverse
from kompot_scverse import StorageSettings, get, pp, tl
from kompot_scverse._runs.history import readable_runs

from . import files
from .config import read_config
from .design import design_options, take_design
from .layers import drop_layers
from .options import arguments_of, options_of
from .session import session

NOT_FEASIBLE = 3
ROWS: dict[Callable, str] = {get.de_df: "gene", get.da_df: "cell"}
"""What a row of a table is: the name of its first column."""

Input = Annotated[Path, typer.Argument(metavar="INPUT", help="File to analyse (.h5ad, .h5mu or .zarr).")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File for the data with the results.")]
Table = Annotated[Path | None, typer.Option(help="File for the table of results (.csv, .tsv or .parquet).")]
Config = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, help="YAML file with arguments and settings; options given here come first."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Largest number of threads.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing files (also INPUT) and fields of earlier runs.")
]


@cache
def commands() -> Mapping[str, Any]:
    """All commands of this file, by name."""
    app = typer.Typer()
    for function, table in ((tl.da, get.da_df), (tl.de, get.de_df), (tl.smooth, None)):
        app.command(function.__name__)(_analysis(function, table))
    app.command("plan")(_with_options(plan, tl.de, tl.da, tl.smooth))
    app.command("runs")(runs)
    app.command("report")(_with_options(report, kompot_scverse.report))
    return typer.main.get_command(app).commands  # type: ignore[attr-defined]


def _analysis(function: Callable, table_of: Callable | None) -> Callable:
    """The command of a function of `kp.tl`."""

    def command(
        input: Input,
        *,
        output: Output = None,
        table: Table = None,
        config: Config = None,
        threads: Threads = None,
        overwrite: Overwrite = False,
        **options: Any,
    ) -> None:
        arguments, with_layers = _arguments(function, options, config)
        if output is None and table is None:
            raise typer.BadParameter("Nothing would be written: pass --output" + (" or --table." if table_of else "."))
        with session(threads) as go_on:
            if output is not None:
                files.check_output(output, input, overwrite=overwrite)
            if table is not None:
                files.check_table(table, overwrite=overwrite)
            data = files.read(input)
            if output is not None:
                files.check_space(data, output)
            before = [run.run_id for run in readable_runs(data)]
            function(data, **arguments, overwrite=overwrite or None)
            go_on()
            if table is not None and table_of is not None:
                files.write_table(_tables(data, table_of, before), table, overwrite=overwrite)
            if output is not None:
                if not with_layers:
                    drop_layers(data, before)
                files.write(data, output, overwrite=overwrite)

    command.__doc__ = (inspect.getdoc(function) or "").partition("\n")[0]
    return _with_options(command, function, without=() if table_of else ("table",))


def _tables(data: Any, table_of: Callable, before: Any) -> Any:
    """The results of the runs that a call has added, below each other."""
    runs = get.runs(data)
    # a run of several modalities has a row for each
    added = runs[~runs.index.isin(before) & ~runs.index.duplicated()]
    parts = []
    for run_id, group in added["group"].items():
        part = table_of(data, run_id=run_id)
        part.insert(0, "group", group)
        parts.append(part.rename_axis(ROWS[table_of]))
    return pd.concat(parts)


def plan(
    input: Input,
    *,
    tool: Annotated[Literal["de", "da", "smooth"], typer.Option(help="Analysis to plan.")] = "de",
    config: Config = None,
    **options: Any,
) -> None:
    """Predict memory, disk and fields of an analysis without running it; exit code 3 if it is not feasible."""
    arguments, with_layers = _arguments(getattr(tl, tool), options, config)
    if tool != "da" and not with_layers:
        arguments["storage"] = replace(arguments.get("storage") or StorageSettings(), layers=None)
    with session():
        found = pp.plan(files.read(input, backed=True), tool, **arguments, overwrite=True)
    typer.echo(repr(found))
    if found.status == "not feasible":
        raise typer.Exit(NOT_FEASIBLE)


def runs(
    input: Input,
    *,
    format: Annotated[Literal["text", "csv", "json"], typer.Option(help="How to print them.")] = "text",
) -> None:
    """Print the runs that are recorded in a file."""
    with session():
        table = get.runs(files.read(input, backed=True))
    if format == "csv":
        table.to_csv(sys.stdout)
    elif format == "json":
        typer.echo(table.reset_index().to_json(orient="records"))
    else:
        typer.echo(table.to_string() if len(table) else "No runs.")


def report(
    input: Input,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="File for the page (.html).")] = Path(
        "kompot_report.html"
    ),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    **options: Any,
) -> None:
    """Write what the runs of a file have found as one page of HTML."""
    with session():
        files.check_page(output, overwrite=overwrite)
        write = partial(kompot_scverse.report, files.read(input), **arguments_of(kompot_scverse.report, options, {}))
        files.write_page(write, output, overwrite=overwrite)


def _arguments(function: Callable, options: dict[str, Any], config: Path | None) -> tuple[dict[str, Any], bool]:
    """What the function is called with, and whether layers were asked for."""
    from_file = {} if config is None else read_config(config, function)
    design = take_design(options)
    if design is not None:
        if function is tl.smooth:
            raise typer.BadParameter("--design is no argument of kp.tl.smooth.")
        from_file["groupby"] = design
    with_layers = options.get("layers") is not None or "layers" in (from_file.get("storage") or {})
    arguments = arguments_of(function, options, from_file)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is parameter.empty and name != "data" and arguments.get(name) is None:
            raise typer.BadParameter(f"--{name.replace('_', '-')} is needed (or `{name}:` in a --config file).")
    if function is not tl.smooth and isinstance(arguments["groupby"], str) and arguments.get("reference") is None:
        raise typer.BadParameter("--reference is needed with --groupby (or `reference:` in a --config file).")
    return arguments, with_layers


def _with_options(command: Callable, *functions: Callable, without: tuple[str, ...] = ()) -> Callable:
    """Give a command the arguments of functions as options; typer reads them from its signature."""
    own = inspect.signature(command)
    first = [
        parameter
        for parameter in own.parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name not in without
    ]
    designs = design_options() if any("groupby" in inspect.signature(one).parameters for one in functions) else {}
    parameters = [*first, *options_of(*functions).values(), *designs.values()]
    command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command
