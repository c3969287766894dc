"""The command `kompot-scverse`."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .demo import demo

__all__ = ["app"]


class _Commands(TyperGroup):
    """Loads the analyses, and with them anndata, when one of their commands is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All commands."""
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name."""
        if cmd_name not in self.commands:
            self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        from .commands import commands

        self.commands = dict(commands()) | dict(self.commands)


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
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
    """Differential abundance and expression of single cells, without clusters and aware of replicates.

    Exit codes: 0 done, 1 the analysis could not be done (the reason is on standard error), 2 wrong usage, 3 a plan that
    is not feasible, 130 interrupted, 143 ended by the system.
    """
