"""Which cells belong to which sample of a design, and the design of every effect."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._stats.design import ALL, MIN_CELLS, ContrastDesign, Design, FormulaRows
from kompot_scverse._stats.effect import Effect
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse.design import Design as Formula

from .design import sample_labels, warn_of_small
from .effects import find_effects
from .formula import FormulaMatrix, formula_matrix, formula_variables
from .protocol import AnnDataLike
from .resolve import cell_mask
from .sample_table import is_number, sample_table, warn_of_codes

MAX_COMBINATIONS = 200
"""Without samples, cells with the same values of the variables are taken together: so many combinations at most."""


@dataclass(frozen=True)
class FormulaDesign:
    """A formula on the samples, and what is tested."""

    samples: Design
    """All cells as one condition, with their samples (without `sample_key` one for each combination of the variables), and
    the effects."""
    matrix: FormulaMatrix
    effects: tuple[Effect, ...]
    block: str | None
    blocks: np.ndarray | None
    """Number of the block of each sample."""

    def describe(self) -> dict[str, Any]:
        """What a run records: enough to evaluate the formula again."""
        table = self.matrix.table
        return {
            "formula": self.matrix.formula,
            "block": self.block,
            "coefficients": list(self.matrix.columns),
            "effects": {
                effect.key: {"name": effect.name, "unit": effect.unit, "levels": list(effect.levels)}
                | {"contrast": np.round(effect.contrast, 12).tolist()}
                for effect in self.effects
            },
            "variables": {str(name): table[name].astype(object).tolist() for name in table},
            "categories": {str(name): list(table[name].cat.categories) for name in table if not is_number(table[name])},
        }

    @property
    def contrasts(self) -> list[ContrastDesign] | None:
        """Designs of the replicate tests, one for each effect; None without samples."""
        if self.samples.sample_key is None:
            return None
        members = np.flatnonzero(self.samples.usable)
        block = None if self.blocks is None else self.blocks[members]
        rows = self.matrix.values[members]
        return [ContrastDesign(members, SampleDesign(rows, effect.contrast, block)) for effect in self.effects]


def resolve_formula(
    adata: AnnDataLike,
    design: Formula,
    *,
    sample_key: str | None,
    mask_obs: "str | Sequence[bool] | np.ndarray | pd.Series | None" = None,
) -> FormulaDesign:
    """
    Read the samples and the variables from obs and check that the effects can be tested.

    Parameters
    ----------
    adata
        The cells.
    design
        What the user asks for.
    sample_key
        Obs column of the samples.
    mask_obs
        Cells to use.
    """
    mask = cell_mask(adata, mask_obs)
    names = formula_variables(design.formula, [str(name) for name in adata.obs.columns])
    if sample_key is None:
        if design.block is not None:
            raise ValueError(f"`block={design.block!r}` describes samples; name them with `sample_key=`.")
        samples = _combinations(adata, names, mask)
    else:
        samples = _samples(adata, sample_key, mask)
    table = sample_table(adata, names, samples.sample_codes, samples.samples, "formula")
    # the categories of samples that count; others have none of their own
    for name in table.select_dtypes("category"):
        table[name] = table[name].cat.remove_unused_categories()
    used = samples.usable if sample_key is not None else np.ones(len(samples.samples), dtype=bool)
    matrix = formula_matrix(design.formula, table, used, replicates=sample_key is not None)
    effects = find_effects(matrix, design, used)
    blocks = None if design.block is None else _blocks(adata, design.block, samples)
    n_independent = len(table) if blocks is None else int(blocks.max()) + 1
    remedy = "write C({}) in the formula".format
    warn_of_codes(table, matrix.plain, n_independent, "formula", remedy)
    rows = FormulaRows(matrix.columns, matrix.values, tuple(effects), blocks)
    whole = replace(samples, groupby=design.formula, conditions=(ALL, *(e.key for e in effects)), formula=rows)
    return FormulaDesign(whole, matrix, tuple(effects), design.block, blocks)


def _samples(adata: AnnDataLike, sample_key: str, mask: np.ndarray) -> Design:
    labels = sample_labels(adata, sample_key, mask)[mask].cat.remove_unused_categories()
    codes = np.full(adata.n_obs, -1, dtype=np.int32)
    codes[mask] = labels.cat.codes
    samples = _one_condition(sample_key, codes, [str(label) for label in labels.cat.categories])
    small = [
        f"{name!r} ({size} cells)"
        for name, size, usable in zip(samples.samples, samples.sample_sizes(), samples.usable, strict=True)
        if not usable
    ]
    warn_of_small(small, "the fields")
    return samples


def _combinations(adata: AnnDataLike, names: Sequence[str], mask: np.ndarray) -> Design:
    """Cells with the same values of all variables together."""
    columns: dict[str, Any] = {name: adata.obs[name].astype(object).to_numpy()[mask] for name in names}
    codes = np.full(adata.n_obs, -1, dtype=np.int32)
    frame = pd.DataFrame(columns)
    found = frame.groupby(list(names), sort=True, dropna=False, observed=True).ngroup().to_numpy()
    if found.max(initial=0) >= MAX_COMBINATIONS:
        raise ValueError(
            f"Without `sample_key`, cells with the same values of the variables are taken together; {', '.join(map(repr, names))} "
            f"have {found.max() + 1:,} combinations, and at most {MAX_COMBINATIONS} are possible. Bin the numbers, or pass "
            "`sample_key=`."
        )
    codes[mask] = found
    first = frame.groupby(found).first()
    labels = [", ".join(str(value) for value in row) for row in first.to_numpy()]
    return _one_condition(None, codes, labels)


def _one_condition(sample_key: str | None, codes: np.ndarray, names: Sequence[str]) -> Design:
    sizes = np.bincount(codes[codes >= 0], minlength=len(names))
    return Design(
        groupby="",
        conditions=(ALL,),
        condition_codes=np.where(codes >= 0, 0, -1).astype(np.int32),
        sample_key=sample_key,
        samples=tuple(names),
        sample_codes=codes,
        sample_conditions=np.zeros(len(names), dtype=np.int32),
        usable=sizes >= MIN_CELLS if sample_key is not None else np.ones(len(names), dtype=bool),
    )


def _blocks(adata: AnnDataLike, block: str, samples: Design) -> np.ndarray:
    """Number of the block of each sample."""
    labels = sample_table(adata, [block], samples.sample_codes, samples.samples, "block")[block].astype(str)
    names, codes = np.unique(labels.to_numpy(dtype=str), return_inverse=True)
    if len(names) == len(codes):
        raise ValueError(
            f"obs[{block!r}] (`block`) has another value in each of the {len(codes)} samples of obs[{samples.sample_key!r}], so no "
            "two of them are of one block. Leave `block` out, or pass the finer column as `sample_key=`."
        )
    if len(names) == 1:
        raise ValueError(
            f"obs[{block!r}] (`block`) is {str(names[0])!r} in all samples, so they differ in nothing that it could explain. Leave "
            "`block` out."
        )
    return codes
