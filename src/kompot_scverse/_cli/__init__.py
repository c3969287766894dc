"""The command `kompot-scverse`."""

from typing import Annotated

import typer

from .demo import demo

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        from kompot_scverse import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Differential abundance and expression of single cells, without clusters and aware of replicates."""
