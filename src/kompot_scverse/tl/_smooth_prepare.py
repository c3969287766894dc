"""First step of `kp.tl.smooth`: what the call names, looked up in the data."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from anndata import AnnData

from kompot_scverse._data.errors import choices
from kompot_scverse._data.resolve import cell_mask, expression, gene_numbers, match_label, obs_column
from kompot_scverse._data.targets import Targets
from kompot_scverse._keys import slug
from kompot_scverse._results.smooth_fields import plan_fields
from kompot_scverse._stats.design import MIN_CELLS, Design

from ._expression_task import ExpressionRequest, ExpressionTask, prepare_modalities
from ._steps import Prepared

ALL = "all cells"
"""Name of the only condition where there is no `groupby`."""


@dataclass(frozen=True, kw_only=True)
class SmoothRequest(ExpressionRequest):
    """Arguments of `kp.tl.smooth`."""

    groupby: str | None
    group: object
    mask_obs: Any


@dataclass(frozen=True, kw_only=True)
class SmoothTask(ExpressionTask):
    """What is smoothed in one modality."""

    mask: np.ndarray
    prefix: str
    """Prefix of the fields."""

    @property
    def basis_cells(self) -> np.ndarray:
        """Those of the mask, also where they are of other categories."""
        return self.mask


def prepare(data: Any, request: SmoothRequest) -> Prepared:
    """Look up what the call names, in each modality."""
    return prepare_modalities(data, request, _task)


def _task(targets: Targets, mod: str, layer: str | None, genes: Any, request: SmoothRequest) -> SmoothTask:
    frame = targets.frames[mod]
    mask = cell_mask(frame, targets.mask(mod, request.mask_obs))
    design = _design(frame, request.groupby, request.group, mask)
    prefix = request.key_added
    if request.groupby is not None:
        prefix = f"{prefix}_{slug(design.reference)}"
    kept = {name: getattr(request.storage, name) is not None for name in ("layers", "basis")}
    planned = plan_fields(prefix, str(design.reference), estimated=request.gp.estimated, **kept)
    return SmoothTask(
        mod=mod,
        frame=frame,
        design=design,
        planned=[replace(field, mod=mod) for field in planned],
        mask=mask,
        numbers=gene_numbers(frame, genes),
        layer=layer,
        every=expression(frame, layer, design.cells),
        prefix=prefix,
    )


def _design(adata: AnnData, groupby: str | None, group: object, mask: np.ndarray) -> Design:
    """The cells to smooth over, as a design with one condition."""
    if groupby is None:
        if group is not None:
            raise ValueError(f"`group={group!r}` needs `groupby=`, the obs column that it is a category of.")
        label: object = ALL
        own, what = mask, "`mask_obs`"
    else:
        column = obs_column(adata, groupby, "groupby")
        if group is None:
            raise ValueError(
                f"`groupby={groupby!r}` needs `group=`, the category to smooth ({choices('', column.cat.categories)}); leave "
                "`groupby` out to smooth over all cells."
            )
        label = match_label(column, group, "group")
        own, what = (column == label).to_numpy() & mask, f"{label!r} of obs[{groupby!r}]"
    if own.sum() < MIN_CELLS:
        raise ValueError(f"{what} has {own.sum()} cells in the analysis; at least {MIN_CELLS} are needed.")
    codes = np.where(own, 0, -1).astype(np.int32)
    return Design(
        groupby or "",
        conditions=(label,),
        condition_codes=codes,
        sample_key=None,
        samples=(str(label),),
        sample_codes=codes,
        sample_conditions=np.zeros(1, dtype=np.intp),
        usable=np.ones(1, dtype=bool),
    )
