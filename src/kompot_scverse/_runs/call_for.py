"""Which call writes a statistic."""

NEEDS = {
    'sample_key="<obs column>"': (
        "pvalue", "qvalue", "neighborhoods", "neighborhood_lfc", "neighborhood_zscore", "lfc_pvalue", "lfc_qvalue",
        "reference_sample_weights", "group_sample_weights", "sample_sd", "group_pvalue", "group_qvalue",
        "region", "region_probability", "region_lfc", "sample_distances", "weight",
    ),
    'cell_groups="<obs column>"': ("group_mean_lfc", "group_lfc_se", "group_lfc_zscore", "group_lfsr"),
    "test=kp.TestSettings(null_genes=2000)": ("mahalanobis_local_fdr",),
}  # fmt: skip
"""Arguments of an analysis without which a statistic is not written."""
ADDED_BY = {
    "influence": ("influence_sample", "influence_pvalue", "influence_qvalue", "without_pvalue", "without_lfc"),
    "gene_sets": ("gene_sets",),
    "programs": ("program", "program_score", "program_1"),
}
"""Tools that add statistics to a run."""


def call_for(analysis: str, statistic: str) -> str:
    """The call of an analysis, or of a tool that adds to its runs, that writes a statistic; for messages."""
    if statistic == "region" and analysis == "da":
        return "kp.tl.regions(...)"
    added = next((tool for tool, names in ADDED_BY.items() if statistic in names), None)
    if added is not None:
        return f"kp.tl.{added}(...)"
    needed = next((argument for argument, names in NEEDS.items() if statistic in names), "")
    return f"kp.tl.{analysis}(..., {needed})" if needed else f"kp.tl.{analysis}(...)"
