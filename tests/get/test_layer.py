"""A layer built from basis and weights equals the layer that the tool attached, wherever the data have been since."""

import anndata as ad
import numpy as np
import pytest
from scipy.stats import norm

from kompot_scverse import GPSettings, StorageSettings, TestSettings, tl
from kompot_scverse.get import layer, sample_covariance

ATTACHED = {
    "imputed_reference": "kompot_de_Young_imputed",
    "imputed_group": "kompot_de_Old_imputed",
    "fold_change": "kompot_de_Young_to_Old_fold_change",
    "std_reference": "kompot_de_Young_std_sample_var",
    "std_group": "kompot_de_Old_std_sample_var",
    "fold_change_std": "kompot_de_Young_to_Old_fold_change_std_sample_var",
    "lfsr": "kompot_de_Young_to_Old_lfsr_sample_var",
}


def close(found, expected):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("statistic", ATTACHED)
def test_equals_the_attached_layer(analysed, statistic):
    close(layer(analysed, statistic, run_id=1), analysed.layers[ATTACHED[statistic]])


@pytest.mark.parametrize("statistic", ATTACHED)
def test_by_key(analysed, statistic):
    close(layer(analysed, ATTACHED[statistic]), analysed.layers[ATTACHED[statistic]])


def test_by_condition(analysed):
    close(layer(analysed, "Mid", run_id=0), analysed.layers["kompot_de_Mid_imputed"])
    close(layer(analysed, "Young", run_id=0), analysed.layers["kompot_de_Young_imputed"])


def test_std_and_zscore_of_the_fold_change(analysed):
    std = layer(analysed, "fold_change_std", run_id=1)
    zscore = layer(analysed, "fold_change_zscore", run_id=1)
    close(zscore * std, layer(analysed, "fold_change", run_id=1))
    close(layer(analysed, "lfsr", run_id=1), norm.sf(np.abs(zscore)))


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_std_of_the_model_of_kompot(adata, sample_key):
    arguments = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "sample_key": sample_key}
    tl.de(adata, "Age", gp=GPSettings.kompot(), **arguments)
    parts = [layer(adata, f"std_{role}") for role in ("reference", "group")]
    # conditions are independent
    close(layer(adata, "fold_change_std"), np.hypot(*parts))
    if sample_key is None:
        close(parts[1], np.repeat(adata.obs["kompot_de_Old_std"].to_numpy()[:, None], adata.n_vars, axis=1))


def test_smoothed_layers_are_found_by_every_name(analysed):
    close(layer(analysed, "imputed", analysis="smooth"), analysed.layers["kompot_smooth_Old_imputed"])
    close(layer(analysed, "Old", run_id=3), layer(analysed, "imputed", run_id=3))
    close(layer(analysed, "kompot_smooth_Old_imputed"), layer(analysed, "imputed", run_id=3))
    close(layer(analysed, "std", run_id=3), analysed.layers["kompot_smooth_Old_std"])


@pytest.fixture(scope="module", params=["h5ad", "zarr"])
def read(analysed_once, tmp_path_factory, request):
    """Written without layers, and read again."""
    own = analysed_once.copy()
    tl.cleanup(own)
    assert not [key for key in own.layers if key and "kompot" in key]
    path = tmp_path_factory.mktemp("written") / f"data.{request.param}"
    getattr(own, f"write_{request.param}")(path)
    return getattr(ad, f"read_{request.param}")(path)


@pytest.mark.parametrize("statistic", [*ATTACHED, "fold_change_zscore"])
def test_after_writing_and_reading(analysed, read, statistic):
    np.testing.assert_array_equal(layer(read, statistic, run_id=1), layer(analysed, statistic, run_id=1))


@pytest.mark.parametrize("view", [True, False])
@pytest.mark.parametrize("statistic", [*ATTACHED, "fold_change_zscore"])
def test_subset_gives_the_same_numbers(analysed, statistic, view):
    expected = layer(analysed, statistic, run_id=1)[5:400:7, 3:50:2]
    part = analysed[5:400:7, 3:50:2]
    close(layer(part if view else part.copy(), statistic, run_id=1), expected)


