"""The matrix of a formula over the samples, and what makes it impossible."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .errors import NamedError, choices
from .formula_rank import check_rank

QUOTED = re.compile(r"`([^`]*)`")
COLOURS = re.compile(r"\x1b?\[[0-9;]*m")
MARKS = str.maketrans("", "", "⧛⧚")
"""How formulaic highlights part of a formula."""


@dataclass(frozen=True)
class FormulaMatrix:
    """A formula evaluated on the samples."""

    formula: str
    table: pd.DataFrame
    """Its variables, one row per sample."""
    values: np.ndarray
    """Samples × coefficients."""
    columns: tuple[str, ...]
    """Names of the coefficients."""
    terms: dict[str, tuple[int, ...]]
    """Coefficients of each term."""
    variables: dict[str, tuple[str, ...]]
    """Variables of each term."""
    categorical: dict[str, bool]
    """Whether all factors of a term are categories."""
    plain: tuple[str, ...]
    """Variables that are used as they are."""
    stepped: tuple[str, ...]
    """Variables that stand in a category, such as day in C(day), which has no values but those of the samples."""
    spec: Any
    """Formulaic's, to evaluate it elsewhere."""

    def at(self, table: pd.DataFrame) -> np.ndarray:
        """The rows of the matrix for other values of the variables."""
        return np.asarray(self.spec.get_model_matrix(table, context={}), dtype=np.float64)


def formula_variables(formula: str, existing: Sequence[str]) -> list[str]:
    """
    Obs columns that a formula uses, in its order.

    Parameters
    ----------
    formula
        The formula.
    existing
        Names of the columns.

    Raises
    ------
    ValueError
        If it cannot be read.
    KeyError
        If there is no such column.
    """
    found: list[str] = []
    for term in _parsed(formula):
        for factor in term.factors:
            text = str(getattr(factor, "expr", factor))
            for name in [text] if text in existing else _names(text):
                if name not in existing:
                    raise NamedError(
                        f"{name!r} of the formula {formula!r} is no obs column; {choices(name, existing)}."
                    )
                found.append(name)
    return list(dict.fromkeys(found))


def _parsed(formula: str) -> list[Any]:
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        parsed = Formula(formula.strip())
    except (FormulaicError, SyntaxError, ValueError) as error:
        raise ValueError(f"The formula {formula!r} cannot be read: {_one_line(error)}") from error
    if not all(hasattr(term, "factors") for term in parsed):
        raise ValueError(f"The formula {formula!r} must have a right-hand side only, like '~ age + sex'.")
    return list(parsed)


def _names(text: str) -> list[str]:
    """Variables in a factor: names that are neither functions nor what functions are looked up in."""
    quoted = QUOTED.findall(text)
    try:
        tree = ast.parse(QUOTED.sub(lambda found: f"_quoted_{quoted.index(found[1])}", text), mode="eval")
    except SyntaxError:
        return [text]
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    owners = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions | owners]
    back = {f"_quoted_{number}": name for number, name in enumerate(quoted)}
    return [back.get(node.id, node.id) for node in names]


def formula_matrix(formula: str, table: pd.DataFrame, used: np.ndarray, *, replicates: bool = True) -> FormulaMatrix:
    """
    Evaluate a formula on the samples and check that these determine it.

    Parameters
    ----------
    formula
        The formula.
    table
        Its variables, one row per sample.
    used
        Whether a sample is used to estimate the coefficients; the others only have rows.
    replicates
        Whether samples are what varies, so that there must be more of them than coefficients.

    Raises
    ------
    ValueError
        If a column follows from others, if the samples are too few, or if there is no constant.
    """
    from formulaic import model_matrix
    from formulaic.errors import FormulaicError

    try:
        frame = model_matrix(formula.strip(), table, context={}, na_action="raise")
    except (FormulaicError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"The formula {formula!r} cannot be evaluated on the samples: {_one_line(error)}") from error
    spec = frame.model_spec
    numbers = {str(term): tuple(range(own.start, own.stop)) for term, own in spec.term_slices.items()}
    kinds = {str(key): kind[0].value for key, kind in spec.encoder_state.items()}
    factors = {str(term): [str(factor) for factor in term.factors] for term in spec.terms}
    found = FormulaMatrix(
        formula=formula,
        table=table,
        values=np.asarray(frame, dtype=np.float64),
        columns=tuple(str(column) for column in frame.columns),
        terms=numbers,
        variables={str(t): tuple(str(v) for v in table if v in own) for t, own in spec.term_variables.items()},
        categorical={t: all(kinds.get(f) == "categorical" for f in own) for t, own in factors.items()},
        stepped=tuple(
            str(name) for name in table if any(name in _names(f) for f, k in kinds.items() if k == "categorical")
        ),
        plain=tuple(str(name) for name in table if any(name in own for own in factors.values())),
        spec=spec,
    )
    check_rank(found, used, replicates=replicates)
    return found


def _one_line(error: BaseException) -> str:
    return " ".join(COLOURS.sub("", str(error)).translate(MARKS).split())[:300]
