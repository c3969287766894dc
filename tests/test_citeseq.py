"""CITE-seq with muon: known changes of one cell type's abundance and of another's RNA and protein."""

from pathlib import Path

import matplotlib as mpl
import mudata as md
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from kompot_scverse import RunInfo, TestSettings, get, pl, tl

ENRICHED, CHANGED = "CD14 Mono", "CD4 T naive"
CALL = {"groupby": "condition", "reference": "ctrl", "groups": "stim", "sample_key": "sample", "use_rep": "X_spectral"}
N_CELLS = 2400
FDR = 0.05

pytestmark = [
    # of scanpy, muon and umap
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
    pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning"),
    pytest.mark.filterwarnings("ignore:.*n_jobs value.*:UserWarning"),
]


def normalize(mdata: md.MuData) -> None:
    """Log-normalised RNA and centred log ratios of the proteins, from the counts."""
    import muon as mu
    import scanpy as sc

    for mod in ("rna", "prot"):
        # muon wants columns
        mdata[mod].X = (
            sp.csc_matrix(mdata[mod].layers["counts"]) if mod == "prot" else mdata[mod].layers["counts"].copy()
        )
        mdata[mod].uns.pop("log1p", None)
    sc.pp.normalize_total(mdata["rna"], target_sum=1e4)
    sc.pp.log1p(mdata["rna"])
    mu.prot.pp.clr(mdata["prot"])


def plant(mdata: md.MuData, rng: np.random.Generator) -> dict[str, list[str]]:
    """Thin the counts of 12 genes and of a protein in the cells of a type in one condition; returns their names."""
    own = np.asarray(mdata["rna"].obs["cell_type"] == CHANGED)
    cells = np.flatnonzero(own & np.asarray(mdata.obs["condition"] == "stim"))
    chosen = {}
    for mod, order in (("rna", slice(20, 80, 5)), ("prot", slice(2, 3))):
        counts = mdata[mod].layers["counts"].toarray()
        features = np.argsort(-counts[own].mean(axis=0))[order]
        where = np.ix_(cells, features)
        counts[where] = rng.binomial(counts[where].astype(int), 0.3)
        mdata[mod].layers["counts"] = sp.csr_matrix(counts)
        chosen[mod] = mdata[mod].var_names[features].to_list()
    return chosen


@pytest.fixture(scope="module")
def study(data_dir: Path) -> tuple[md.MuData, dict[str, list[str]]]:
    """
    Six pseudo-samples in two conditions, both analyses on a spectral embedding of the weighted nearest neighbours.

    The states are those of the cells before their counts are thinned, as an integration over conditions would give them.
    """
    import muon as mu
    import scanpy as sc
    from sklearn.manifold import spectral_embedding

    rng = np.random.default_rng(0)
    whole = md.read_h5mu(data_dir / "citeseq_pbmc10k.h5mu")
    mdata = whole[np.sort(rng.choice(whole.n_obs, N_CELLS, replace=False))].copy()
    for mod in ("rna", "prot"):
        mdata[mod].layers["counts"] = mdata[mod].X.copy()
    normalize(mdata)
    for mod, n_comps in (("rna", 20), ("prot", 10)):
        sc.pp.pca(mdata[mod], n_comps=n_comps)
        sc.pp.neighbors(mdata[mod], n_neighbors=15, use_rep="X_pca")
    mu.pp.neighbors(mdata, n_neighbors=15, key_added="wnn")
    graph = mdata.obsp["wnn_connectivities"]
    mdata.obsm["X_spectral"] = spectral_embedding((graph + graph.T) / 2, n_components=12, random_state=0) * 1000

    rng = np.random.default_rng(0)
    enriched = np.asarray(mdata["rna"].obs["cell_type"] == ENRICHED)
    stim = rng.random(N_CELLS) < np.where(enriched, 0.9, 0.5)
    mdata.obs["condition"] = np.where(stim, "stim", "ctrl")
    mdata.obs["sample"] = mdata.obs["condition"] + rng.integers(1, 4, N_CELLS).astype(str)
    planted = plant(mdata, rng)
    normalize(mdata)
    # all other types are a smaller share of the cells then, exp(-0.4)
    tl.da(mdata, **CALL, test=TestSettings(min_lfc=1.0))
    tl.de(mdata, **CALL, cell_groups="rna:cell_type", test=TestSettings(null_genes=100))
    return mdata, planted


def test_abundance_changes_in_the_right_cells(study):
    mdata, _ = study
    table = get.da_df(mdata, sort=False, obs_columns="rna:cell_type")
    up = table["direction"] == "up"
    own = table["rna:cell_type"] == ENRICHED
    assert up[own].mean() > 0.8
    # monocytes and dendritic cells overlap
    others = table[~own & ~table["rna:cell_type"].isin(["CD16 Mono", "DC"])]
    assert (others["direction"] != "neutral").mean() < 0.01
    assert (table["direction"] == "down").mean() < 0.01


def qvalues(mdata: md.MuData, mod: str) -> pd.DataFrame:
    fields = RunInfo(mdata, mod=mod).fields
    return mdata[mod].varm[fields.loc[fields["statistic"] == "group_qvalue", "key"].item()]


@pytest.mark.parametrize("mod", ["rna", "prot"])
def test_expression_changes_in_the_right_cells(study, mod):
    mdata, planted = study
    qvalue = qvalues(mdata, mod)
    assert (qvalue.loc[planted[mod], CHANGED] <= FDR).all()
    assert (get.de_df(mdata, mod=mod).loc[planted[mod], ["is_de"]]).all().all()
    assert (get.de_df(mdata, mod=mod).loc[planted[mod], "mean_lfc"] < 0).all()
    # the planted changes, and of those elsewhere none
    assert not (qvalue.loc[planted[mod]].drop(columns=CHANGED) <= FDR).any(axis=None)


def test_no_other_gene_changes_in_any_cell_type(study):
    mdata, planted = study
    called = qvalues(mdata, "rna") <= FDR
    false = called.to_numpy().sum() - called.loc[planted["rna"], CHANGED].sum()
    assert false <= 2


@pytest.mark.parametrize("mod", ["rna", "prot"])
def test_nothing_else_is_called(study, mod):
    mdata, planted = study
    table = get.de_df(mdata, mod=mod)
    called = table.index[table["is_de"]]
    assert (~called.isin(planted[mod])).mean() <= 2 * FDR


def test_plots_and_runs(study, tmp_path):
    mpl.use("Agg")
    mdata, planted = study
    mdata.obsm["X_umap"] = mdata.obsm["X_spectral"][:, :2]
    features = [f"{mod}:{name}" for mod, names in planted.items() for name in names]
    ax = pl.heatmap(mdata, "rna:cell_type", genes=features, kind="fold_change", cluster=False, show=False)
    types = [text.get_text() for text in ax.get_xticklabels()]
    change = np.ma.filled(ax.collections[0].get_array(), np.nan).reshape(len(features), len(types))
    assert (np.nanargmin(change, axis=1) == types.index(CHANGED)).mean() > 0.8
    panels = pl.embedding(mdata, "umap", color=["lfc_zscore", features[0], features[-1]], show=False)
    assert list(panels.axes) == ["lfc_zscore", features[0], features[-1]]
    assert list(get.runs(mdata)["mod"]) == ["", "rna", "prot"]
    mdata.write(tmp_path / "done.h5mu")
    read = md.read_h5mu(tmp_path / "done.h5mu")
    pd.testing.assert_frame_equal(get.de_df(read), get.de_df(mdata), check_names=False)
    assert (RunInfo(read["prot"].copy()).fields["status"] == "present").all()
