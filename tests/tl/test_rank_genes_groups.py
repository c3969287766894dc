"""A run in scanpy's format: read by scanpy and decoupler, equal in form to scanpy's own."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from mudata import MuData
from scipy.stats import false_discovery_control

import kompot_scverse as kp

KEY = "kompot_rank_genes_groups"


NULLS = kp.TestSettings(null_genes=500)


def de(adata: AnnData, **arguments) -> None:
    """By the model of Kompot with null genes, unless asked otherwise."""
    settings = {"gp": kp.GPSettings.kompot(), "test": NULLS}
    kp.tl.de(adata, "Age", reference="Young", layer="logged_counts", **settings | arguments)


@pytest.fixture(scope="module")
def analysed() -> AnnData:
    """Runs 0 and 1 (Mid, Old) with local FDR, 2 (Old) with empirical p-values, 3 without, 4 with half of the genes."""
    adata = kp.datasets.simulate(900, 80, frac_de=0.3, rng=0)
    de(adata)
    de(adata, groups="Old", key_added="all", test=kp.TestSettings(null_genes=500, all_statistics=True))
    de(adata, groups="Old", key_added="none", test=kp.TestSettings(null_genes=0))
    de(adata, groups="Mid", key_added="half", genes=adata.var_names[::2])
    return adata


@pytest.fixture
def data(analysed: AnnData) -> AnnData:
    return analysed.copy()


def test_values_are_those_of_the_run(data: AnnData) -> None:
    kp.tl.rank_genes_groups(data)  # run 4
    assert sorted(data.uns[KEY]["names"]["Mid"]) == sorted(data.var_names[::2])
    kp.tl.rank_genes_groups(data, run_id=1)
    table = sc.get.rank_genes_groups_df(data, "Old", key=KEY).set_index("names")
    run = kp.get.de_df(data, run_id=1).loc[table.index]
    np.testing.assert_allclose(table["scores"].abs(), run["mahalanobis"], rtol=1e-6)
    assert (np.sign(table["scores"]) == np.sign(run["mean_lfc"])).all()
    np.testing.assert_allclose(2 ** table["logfoldchanges"], np.exp(run["mean_lfc"]), rtol=1e-5)
    np.testing.assert_allclose(table["pvals_adj"], run["local_fdr"])
    assert table["pvals"].isna().all()
    assert table["scores"].is_monotonic_decreasing
    significant = sc.get.rank_genes_groups_df(data, "Old", key=KEY, pval_cutoff=0.05 + 1e-12)
    assert set(significant["names"]) == set(run.index[run["is_de"]])
    assert len(significant) > 0


@pytest.mark.parametrize(
    ("run_id", "key_added", "pvals", "adjusted"),
    [(2, "all", "mahalanobis_pvalue", "mahalanobis_tail_fdr"), (3, "none", None, None)],
)
def test_p_values_are_those_of_the_run(
    data: AnnData, run_id: int, key_added: str, pvals: str | None, adjusted: str | None
) -> None:
    kp.tl.rank_genes_groups(data, run_id=run_id)
    table = sc.get.rank_genes_groups_df(data, "Old", key=KEY).set_index("names")
    var = data.var.loc[table.index]
    for column, name in {"pvals": pvals, "pvals_adj": adjusted}.items():
        expected = np.full(len(var), np.nan) if name is None else var[f"{key_added}_Young_to_Old_{name}"]
        np.testing.assert_allclose(table[column], expected)


def test_cells_give_their_p_values() -> None:
    adata = kp.datasets.simulate(600, 40, frac_de=0.3, rng=0)
    de(adata, groups="Old", gp=None, test=None)
    kp.tl.rank_genes_groups(adata)
    table = sc.get.rank_genes_groups_df(adata, "Old", key=KEY).set_index("names")
    var = adata.var.loc[table.index]
    np.testing.assert_allclose(table["pvals"], var["kompot_de_Young_to_Old_pvalue_cells"])
    np.testing.assert_allclose(table["pvals_adj"], var["kompot_de_Young_to_Old_qvalue_cells"])


def test_replicates_give_their_p_values() -> None:
    adata = kp.datasets.simulate(900, 40, frac_de=0.3, rng=0)
    de(adata, groups="Old", sample_key="Replicate")
    kp.tl.rank_genes_groups(adata)
    table = sc.get.rank_genes_groups_df(adata, "Old", key=KEY).set_index("names")
    var = adata.var.loc[table.index]
    np.testing.assert_allclose(table["pvals"], var["kompot_de_Young_to_Old_pvalue"])
    np.testing.assert_allclose(table["pvals_adj"], var["kompot_de_Young_to_Old_qvalue"])
    # Benjamini-Hochberg, by scipy, over the genes that could be tested, of p over the weights
    tested = table["pvals"].notna()
    assert tested.sum() > 30
    weight = var.loc[tested, "kompot_de_Young_to_Old_weight"]
    expected = false_discovery_control((table.loc[tested, "pvals"] / weight * weight.mean()).clip(upper=1))
    np.testing.assert_allclose(table.loc[tested, "pvals_adj"], expected, rtol=1e-6)


def test_form_is_that_of_scanpy(data: AnnData, tmp_path: Path) -> None:
    kp.tl.rank_genes_groups(data, run_id=[0, 1])
    sc.tl.rank_genes_groups(data, "Age", reference="Young", layer="logged_counts")
    ours, theirs = data.uns[KEY], data.uns["rank_genes_groups"]
    assert set(theirs) <= set(ours)
    for name in ("names", "scores", "logfoldchanges", "pvals", "pvals_adj"):
        assert ours[name].dtype == theirs[name].dtype
        assert ours[name].shape == theirs[name].shape
    assert set(theirs["params"]) <= set(ours["params"])
    assert {name: ours["params"][name] for name in ("groupby", "reference", "layer", "use_raw")} == {
        name: theirs["params"][name] for name in ("groupby", "reference", "layer", "use_raw")
    }
    data.write_h5ad(tmp_path / "data.h5ad")
    read = ad.read_h5ad(tmp_path / "data.h5ad")
    pd.testing.assert_frame_equal(
        sc.get.rank_genes_groups_df(read, None, key=KEY), sc.get.rank_genes_groups_df(data, None, key=KEY)
    )


def test_agrees_with_a_t_test(data: AnnData) -> None:
    """Another method's fold changes, in the same units."""
    kp.tl.rank_genes_groups(data, run_id=1)
    sc.tl.rank_genes_groups(data, "Age", groups=["Old"], reference="Young", layer="logged_counts")
    ours = sc.get.rank_genes_groups_df(data, "Old", key=KEY).set_index("names")
    theirs = sc.get.rank_genes_groups_df(data, "Old").set_index("names").loc[ours.index]
    assert np.corrcoef(ours["scores"], theirs["scores"])[0, 1] > 0.8
    expressed = data.var.loc[ours.index, "base_mean"] > data.var["base_mean"].median()
    assert np.corrcoef(ours["logfoldchanges"][expressed], theirs["logfoldchanges"][expressed])[0, 1] > 0.8