def test_chosen_genes_and_cells(analysed):
    whole = layer(analysed, "std_group", run_id=1)
    mask = (analysed.obs["Age"] == "Old").to_numpy()
    analysed.obs["old"] = mask
    genes = list(analysed.var_names[[9, 2, 30]])
    expected = whole[mask][:, [9, 2, 30]]
    for cells in (
        mask,
        analysed.obs["old"],
        analysed.obs["old"][::-1],
        "old",
        np.flatnonzero(mask),
        analysed.obs_names[mask],
    ):
        close(layer(analysed, "std_group", run_id=1, genes=genes, cells=cells), expected)
    close(layer(analysed, "std_group", run_id=1, genes=genes[0], cells=[7, 3]), whole[[7, 3]][:, [9]])
    close(layer(analysed, "std_group", run_id=1, cells=analysed.obs_names[4]), whole[[4]])
    gene_mask = np.arange(analysed.n_vars) % 4 == 0
    close(layer(analysed, "std_group", run_id=1, genes=gene_mask), whole[:, gene_mask])


def test_without_stored_layers(adata):
    storage = StorageSettings(layers=None)
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", storage=storage)
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", key_added="other")
    close(layer(adata, "fold_change", run_id=0), adata.layers["other_Young_to_Old_fold_change"])


def test_genes_not_analysed_are_missing(adata):
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", genes=list(adata.var_names[:7]))
    for statistic in ("imputed_group", "std_group", "fold_change_zscore"):
        values = layer(adata, statistic)
        assert np.isfinite(values[:, :7]).all()
        assert np.isnan(values[:, 7:]).all()


def test_overwritten_by_the_same_analysis_of_other_data(adata):
    adata.layers["halved"] = adata.layers["logged_counts"] / 2
    for source in ("logged_counts", "halved"):
        tl.de(adata, "Age", reference="Young", groups="Old", layer=source, overwrite=True)
    with pytest.warns(
        UserWarning, match=r"run 0 \(de, Young → Old\) were overwritten and now hold the values of run 1"
    ):
        earlier = layer(adata, "fold_change", run_id=0)
    close(earlier, layer(adata, "fold_change", run_id=1))


def test_parts_of_two_calls_are_not_mixed(adata):
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    tl.de(adata, "Age", reference="Young", groups="Mid", layer="logged_counts", overwrite=True)
    # what is of the contrast alone is still that of run 0
    assert np.isfinite(layer(adata, "fold_change_std", run_id=0)).all()
    for statistic in ("imputed_group", "fold_change", "lfsr"):
        with pytest.raises(ValueError, match="overwritten by run 1.*layers of run 0 cannot be built"):
            layer(adata, statistic, run_id=0)


def test_lost_parts_say_what_to_call(analysed):
    del analysed.varm["kompot_de_Old_variance_weights_sample_var"]
    with pytest.raises(LookupError, match=r"variance_weights.*is gone.*kp\.tl\.de"):
        layer(analysed, "std_group", run_id=1)
    del analysed.obsm["kompot_de_basis"]
    with pytest.raises(LookupError, match=r"kompot_de_basis.*is gone.*kp\.tl\.de"):
        layer(analysed, "fold_change", run_id=1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"statistic": "fold_chnge"}, KeyError, "'fold_chnge'; existing: 'fold_change'"),
        ({"statistic": "fold_change", "genes": ["nobody"]}, KeyError, "No gene 'nobody'"),
        ({"statistic": "fold_change", "genes": []}, ValueError, "no genes"),
        ({"statistic": "fold_change", "cells": ["nobody"]}, KeyError, "No cell 'nobody'"),
        ({"statistic": "fold_change", "cells": [600]}, IndexError, "600 cells"),
        ({"statistic": "fold_change", "cells": [True]}, ValueError, "1 values for 600 cells"),
        ({"statistic": "fold_change", "cells": []}, ValueError, "no cells"),
        ({"statistic": "fold_change", "cells": "Age"}, TypeError, "must be boolean"),
        ({"statistic": "fold_change", "run_id": 2}, LookupError, "No layers of run 2"),
        ({"statistic": "fold_change", "run_id": 9}, LookupError, "No run with run_id=9"),
        ({"statistic": "imputed", "analysis": "da"}, ValueError, "'de' or 'smooth'"),
    ],
)
def test_what_is_not_there_is_an_error(analysed_once, arguments, error, message):
    with pytest.raises(error, match=message):
        layer(analysed_once, **arguments)


