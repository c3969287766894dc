"""What the parts of the page need to know about a run."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._runs.regions import find_regions
from kompot_scverse._runs.view import RunView

KINDS = {"da": "Abundance", "de": "Expression", "smooth": "Smoothed expression"}
MAIN = {"da": ("lfc", "largest_lfc"), "de": ("mahalanobis", "mean_lfc", "largest_lfc", "pvalue")}
"""Statistics of which a run has at least one."""
EVERYWHERE = "everywhere"
EMBEDDINGS = ("X_umap", "umap", "X_tsne", "tsne")


@dataclass(frozen=True)
class ReportedRun:
    """A run, on a modality, and how the page shows it."""

    data: Any
    view: RunView
    basis: str | None
    """Embedding; None for a UMAP, a t-SNE or the representation of the run."""
    cell_groups: str | None
    """Obs column of categories."""
    gene_symbols: str | None
    n_genes: int

    @property
    def name(self) -> str:
        """In links."""
        return f"run-{self.view.run.run_id}" + (f"-{self.view.mod}" if self.view.mod else "")

    @property
    def title(self) -> str:
        """In headings."""
        mod = f" ({self.view.mod})" if self.view.mod else ""
        return f"{KINDS[self.view.run.analysis]}: {self.view.title}{mod}"

    @property
    def chosen(self) -> dict[str, Any]:
        """The arguments that find the run."""
        return {"run_id": self.view.run.run_id, "mod": self.view.mod or None}

    @property
    def replicates(self) -> bool:
        """Whether the run has samples."""
        return self.view.run.params.get("sample_key") is not None

    @property
    def status(self) -> str:
        """Empty if what the run has found is still there; else what has become of it."""
        names = [name for name in MAIN.get(self.view.run.analysis, ()) if self.view.has(name)]
        if not names:
            return "nothing to show"
        writers = {self.view.source(name).run_id for name in names if self.view.is_there(name)}
        if not writers:
            return "its fields are gone"
        others = sorted(writers - {self.view.run.run_id})
        return f"overwritten by run {others[-1]}" if others else ""

    @property
    def embedding(self) -> str:
        """The embedding to draw on."""
        if self.basis is not None:
            return self.basis
        obsm = self.view.data.obsm
        return next((name for name in EMBEDDINGS if name in obsm), str(self.view.run.params["use_rep"]))

    @property
    def symbol_options(self) -> dict[str, Any]:
        """The argument of plots that show genes by their symbols."""
        return {"gene_symbols": self.gene_symbols} if self.gene_symbols in self.view.data.var else {}

    def symbols(self) -> dict[str, str]:
        """Names of the genes as they are shown."""
        names = self.view.data.var_names.to_numpy(dtype=str)
        if self.gene_symbols is None or self.gene_symbols not in self.view.data.var:
            return dict(zip(names, names, strict=True))
        shown = np.asarray(self.view.data.var[self.gene_symbols], dtype=str)
        return dict(zip(names, shown, strict=True))

    def told(self, annotation: pd.Series, region: "pd.Series | pd.Index") -> pd.Series:
        """What regions mostly are; of that of all cells, which is of no category, that it is everywhere."""
        last = len(find_regions(self.view).nodes) - 1
        every = np.array([one is not pd.NA and one == last for one in region])
        return annotation.mask(every, EVERYWHERE)