def test_plots_of_scanpy(data: AnnData) -> None:
    kp.tl.rank_genes_groups(data, run_id=[0, 1])
    arguments = {"key": KEY, "n_genes": 3, "layer": "logged_counts", "dendrogram": False, "show": False}
    axes = sc.pl.rank_genes_groups_dotplot(data, **arguments)
    shown = [label.get_text() for label in axes["mainplot_ax"].get_xticklabels()]
    assert shown == [*data.uns[KEY]["names"]["Mid"][:3], *data.uns[KEY]["names"]["Old"][:3]]
    groups = data[data.obs["Age"] != "Young"].copy()
    sc.pl.rank_genes_groups_dotplot(groups, values_to_plot="logfoldchanges", **arguments)
    sc.pl.rank_genes_groups(data, key=KEY, show=False)
    sc.tl.filter_rank_genes_groups(data, key=KEY, key_added="filtered", min_fold_change=1.1)
    import matplotlib.pyplot as plt

    plt.close("all")


def test_enrichment_with_decoupler(data: AnnData) -> None:
    """Genes whose truth is up are enriched, those whose truth is down depleted, random ones neither."""
    decoupler = pytest.importorskip("decoupler", reason="decoupler is not installed")
    kp.tl.rank_genes_groups(data, run_id=1)
    scores = sc.get.rank_genes_groups_df(data, "Old", key=KEY).set_index("names")[["scores"]].T
    unchanged = data.var_names[~data.var["is_de"]]
    sets = {
        "up": data.var_names[data.var["true_lfc_mean"] > 0.1],
        "down": data.var_names[data.var["true_lfc_mean"] < -0.1],
        "neither": unchanged[::4],
    }
    net = pd.concat([pd.DataFrame({"source": name, "target": genes}) for name, genes in sets.items()])
    activity, adjusted = decoupler.mt.ulm(data=scores, net=net, tmin=3)
    assert activity.loc["scores", "up"] > 0 > activity.loc["scores", "down"]
    assert adjusted.loc["scores", "up"] < 0.05
    assert adjusted.loc["scores", "neither"] > 0.05


