"""Every plot shows of a MuData's modality what it shows of the AnnData."""

import mudata as md
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse.pl as pl

GENE = 4


@pytest.fixture
def mdata(replicated: AnnData) -> md.MuData:
    """The analysed cells as rna, with fewer cells in another order as prot."""
    cells = replicated.obs_names[::-3]
    prot = AnnData(np.ones((len(cells), 2), dtype=np.float32), obs=pd.DataFrame(index=cells))
    prot.var_names = ["CD3", "CD4"]
    return md.MuData({"rna": replicated, "prot": prot})


def points(ax) -> np.ndarray:
    return np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections if len(np.shape(c.get_offsets())) == 2])


@pytest.mark.parametrize(
    "draw",
    [
        lambda data, **kws: points(pl.volcano_de(data, labels=0, **kws)),
        lambda data, **kws: points(pl.volcano_da(data, **kws)),
        lambda data, **kws: points(pl.multi_volcano_da(data, "branch", **kws)),
        lambda data, **kws: pl.heatmap(data, "branch", n_genes=5, **kws).collections[0].get_array(),
        lambda data, **kws: points(pl.dotplot(data, "branch", n_genes=5, **kws)),
        lambda data, **kws: points(pl.embedding(data, "umap", **kws)),
        lambda data, **kws: points(pl.expression(data, "Gene0005", basis="umap", **kws).axes["observed"]),
        lambda data, **kws: np.hstack([line.get_ydata() for line in pl.replicates(data, "Gene0005", along="branch", **kws).lines]),
        lambda data, **kws: np.hstack([line.get_ydata() for line in pl.replicates(data, along="branch", **kws).lines]),
        lambda data, **kws: [bar.get_width() for bar in pl.direction_barplot(data, "branch", **kws).patches],
        lambda data, **kws: points(pl.diagnostics(data, analysis="de", **kws).axes["qq"]),
    ],
    ids=[
        "volcano_de", "volcano_da", "multi_volcano_da", "heatmap", "dotplot", "embedding", "expression", "replicates",
        "abundance of replicates",        "direction_barplot", "diagnostics",
    ],
)  # fmt: skip
def test_same_as_the_modality(replicated, mdata, draw):
    np.testing.assert_array_equal(draw(mdata, mod="rna"), draw(replicated))


def test_column_of_the_mudata(mdata):
    mdata.obs["kind"] = np.where(np.arange(mdata.n_obs) % 2, "odd", "even")
    ax = pl.replicates(mdata, "Gene0005", along="kind", mod="rna")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["even", "odd"]
