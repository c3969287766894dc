"""Input that cannot be analysed, or that is merely unusual; nothing is written when a call fails."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from kompot_scverse.settings import GPSettings, TestSettings
from kompot_scverse.tl import de

K = "kompot_de_Young_to_Old"
REP = "DM_EigenVectors"


def run(adata, groupby="Age", **arguments):
    given = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "test": TestSettings(null_genes=20)}
    de(adata, groupby, **given | arguments)


def nan_state(adata):
    adata.obsm[REP][np.flatnonzero(adata.obs["Age"] == "Old")[:3], 1] = np.nan


def infinite_expression(adata):
    dense = adata.layers["logged_counts"].toarray()
    dense[np.flatnonzero(adata.obs["Age"] == "Old")[0], 7] = np.inf
    adata.layers["logged_counts"] = sp.csr_matrix(dense)


def nan_expression(adata):
    adata.layers["logged_counts"] = adata.layers["logged_counts"].toarray()
    adata.layers["logged_counts"][np.flatnonzero(adata.obs["Age"] == "Young")[0], 7] = np.nan


def identical_cells(adata):
    adata.obsm[REP][:] = 1.0


def text_in_frame(adata):
    adata.obsm[REP] = pd.DataFrame({"a": ["x"] * adata.n_obs}, index=adata.obs_names)


def unused_category(adata):
    adata.obs["Age"] = adata.obs["Age"].cat.add_categories(["Ancient"])


def two_cells(adata):
    old = np.flatnonzero(adata.obs["Age"] == "Old")
    keep = np.array(adata.obs["Age"] == "Young")
    keep[old[:2]] = True
    adata.obs["keep"] = keep


def no_categories(adata):
    adata.obs["celltype"] = np.nan


def twice(adata):
    adata.obs = pd.concat([adata.obs, adata.obs[["celltype"]]], axis=1)


def infinite_covariate(adata):
    adata.obs["age"] = np.where(adata.obs["Replicate"] == "Old_2", np.inf, 3.5)


def dates(adata):
    day = adata.obs["Replicate"].astype(str).str[-1].astype(int)
    adata.obs["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D")


def nothing(adata):
    pass


@pytest.mark.parametrize(
    ("change", "arguments", "error", "text"),
    [
        (nan_state, {}, ValueError, rf"obsm\['{REP}'\] is NaN or infinite for 3 of the .* `mask_obs=`"),
        (infinite_expression, {}, ValueError, r"layers\['logged_counts'\] has values that are not finite"),
        (nan_expression, {}, ValueError, r"layers\['logged_counts'\] has values that are not finite"),
        (identical_cells, {}, ValueError, "All cells are identical"),
        (text_in_frame, {}, TypeError, "is not numeric"),
        (unused_category, {"groups": "Ancient"}, KeyError, "equal to 'Ancient'; existing:"),
        (two_cells, {"mask_obs": "keep"}, ValueError, "Condition 'Old' .* has 2 cells"),
        (nothing, {"groups": "Young"}, ValueError, "compared with itself"),
        (nothing, {"reference": "young"}, KeyError, "equal to 'young'; existing: 'Young'"),
        (nothing, {"groupby": "age"}, KeyError, "existing: 'Age'"),
        (nothing, {"layer": "logged"}, KeyError, "No layer 'logged'; existing: 'logged_counts'"),
        (nothing, {"use_rep": "X_pca"}, KeyError, "No representation in obsm 'X_pca'"),
        (nothing, {"genes": ["Gene"]}, KeyError, "No gene 'Gene'; existing: 'Gene"),
        (nothing, {"cell_groups": "cell_type"}, KeyError, r"\(`cell_groups`\) 'cell_type'; existing: 'celltype'"),
        (nothing, {"cell_groups": "pseudotime"}, TypeError, "continuous"),
        (nothing, {"sample_key": "Age"}, ValueError, r"1 sample\(s\).* needs 2 per condition"),
        (nothing, {"sample_key": "replicate"}, KeyError, "existing: 'Replicate'"),
        (nothing, {"mask_obs": "celltype"}, TypeError, "must be boolean"),
        (nothing, {"mask_obs": np.ones(5, dtype=bool)}, ValueError, "5 values for 600 cells"),
        (no_categories, {"cell_groups": "celltype"}, ValueError, r"\(`cell_groups`\) is missing for all cells"),
        (twice, {"cell_groups": "celltype"}, ValueError, "obs has 2 columns named 'celltype'"),
        (
            infinite_covariate,
            {"sample_key": "Replicate", "covariates": "age"},
            ValueError,
            "infinite .* sample 'Old_2'",
        ),
        (dates, {"sample_key": "Replicate", "covariates": ["day"]}, TypeError, "holds dates or times"),
        (
            nothing,
            {"test": TestSettings(min_lfc=0)},
            ValueError,
            r"`TestSettings\(min_lfc=...\)` has no meaning in kp.tl.de",
        ),
        (nothing, {"paired": "no"}, TypeError, "`paired` must be True or False, not 'no'"),
        (nothing, {"gp": {}}, TypeError, "`gp` must be GPSettings or None, not a dict"),
        (nothing, {"test": GPSettings()}, TypeError, "`test` must be TestSettings or None, not a GPSettings"),
        (nothing, {"genes": (name for name in "a")}, TypeError, "`genes` must be .* not a generator"),
        (nothing, {"groups": {"Old": "Young"}}, TypeError, "`groups` must be one value or a list, not a dict"),
        (nothing, {"covariates": {"celltype": 1}}, TypeError, "`covariates` must be .* not a dict"),
    ],
)
def test_bad_input(adata, unchanged, monkeypatch, change, arguments, error, text):
    change(adata)
    if change not in (infinite_expression, nan_expression):  # found while the expression is read, once
        for name in ("cell_weights", "kept_features"):
            monkeypatch.setattr(f"kompot_scverse.tl._de_fit.{name}", lambda *_: pytest.fail("computed"))
    with unchanged(adata), pytest.raises(error, match=text):
        run(adata, **arguments)


def test_what_is_no_anndata(adata):
    with pytest.raises(TypeError, match="must be an AnnData or MuData, not str"):
        run("data.h5ad")
    with pytest.raises(ValueError, match="no cells"):
        run(adata[:0])


def test_an_interrupted_call_writes_nothing(adata, unchanged, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("kompot_scverse._results.store.store_runs", interrupt)
    with unchanged(adata), pytest.raises(KeyboardInterrupt):
        run(adata)


def test_states_and_values_may_be_missing_where_cells_take_no_part(adata):
    mid = np.flatnonzero(adata.obs["Age"] == "Mid")
    expected = adata.copy()
    run(expected)
    adata.obsm[REP][mid[0]] = np.nan
    adata.layers["logged_counts"] = adata.layers["logged_counts"].toarray()
    adata.layers["logged_counts"][mid[1], 3] = np.nan
    run(adata)
    np.testing.assert_allclose(adata.var[f"{K}_mahalanobis"], expected.var[f"{K}_mahalanobis"], rtol=1e-4)
    layer = adata.layers[f"{K}_fold_change"].compute()
    assert np.isnan(layer[mid[0]]).all()
    assert np.isfinite(np.delete(layer, mid[0], axis=0)).all()


def test_frame_as_representation(adata):
    expected = adata.copy()
    run(expected)
    adata.obsm[REP] = pd.DataFrame(adata.obsm[REP], index=adata.obs_names)
    adata.obsm[REP].columns = adata.obsm[REP].columns.astype(str)
    run(adata)
    np.testing.assert_allclose(adata.var[f"{K}_mahalanobis"], expected.var[f"{K}_mahalanobis"], rtol=1e-10)


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
@pytest.mark.parametrize("gp", [GPSettings(), GPSettings.kompot()], ids=["default", "kompot"])
def test_constant_genes(adata, sample_key, gp):
    dense = adata.layers["logged_counts"].toarray()
    dense[:, 3], dense[:, 4] = 0.0, 2.5
    adata.layers["logged_counts"] = dense
    run(adata, sample_key=sample_key, gp=gp)
    suffix = "_sample_var" if sample_key else ""
    distance = adata.var[f"{K}_mahalanobis{suffix}"].to_numpy()
    assert np.isfinite(distance).all()
    assert distance[3] == 0
    assert adata.var[f"{K}_mean_lfc"].iloc[3] == 0
    assert not adata.var[f"{K}_is_de{suffix}"].iloc[3]


def test_fewer_cells_than_rank(adata):
    few = adata[
        np.r_[np.flatnonzero(adata.obs["Age"] == "Young")[:12], np.flatnonzero(adata.obs["Age"] == "Old")[:12]]
    ].copy()
    run(few, gp=GPSettings(ls_factor=0.1, rtol=0))
    # and a constant
    assert few.obsm["kompot_de_basis"].shape[1] == 25
    assert np.isfinite(few.var[f"{K}_mahalanobis"]).all()


@pytest.mark.parametrize(
    ("labels", "reference", "group"),
    [
        ({"Young": 3, "Mid": 12, "Old": 24}, 3, 24),
        ({"Young": 3, "Mid": 12, "Old": 24}, "3", "24"),
        ({"Young": False, "Mid": False, "Old": True}, False, True),
        ({"Young": "3/m", "Mid": "12/m", "Old": "24/m"}, "3/m", "24/m"),
    ],
)
def test_labels_of_any_type_can_be_compared(adata, tmp_path, labels, reference, group):
    adata.obs["label"] = [labels[age] for age in adata.obs["Age"]]
    run(adata, "label", reference=reference, groups=group)
    key = f"kompot_de_{reference}_to_{group}_mahalanobis".replace("/", "_")
    assert np.isfinite(adata.var[key]).all()
    # a slash in a key would be a group in the file
    adata.write_h5ad(tmp_path / "labels.h5ad")


def test_labels_that_share_a_key(adata, unchanged):
    adata.obs["label"] = adata.obs["Age"].map({"Young": "y", "Mid": "a/b", "Old": "a_b"}).astype(str)
    with unchanged(adata), pytest.raises(ValueError, match="a/b.*a_b"):
        run(adata, "label", reference="y", groups=None)


def test_a_sample_in_two_conditions_is_two_samples(adata):
    adata.obs["donor"] = adata.obs["Replicate"].astype(str).str[-1]
    expected = adata.copy()
    run(expected, sample_key="Replicate")
    run(adata, sample_key="donor")
    key = f"{K}_mahalanobis_sample_var"
    np.testing.assert_allclose(adata.var[key], expected.var[key], rtol=1e-10)


def test_duplicate_gene_names(adata):
    names = adata.var_names.to_list()
    adata.var_names = [names[0], names[0], *names[2:]]
    run(adata)
    assert np.isfinite(adata.var[f"{K}_mahalanobis"]).all()
    with pytest.raises(ValueError, match="stands for several genes"):
        run(adata, genes=[names[0]], key_added="again")


def test_cell_groups_that_would_share_a_name(adata):
    own = adata.copy()
    own.obs["kind"] = np.where(np.arange(own.n_obs) % 2, "a/b", "a_b")
    before = set(own.var)
    with pytest.raises(ValueError, match="a_b"):
        de(own, "Age", reference="Young", groups="Old", layer="logged_counts", cell_groups="kind")
    own.obs["kind"] = "x" * 256
    with pytest.raises(ValueError, match=r"'xxx.* names a column of the results"):
        de(own, "Age", reference="Young", groups="Old", layer="logged_counts", cell_groups="kind")
    assert set(own.var) == before


def test_nullable_strings_are_categories(adata):
    names = ("Age", "Replicate", "celltype")
    call = {"sample_key": "Replicate", "cell_groups": "celltype", "layer": "logged_counts"}
    tables = []
    for kind in ("category", "string"):
        own = adata.copy()
        for name in names:
            values = own.obs[name].astype(str).astype("string")
            values[own.obs[name].isna()] = pd.NA
            own.obs[name] = values.astype(kind)
        de(own, "Age", reference="Young", groups="Old", **call)
        tables.append(own.varm["kompot_de_Young_to_Old_celltype_mean_lfc"])
    pd.testing.assert_frame_equal(*tables)


def test_nullable_boolean_mask(adata):
    own = adata.copy()
    own.obs["keep"] = pd.array(np.ones(own.n_obs, dtype=bool), dtype="boolean")
    mask = pd.array(np.arange(own.n_vars) < 2, dtype="boolean")
    de(own, "Age", reference="Young", groups="Old", layer="logged_counts", mask_obs="keep", genes=mask)
    assert own.var["kompot_de_Young_to_Old_mean_lfc"].notna().sum() == 2
    mask[0] = pd.NA
    with pytest.raises(ValueError, match="`genes` is missing for 1 genes"):
        de(own, "Age", reference="Young", groups="Old", layer="logged_counts", genes=mask)
