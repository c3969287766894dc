"""Every plot shows of a MuData's modality what it shows of the AnnData."""

import mudata as md
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse.pl as pl
from kompot_scverse._runs.history import find_run
from kompot_scverse.settings import TestSettings

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
        lambda data, **kws: np.hstack(pl.heatmap(data, "branch", n_genes=5, **kws).values),
        lambda data, **kws: np.hstack(pl.dotplot(data, "branch", n_genes=5, **kws).values),
        lambda data, **kws: points(pl.embedding(data, "umap", **kws)),
        lambda data, **kws: points(pl.expression(data, "Gene0005", basis="umap", **kws).observed),
        lambda data, **kws: pl.replicates(data, "Gene0005", along="branch", **kws).values.to_numpy(),
        lambda data, **kws: [bar.get_width() for bar in pl.direction_barplot(data, "branch", **kws).patches],
        lambda data, **kws: points(pl.diagnostics(data, analysis="de", **kws).axes["qq"]),
    ],
    ids=[
        "volcano_de", "volcano_da", "multi_volcano_da", "heatmap", "dotplot", "embedding", "expression", "replicates",
        "direction_barplot", "diagnostics",
    ],
)  # fmt: skip
def test_same_as_the_modality(replicated, mdata, draw):
    np.testing.assert_array_equal(draw(mdata, mod="rna"), draw(replicated))


def test_column_of_the_mudata(mdata):
    mdata.obs["kind"] = np.where(np.arange(mdata.n_obs) % 2, "odd", "even")
    drawn = pl.replicates(mdata, "Gene0005", along="kind", mod="rna")
    assert list(drawn.values.columns) == ["even", "odd"]


def test_update_writes_to_the_modality(mdata):
    pl.volcano_da(mdata, test=TestSettings(min_lfc=0.0, threshold=1.0), update=True, mod="rna")
    rna = mdata["rna"]
    direction = rna.obs["kompot_da_Young_to_Old_lfc_direction_sample_var"]
    # that of the replicate test, which may differ from the sign of the log fold change of the density
    assert (direction[rna.obs["kompot_da_Young_to_Old_neighborhood_lfc"] > 0] == "up").all()
    assert find_run(rna, analysis="da").params["fdr_threshold"] == 1.0
