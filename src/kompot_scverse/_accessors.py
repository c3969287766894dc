"""
Arguments of public functions: checked before anything is done, and accessors of anndata in the place of names.

Accessors are `A.obs["condition"]`, `A.obsm["pca"]`, `A.layers["log"]`.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ._arguments import check_arguments

KINDS = {
    "obs": "a column of obs",
    "var": "a column of var",
    "obsm": "a representation in obsm",
    "layer": "a layer",
    "gene": "the expression of a gene",
}
TAKEN = {"use_rep": "obsm", "basis": "obsm", "layer": "layer", "genes": "var", "gene": "gene"}
"""What an accessor may name in these arguments; in all others a column of obs."""


def take_arguments(names: dict[str, Any], public: list[str]) -> None:
    """
    Let the functions of a room check their arguments first, and take accessors of anndata where they take names.

    Parameters
    ----------
    names
        Globals of the module.
    public
        Those of its names that are public.
    """
    for name in public:
        if inspect.isfunction(names[name]):
            names[name] = _taking(names[name])


def _taking(function: Callable) -> Callable:
    parameters = list(inspect.signature(function).parameters)

    @wraps(function)
    def call(*args: Any, **kws: Any) -> Any:
        plain = [_named(value, name) for value, name in zip(args, parameters, strict=False)]
        named = {name: _named(value, name) for name, value in kws.items()}
        check_arguments(function, named | dict(zip(parameters, plain, strict=False)))
        # what is too much or missing, Python says itself
        return function(*plain, *args[len(plain) :], **named)

    return call


def _named(value: Any, argument: str) -> Any:
    """The name that an accessor stands for; anything else as it is."""
    if isinstance(value, list | tuple) and any(_is_accessor(one) for one in value):
        return type(value)(_named(one, argument) for one in value)
    if not _is_accessor(value):
        return value
    kind, name = _meant(value)
    taken = TAKEN.get(argument, "obs")
    if kind != taken and not (argument == "genes" and kind == "gene"):
        hint = "; `kp.pl.expression` draws it" if kind == "gene" and argument == "color" else ""
        raise TypeError(f"`{argument}={value!r}` is {KINDS.get(kind, 'nothing by name')}, not {KINDS[taken]}{hint}.")
    return name


def _is_accessor(value: Any) -> bool:
    # told by name, since most calls need not import the module
    return type(value).__module__ == "anndata.acc"


def _meant(value: Any) -> tuple[str, Any]:
    """What an accessor or reference names: its kind and the name."""
    kind = type(value).__name__
    if kind == "AdRef":
        of, idx = type(value.acc).__name__, value.idx
        if of == "MetaAcc" and idx is not None:
            return value.acc.dim, idx
        if of == "LayerAcc" and isinstance(idx[0], slice) and isinstance(idx[1], str):
            return "gene", idx[1]
        return "", None
    if kind == "MultiAcc" and value.dim == "obs":
        return "obsm", value.k
    if kind == "LayerAcc":
        return "layer", value.k
    return "", None
