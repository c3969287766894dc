"""What a comparison of samples with a formula is: the model, what is tested, and which samples belong together."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ._arguments import check_argument, listed, shown

__all__ = ["Design"]


@dataclass(frozen=True)
class Design:
    """
    A formula that models the samples, what is tested in it, and which samples come from one donor.

    Pass it in the place of `groupby`. The variables of the formula are obs columns with one value in each sample.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> kp.Design("~ age + sex", test="age")
    Design('~ age + sex', test='age')
    """

    formula: str
    """Right-hand side in the language of formulaic (as in R): `"~ age + sex"`, `"~ C(day) + sex"`, `"~ bs(day, df=3)"`,
    `"~ condition * sex"`, `"~ 0 + stage"`. Names with blanks stand in backticks."""
    test: str | Sequence[str] | None = None
    """What is tested, one or several: a coefficient, a term or a variable (all terms with it), looked up in this order.
    Several coefficients are tested together, for any difference, and the levels of a category one by one as well."""
    contrasts: Mapping[str, Any] | None = None
    """Linear combinations of coefficients by name: `{"relapse_vs_remission": {"stage[relapse]": 1, "stage[remission]": -1}}`;
    or (variable, baseline, group); or what `formulaic_contrasts` gives for two conditions, `model.cond(stage="relapse") -
    model.cond(stage="remission")`."""
    block: str | None = None
    """Obs column of the donors (or mice, batches, …) whose samples are alike: each gets a random intercept, whose share of the
    variance is estimated over all genes."""

    def __post_init__(self) -> None:
        for name, annotation in (("formula", str), ("block", str | None)):
            check_argument(name, getattr(self, name), annotation)
        if "~" in self.formula.lstrip()[1:]:
            raise ValueError(
                f"`formula={self.formula!r}` has a left-hand side; what is modelled is the expression or the abundance of "
                "each cell state. Begin with '~'."
            )
        if not self.formula.strip().lstrip("~").strip():
            raise ValueError("`formula` is empty; pass one like '~ age + sex'.")
        tests = [] if self.test is None else list(dict.fromkeys(listed("test", self.test, str)))
        if self.contrasts is not None and not isinstance(self.contrasts, Mapping):
            raise TypeError(f"`contrasts` must be a mapping of names to contrasts, not {shown(self.contrasts)}.")
        contrasts = {_name(name): _contrast(name, value) for name, value in (self.contrasts or {}).items()}
        if not tests and not contrasts:
            raise ValueError(
                f"The design {self.formula!r} does not say what is tested; name a coefficient, a term or a variable with "
                "`test=`, or pass `contrasts=`."
            )
        object.__setattr__(self, "test", tests[0] if len(tests) == 1 else tuple(tests) or None)
        object.__setattr__(self, "contrasts", contrasts or None)

    @property
    def tests(self) -> tuple[str, ...]:
        """What is tested, apart from `contrasts`."""
        if self.test is None:
            return ()
        return (self.test,) if isinstance(self.test, str) else tuple(self.test)

    def __hash__(self) -> int:
        return hash((self.formula, self.test, self.block, repr(self.contrasts)))

    def __repr__(self) -> str:
        given = {"test": self.test, "contrasts": self.contrasts, "block": self.block}
        more = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        return f"Design({', '.join([repr(self.formula), *more])})"


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"The names of `contrasts` must be text, not {shown(name)}.")
    return name


def _contrast(name: str, value: Any) -> dict[str, float] | tuple[str, Any, Any]:
    """Coefficients other than 0 by name, or variable, baseline and group."""
    if isinstance(value, Mapping) or hasattr(value, "items"):
        found = {}
        for coefficient, weight in value.items():
            if not isinstance(weight, Real) or isinstance(weight, bool) or not math.isfinite(weight):
                raise TypeError(
                    f"`contrasts[{name!r}]` must give numbers to coefficients, not {shown(weight)} to {coefficient!r}."
                )
            if weight != 0:
                found[str(coefficient)] = float(weight)
        if not found:
            raise ValueError(f"`contrasts[{name!r}]` is 0 for all coefficients; there is nothing to test.")
        return found
    if isinstance(value, Iterable) and not isinstance(value, str | bytes) and len(own := list(value)) == 3:
        return str(own[0]), own[1], own[2]
    raise TypeError(
        f"`contrasts[{name!r}]` must be coefficients with their weights, like {{'stage[b]': 1, 'stage[a]': -1}}, or (variable, "
        f"baseline, group), not {shown(value)}."
    )
