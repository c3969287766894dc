"""The fields that a differential expression writes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._keys import Keys, slug
from kompot_scverse._stats.fdr import NullComparison

from .design import Design
from .groups import GroupStatistics
from .store import Field

__all__ = ["DEContrast", "condition_fields", "contrast_fields", "planned_fields"]

BASIS = "basis"


@dataclass(frozen=True)
class DEContrast:
    """What was found for one contrast, for the genes analysed."""

    keys: Keys
    mahalanobis: np.ndarray
    mean_lfc: np.ndarray
    is_de: np.ndarray | None
    comparison: NullComparison | None
    groups: GroupStatistics | None


def planned_fields(
    design: Design, key_added: str, *, cell_groups: str | None, with_fdr: bool, all_statistics: bool, layers: bool, per_gene: bool
) -> list[Field]:
    """Everything that a call will write, without values: for the overwrite check and the resource plan."""
    sample_var = design.sample_key is not None
    fields = [Field("obsm", Keys(key_added, None, None).basis, BASIS, "features of the cell states, cells × rank")]
    for condition in design.conditions:
        keys = Keys(key_added, design.reference, condition, sample_var)
        name = str(condition)
        fields.append(Field("varm", keys.of(condition, "weights"), f"{name}_weights", f"posterior mean weights of {name}"))
        if not per_gene:
            fields.append(
                Field("obs", keys.of(condition, "std"), f"{name}_std", f"posterior SD of smoothed expression in {name}")
            )
        if per_gene:
            fields.append(Field("varm", keys.of(condition, "noise"), f"{name}_noise", "noise SD of each gene"))
        if sample_var:
            fields.append(
                Field(
                    "varm",
                    keys.of(condition, "sample_weights"),
                    f"{name}_sample_weights",
                    f"factor of the variance between the replicates of {name}, genes × rank × replicates",
                )
            )
        if layers:
            fields.append(Field("layers", keys.of(condition, "imputed"), f"{name}_imputed", f"smoothed expression in {name}"))
            if sample_var:
                fields.append(
                    Field(
                        "layers",
                        keys.of(condition, "std", varies=True),
                        f"{name}_std_layer",
                        f"SD of smoothed expression in {name}, with replicate variance",
                    )
                )
    for group in design.groups:
        keys = Keys(key_added, design.reference, group, sample_var)
        fields += _gene_fields(keys, with_fdr=with_fdr, all_statistics=all_statistics)
        if cell_groups is not None:
            fields += _group_fields(keys, cell_groups)
        if layers:
            fields.append(
                Field("layers", keys.field("fold_change"), "fold_change", "log fold change, group - reference, natural log")
            )
    return fields


def _gene_fields(keys: Keys, *, with_fdr: bool, all_statistics: bool) -> list[Field]:
    entries = [
        ("mahalanobis", True, "Mahalanobis distance of the fold change from zero"),
        ("mean_lfc", False, "mean log fold change over the cells of the contrast, natural log"),
    ]
    if with_fdr:
        entries += [
            ("mahalanobis_local_fdr", True, "local false discovery rate of the distance"),
            ("is_de", True, "differentially expressed at the FDR threshold"),
        ]
        if all_statistics:
            entries += [
                ("mahalanobis_pvalue", True, "empirical p-value of the distance among null genes"),
                ("mahalanobis_tail_fdr", True, "tail false discovery rate of the distance"),
            ]
    return [Field("var", keys.field(name, varies=varies), name, text) for name, varies, text in entries]


def _group_fields(keys: Keys, cell_groups: str) -> list[Field]:
    prefix = slug(cell_groups)
    return [
        Field("varm", keys.field(f"{prefix}_mean_lfc"), "group_mean_lfc", f"mean log fold change per {cell_groups}"),
        Field("varm", keys.field(f"{prefix}_lfc_se", varies=True), "group_lfc_se", f"standard error per {cell_groups}"),
        Field("varm", keys.field(f"{prefix}_lfc_zscore", varies=True), "group_lfc_zscore", f"mean over its error per {cell_groups}"),
    ]
