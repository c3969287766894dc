"""What is tested of a formula: coefficients, terms, variables and named contrasts, as columns of contrasts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._stats.design_matrix import is_difference
from kompot_scverse._stats.effect import Effect
from kompot_scverse.design import Design

from .errors import NamedError, choices
from .formula import FormulaMatrix
from .sample_table import is_number

MAX_LEVELS = 9
"""Values of a numeric variable at which an omnibus effect is evaluated."""


def find_effects(matrix: FormulaMatrix, design: Design, used: np.ndarray) -> list[Effect]:
    """
    The effects of a design, in the order in which they were named.

    Parameters
    ----------
    matrix
        The formula evaluated on the samples.
    design
        What is tested.
    used
        Whether a sample is used.

    Raises
    ------
    KeyError
        If there is no such coefficient, term or variable.
    ValueError
        If a contrast is no difference, or two effects would be written under one name.
    """
    effects = [effect for test in design.tests for effect in _of_test(matrix, test, used)]
    effects += [_of_contrast(matrix, name, value) for name, value in (design.contrasts or {}).items()]
    named: dict[str, str] = {}
    for effect in effects:
        other = named.setdefault(effect.key, effect.name)
        if other != effect.name or sum(one.name == effect.name for one in effects) > 1:
            raise ValueError(
                f"The effects {other!r} and {effect.name!r} would be written under the same name, {effect.key!r}. Test them in "
                "calls of their own with other `key_added=`, or give one a name with `contrasts=`."
            )
        if not is_difference(matrix.values[used], effect.contrast):
            raise ValueError(
                f"{effect.name!r} of the design {matrix.formula!r} is the level itself and no difference between samples. Test "
                "a difference, for example with `contrasts={'b_vs_a': {'x[b]': 1, 'x[a]': -1}}`."
            )
    return effects


def _of_test(matrix: FormulaMatrix, test: str, used: np.ndarray) -> list[Effect]:
    identity = np.eye(len(matrix.columns))
    if test in matrix.columns:
        number = matrix.columns.index(test)
        return [Effect(test, identity[number], _unit(matrix, number))]
    terms = _terms(matrix, test)
    numbers = [number for term in terms for number in matrix.terms[term]]
    if len(numbers) == 1:
        return [Effect(test, identity[numbers[0]], _unit(matrix, numbers[0]))]
    whole = _omnibus(matrix, test, terms, numbers, used)
    if len(terms) == 1 and matrix.categorical[terms[0]]:
        columns = [number for number in numbers if is_difference(matrix.values[used], identity[number])]
        return [whole, *(Effect(matrix.columns[number], identity[number]) for number in columns)]
    return [whole]


def _terms(matrix: FormulaMatrix, test: str) -> list[str]:
    """The term of that name, also with other blanks, or all terms with that variable."""
    plain = "".join(test.split())
    for term in matrix.terms:
        if "".join(term.split()) == plain or sorted(plain.split(":")) == sorted("".join(term.split()).split(":")):
            return [term]
    found = [term for term, variables in matrix.variables.items() if test in variables]
    if not found:
        variables = [name for own in matrix.variables.values() for name in own]
        existing = dict.fromkeys([*variables, *(term for term in matrix.terms if term != "1"), *matrix.columns])
        raise NamedError(
            f"`test={test!r}` is no coefficient, term or variable of the design {matrix.formula!r}; {choices(test, existing)}."
        )
    return found


def _omnibus(matrix: FormulaMatrix, test: str, terms: list[str], numbers: list[int], used: np.ndarray) -> Effect:
    """All coefficients of some terms together, and what they say of the values of their variables."""
    identity = np.eye(len(matrix.columns))
    contrast = identity[:, numbers]
    if not is_difference(matrix.values[used], contrast):
        # one column per category: their differences from the first
        contrast = contrast[:, 1:] - contrast[:, :1]
    variables = list(dict.fromkeys(name for term in terms for name in matrix.variables[term]))
    if len(variables) > 1:
        return Effect(test, contrast, levels=tuple(matrix.columns[n] for n in numbers), of_levels=identity[:, numbers])
    (variable,) = variables
    table = matrix.table[used]
    values = table[variable].drop_duplicates().sort_values()
    if is_number(values) and len(values) > MAX_LEVELS:
        values = pd.Series(np.linspace(values.min(), values.max(), MAX_LEVELS))
    levels = tuple(f"{value:.4g}" if is_number(values) else str(value) for value in values)
    rows = table.iloc[[0] * len(values)].reset_index(drop=True)
    rows[variable] = values.reset_index(drop=True)
    at = matrix.at(rows)
    # what other terms with the variable say is none of this effect
    own = np.isin(np.arange(len(matrix.columns)), numbers)
    return Effect(test, contrast, levels=levels, of_levels=((at - at[:1]) * own).T)


def _unit(matrix: FormulaMatrix, number: int) -> str | None:
    """The variable of which a coefficient is the slope."""
    name = matrix.columns[number]
    return name if name in matrix.plain and is_number(matrix.table[name]) else None


def _of_contrast(matrix: FormulaMatrix, name: str, value: Any) -> Effect:
    if isinstance(value, Mapping):
        contrast = np.zeros(len(matrix.columns))
        for coefficient, weight in value.items():
            if coefficient not in matrix.columns:
                raise NamedError(
                    f"`contrasts[{name!r}]` names {coefficient!r}, which is no coefficient of the design {matrix.formula!r}; "
                    f"{choices(coefficient, matrix.columns)}."
                )
            contrast[matrix.columns.index(coefficient)] = weight
        return Effect(name, contrast)
    from formulaic_contrasts import FormulaicContrasts

    variable, baseline, group = value
    if variable not in matrix.table:
        raise NamedError(
            f"`contrasts[{name!r}]` names {variable!r}, which is no variable of the design {matrix.formula!r}; "
            f"{choices(variable, list(matrix.table))}."
        )
    if not is_number(matrix.table[variable]):
        baseline, group = str(baseline), str(group)
    try:
        found = FormulaicContrasts(matrix.table, matrix.formula).contrast(variable, baseline, group)
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"`contrasts[{name!r}]` cannot be built by formulaic-contrasts ({' '.join(str(error).split())}); give the coefficients "
            f"instead: {', '.join(matrix.columns)}."
        ) from error
    return Effect(name, found[list(matrix.columns)].to_numpy(dtype=np.float64))