def test_runs_that_do_not_fit(data: AnnData) -> None:
    with pytest.raises(ValueError, match="different genes"):
        kp.tl.rank_genes_groups(data, run_id=[1, 4])
    with pytest.raises(ValueError, match="differ in their significance"):
        kp.tl.rank_genes_groups(data, run_id=[0, 2])
    with pytest.raises(ValueError, match="same group"):
        kp.tl.rank_genes_groups(data, run_id=[0, 0])
    with pytest.raises(ValueError, match="no run"):
        kp.tl.rank_genes_groups(data, run_id=[])
    with pytest.raises(LookupError, match="existing"):
        kp.tl.rank_genes_groups(data, run_id=17)
    assert KEY not in data.uns


def test_overwritten_run(data: AnnData) -> None:
    de(data, groups="Old", overwrite=True, test=kp.TestSettings(null_genes=500, rng=1))
    with pytest.warns(UserWarning, match="hold the values of run 5"):
        kp.tl.rank_genes_groups(data, run_id=1)
    del data.var["kompot_de_Young_to_Old_mean_lfc"]
    with pytest.raises(LookupError, match="is gone"):
        kp.tl.rank_genes_groups(data)


def test_it_is_written_into_the_modality() -> None:
    """Written into the modality, where scanpy looks; a run of several needs one to be named."""
    adata = kp.datasets.simulate(600, 40, rng=0)
    adata.X = adata.layers.pop("logged_counts")
    mdata = MuData({"rna": adata[:, :30].copy(), "prot": adata[:, 30:].copy()})
    kp.tl.de(mdata, "rna:Age", reference="Young", groups="Old", use_rep="rna:DM_EigenVectors")
    with pytest.raises(LookupError, match="`mod=`"):
        kp.tl.rank_genes_groups(mdata)
    kp.tl.rank_genes_groups(mdata, mod="prot")
    assert KEY not in mdata.uns
    assert KEY not in mdata["rna"].uns
    table = sc.get.rank_genes_groups_df(mdata["prot"], "Old", key=KEY)
    assert sorted(table["names"]) == sorted(mdata["prot"].var_names)
    expected = kp.get.de_df(mdata, mod="prot").loc[table["names"], "mahalanobis"]
    np.testing.assert_allclose(table["scores"].abs(), expected, rtol=1e-5)


def test_all_contrasts_of_the_last_call(data: AnnData) -> None:
    de(data, groups=["Mid", "Old"], key_added="both", cell_groups="branch")
    kp.tl.rank_genes_groups(data)
    first, second = data.uns[KEY]["params"]["run_id"]
    assert second == first + 1
    assert data.uns[KEY]["names"].dtype.names == ("Mid", "Old")
    kp.tl.rank_genes_groups(data, group="Mid", cell_group="HSC")
    table = sc.get.rank_genes_groups_df(data, None, key=KEY).set_index("names")
    run = kp.get.de_df(data, key_added="both", group="Mid", cell_group="HSC").loc[table.index]
    np.testing.assert_allclose(table["scores"], run["lfc_zscore"], rtol=1e-6)
    np.testing.assert_allclose(table["pvals_adj"], run["lfsr"])
    np.testing.assert_allclose(table["logfoldchanges"], run["mean_lfc"] / np.log(2), rtol=1e-6)
    assert data.uns[KEY]["params"]["cell_group"] == "HSC"
