"""Options for a design in the place of --groupby."""

import inspect
from typing import Annotated, Any

import typer

from kompot_scverse.design import Design

PANEL = "design: a formula over the samples, instead of --groupby and --reference"
OPTIONS = {
    "design": (str, "--design", "Formula over the samples, such as '~ age + sex' or '~ C(day)'."),
    "tested": (list[str], "--test", "Coefficient, term or variable that is tested. Repeat it for several."),
    "block": (str, "--block", "Obs column of the donors, whose samples are alike."),
    "contrast": (
        list[str],
        "--contrast",
        "Contrast that is tested, by name: 'late=C(day)[T.7]:1,C(day)[T.3]:-1'. Repeat it for several.",
    ),
}


def design_options() -> dict[str, inspect.Parameter]:
    """The options, by name."""
    return {
        name: inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, typer.Option(flag, help=text, show_default=False, rich_help_panel=PANEL)],
        )
        for name, (kind, flag, text) in OPTIONS.items()
    }


def take_design(options: dict[str, Any]) -> Design | None:
    """
    The design that the options give, which are taken out; None without `--design`.

    Raises
    ------
    typer.BadParameter
        If they do not go together, or the design refuses them.
    """
    given = {name: options.pop(name, None) or None for name in OPTIONS}
    formula = given.pop("design")
    if formula is None:
        beside = [OPTIONS[name][1] for name, value in given.items() if value is not None]
        if beside:
            raise typer.BadParameter(f"{beside[0]} belongs to a design; pass its formula as --design.")
        return None
    if options.get("groupby") is not None:
        raise typer.BadParameter("--design and --groupby say the same in two ways; pass one of them.")
    contrasts = dict(map(_contrast, given["contrast"] or ()))
    try:
        return Design(formula, given["tested"], contrasts or None, given["block"])
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error


def _contrast(text: str) -> tuple[str, dict[str, float]]:
    """Name and weights from 'name=coefficient:weight,coefficient:weight'; a coefficient may have colons and commas itself."""
    name, separator, rest = text.partition("=")
    weights: dict[str, float] = {}
    coefficient = ""
    for part in rest.split(","):
        coefficient += part
        label, colon, number = coefficient.rpartition(":")
        try:
            weights[label.strip()] = float(number)
        except ValueError:
            # a comma within the coefficient, as in bs(day, df=3)[1]
            coefficient += ","
            continue
        if not colon:
            break
        coefficient = ""
    if not (name and separator and weights and not coefficient) or "" in weights:
        raise typer.BadParameter(f"--contrast {text!r}: write it as name=coefficient:weight,coefficient:weight.")
    return name, weights