@pytest.fixture(scope="module")
def halves(simulated):
    """Two objects with runs of their own on cells of their own."""
    parts = []
    for start in (0, 1):
        part = simulated[start::2].copy()
        tl.de(
            part, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate",
            test=TestSettings(null_genes=0), gp=GPSettings(n_landmarks=6), storage=StorageSettings(layers=None),
        )  # fmt: skip
        tl.smooth(part, layer="logged_counts", gp=GPSettings(n_landmarks=6))
        parts.append(part)
    return parts


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_joined_objects_of_different_runs_are_refused(halves, order):
    whole = ad.concat(halves[order], merge="first", uns_merge="first")
    for statistic in ("imputed_group", "fold_change", "std_group", "lfc_zscore"):
        with pytest.raises(ValueError, match=r"obsm\['kompot_de_basis'\] is not, or not only, what run 0 wrote"):
            layer(whole, statistic)
    with pytest.raises(ValueError, match="what run 1 wrote.*objects with runs of their own were joined"):
        layer(whole, "imputed", analysis="smooth")
    with pytest.raises(ValueError, match="is not, or not only"):
        sample_covariance(whole, whole.var_names[0])
    with pytest.raises(LookupError, match="is not, or not only"):
        tl.restore_layers(whole)
    # the cells whose basis belongs to the weights have their values
    first = halves[order][0]
    close(layer(whole, "fold_change", cells=first.obs_names), layer(first, "fold_change"))


def test_joined_genes_of_different_runs_are_refused(halves):
    other = halves[1].copy()
    other.obs_names = halves[0].obs_names
    other.var_names = [f"other_{name}" for name in other.var_names]
    whole = ad.concat([halves[0], other], axis="var", merge="first", uns_merge="first")
    with pytest.raises(ValueError, match=r"varm\['kompot_de_Young_weights'\] is not, or not only"):
        layer(whole, "fold_change")
    close(layer(whole, "fold_change", genes=halves[0].var_names), layer(halves[0], "fold_change"))


def test_parts_of_one_run_can_be_joined_again(halves):
    (one, _), expected = halves, layer(halves[0], "fold_change")
    whole = ad.concat([one[::3], one[1::3], one[2::3]], merge="same", uns_merge="same")[one.obs_names]
    close(layer(whole, "fold_change"), expected)
    close(layer(whole[5:50, 3:9], "std_group"), layer(one, "std_group")[5:50, 3:9])
    assert "kompot" in str(whole.uns.keys())


def test_changed_weights_are_refused(halves):
    adata = halves[0].copy()
    adata.varm["kompot_de_Old_weights"] = adata.varm["kompot_de_Old_weights"] * 1.001
    with pytest.raises(ValueError, match=r"varm\['kompot_de_Old_weights'\] is not"):
        layer(adata, "fold_change")


def test_a_call_with_several_contrasts_needs_a_group(analysed):
    with pytest.raises(LookupError, match="several contrasts, runs 0 .*, 1 .*; choose one with `group=`"):
        layer(analysed, "fold_change", key_added="kompot_de")
    close(layer(analysed, "fold_change", key_added="kompot_de", group="Old"), layer(analysed, "fold_change", run_id=1))
    gene = analysed.var_names[0]
    found = sample_covariance(analysed, gene, key_added="kompot_de", group="Mid", cells=[0, 1])
    np.testing.assert_array_equal(found, sample_covariance(analysed, gene, run_id=0, cells=[0, 1]))
