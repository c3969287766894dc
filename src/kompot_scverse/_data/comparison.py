"""The comparison that a call asks for, looked up in the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kompot_scverse._stats.design import ContrastDesign, Design

from .design import resolve_design
from .sample_design import contrast_designs
from .targets import Targets

__all__ = ["Comparison", "resolve_comparison"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Arguments that say which cells are compared with which."""

    groupby: str
    reference: object
    groups: object
    sample_key: str | None
    paired: bool
    covariates: str | Sequence[str] | None
    mask_obs: Any


def resolve_comparison(targets: Targets, mod: str, asked: Comparison) -> tuple[Design, list[ContrastDesign] | None]:
    """
    Conditions and samples of the cells of a modality, and the design matrix of each contrast (None without replicates).

    Raises
    ------
    KeyError
        If a column or category does not exist.
    ValueError
        If the cells or samples cannot be compared.
    """
    frame = targets.frames[mod]
    design = resolve_design(
        frame,
        asked.groupby,
        reference=asked.reference,
        groups=asked.groups,
        sample_key=asked.sample_key,
        mask_obs=targets.mask(mod, asked.mask_obs),
    )
    return design, contrast_designs(frame, design, asked.covariates, paired=asked.paired)
