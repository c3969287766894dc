"""The comparison that a call asks for, looked up in the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kompot_scverse._arguments import listed
from kompot_scverse._stats.design import ContrastDesign, Design
from kompot_scverse.design import Design as Formula

from .design import resolve_design
from .formula_design import FormulaDesign, resolve_formula
from .sample_design import contrast_designs
from .targets import Targets


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Arguments that say which cells are compared with which."""

    groupby: str | Formula
    reference: object
    groups: object
    sample_key: str | None
    paired: bool
    covariates: str | Sequence[str] | None
    mask_obs: Any

    def check(self) -> None:
        """Raise for arguments that do not go together."""
        given = {"reference": self.reference, "groups": self.groups, "covariates": self.covariates}
        beside = [name for name, value in given.items() if value is not None] + (["paired"] if self.paired else [])
        if isinstance(self.groupby, Formula):
            if beside:
                raise ValueError(
                    f"{_listed(beside)} cannot stand beside a `kp.Design`, which says itself what is compared: with its formula, "
                    "`test`, `contrasts` and `block`. Leave out one or the other."
                )
        elif self.reference is None:
            raise TypeError(
                f"`reference` is missing: name the category of obs[{self.groupby!r}] that the others are compared with, or pass a "
                "`kp.Design`."
            )


def _listed(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


@dataclass(frozen=True)
class Compared:
    """A comparison looked up in the data of one modality."""

    design: Design
    contrasts: list[ContrastDesign] | None
    """Design of the samples for each contrast; None without replicates."""
    formula: FormulaDesign | None = None


def describe_comparison(asked: Comparison, formula: FormulaDesign | None) -> dict[str, Any]:
    """What a run records of the design of the samples."""
    if formula is not None:
        return formula.describe()
    if asked.sample_key is None:
        return {}
    return {
        "paired": asked.paired,
        "covariates": [] if asked.covariates is None else listed("covariates", asked.covariates),
    }


def resolve_comparison(targets: Targets, mod: str, asked: Comparison) -> Compared:
    """
    Conditions (or effects) and samples of the cells of a modality, and the design matrix of each contrast.

    Raises
    ------
    KeyError
        If a column or category does not exist.
    ValueError
        If the cells or samples cannot be compared.
    """
    frame, mask = targets.frames[mod], targets.mask(mod, asked.mask_obs)
    if isinstance(asked.groupby, Formula):
        found = resolve_formula(frame, asked.groupby, sample_key=asked.sample_key, mask_obs=mask)
        return Compared(found.samples, found.contrasts, found)
    design = resolve_design(
        frame,
        asked.groupby,
        reference=asked.reference,
        groups=asked.groups,
        sample_key=asked.sample_key,
        mask_obs=mask,
    )
    return Compared(design, contrast_designs(frame, design, asked.covariates, paired=asked.paired))
