"""What makes it impossible to estimate the coefficients of a formula, in a sentence that says what to drop."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kompot_scverse._stats.design_matrix import first_follower, is_difference

if TYPE_CHECKING:
    from .formula import FormulaMatrix

SHOWN = 6
"""Values of a variable that an error names."""


def check_rank(found: "FormulaMatrix", used: np.ndarray, *, replicates: bool) -> None:
    """
    Raise if the samples do not determine the coefficients.

    Parameters
    ----------
    found
        The formula evaluated on the samples.
    used
        Whether a sample is used to estimate the coefficients.
    replicates
        Whether there must be more samples than coefficients.

    Raises
    ------
    ValueError
        If a column follows from others, if the samples are too few, or if there is no constant.
    """
    matrix, n = found.values[used], int(used.sum())
    where = f"The design {found.formula!r} cannot be told apart by the {n} samples"
    empty = [name for name, column in zip(found.columns, matrix.T, strict=True) if not column.any()]
    if empty:
        number = found.columns.index(empty[0])
        curve = _curve(found, number, [], used)
        if curve:
            raise ValueError(f"{where}: {curve}")
        term = _term(found, number)
        raise ValueError(
            f"{where}: {_listing(empty)} {'is' if len(empty) == 1 else 'are'} 0 in all of them, since no sample has such values. "
            f"Drop the term {term!r}, or make the categories coarser."
        )
    if replicates and matrix.shape[1] >= n:
        raise ValueError(
            f"{n} samples are too few for the {matrix.shape[1]} coefficients of the design {found.formula!r} "
            f"({_listing(found.columns)}): nothing is left to estimate the variance from. Drop terms."
        )
    follower = first_follower(matrix)  # also of more columns than rows
    if follower is not None:
        number, before = follower
        column, own = found.columns[number], [found.columns[b] for b in before]
        constant = [name for name in found.variables[_term(found, number)] if found.table[name][used].nunique() < 2]
        if constant:
            value = found.table[constant[0]][used].iloc[0]
            raise ValueError(
                f"{where}: {_listing(constant[:1])} is {value} in all of them. Drop the term {_term(found, number)!r}."
            )
        curve = _curve(found, number, own, used)
        if curve:
            raise ValueError(f"{where}: {curve}")
        raise ValueError(
            f"{where}: {column!r} follows from {_listing(own)}, so their effects are one. Drop the term "
            f"{_term(found, number)!r}, or one of those that it follows from."
        )
    if is_difference(matrix, np.eye(matrix.shape[1])) is None:
        raise ValueError(
            f"The design {found.formula!r} has no constant, so it would compare with an expression of 0. Leave out '0 +' or "
            "'- 1', or add a category."
        )


def _curve(found: "FormulaMatrix", number: int, before: Sequence[str], used: np.ndarray) -> str | None:
    """What is wrong with the curve that a coefficient is of, such as a spline with more coefficients than the values allow."""
    term = _term(found, number)
    names = found.variables[term]
    size = len(found.terms[term])
    if len(names) != 1 or found.categorical[term] or size < 2:
        return None
    (name,) = names
    values = np.unique(found.table[name][used])
    if size >= len(values):
        listed = ", ".join(f"{value:g}" for value in values[:SHOWN]) + (", …" if len(values) > SHOWN else "")
        simpler = f"'poly({name}, {len(values) - 1})'" if len(values) > 2 else repr(name)
        return (
            f"{name!r} has {len(values)} values in them ({listed}), which determine {len(values) - 1} coefficients, and {term!r} has "
            f"{size}. Write {simpler}, or 'C({name})' for a category."
        )
    outside = set(before) - {found.columns[column] for column in found.terms[term]}
    if len(outside) == 1 and (found.values[used][:, found.columns.index(outside.pop())] == 1).all():
        return (
            f"the columns of {term!r} add up to a constant, which the design has beside them. Begin the formula with '0 +', or "
            "add constraints='center' to the spline."
        )
    return None


def _term(found: "FormulaMatrix", number: int) -> str:
    """The term of a coefficient."""
    return next(term for term, own in found.terms.items() if number in own)


def _listing(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
