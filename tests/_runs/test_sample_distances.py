"""Distances that runs keep: of conditions, pairs, formulas and modalities."""

import json

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData
from planted import planted

import kompot_scverse as kp
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.packed import unpack_distances
from kompot_scverse._runs.sample_distances import stored_distances

ARGUMENTS = {"reference": "early", "groups": "late", "sample_key": "sample", "use_rep": "X_pca"}


def study() -> AnnData:
    adata, _ = planted(n_cells=480)
    adata = adata[:, :60].copy()
    adata.obs["donor"] = [f"d{int(name[1:]) % 4}" for name in adata.obs["sample"]]
    adata.obs["batch"] = pd.Categorical(np.where(adata.obs["sample"].isin(["s1", "s3", "s4", "s6"]), "A", "B"))
    # all genes of batch A are raised or lowered
    shift = np.random.default_rng(1).normal(0, 1.0, 60)
    adata.X[(adata.obs["batch"] == "A").to_numpy()] += shift.astype(np.float32)
    return adata


@pytest.fixture(scope="module")
def analysed() -> AnnData:
    adata = study()
    kp.tl.de(adata, "time", **ARGUMENTS)
    kp.tl.da(adata, "time", **ARGUMENTS)
    return adata


def test_a_planted_batch_is_the_structure(analysed):
    table = kp.get.sample_distances(analysed)
    assert table.index.to_list() == [f"s{number}" for number in range(8)]
    batch = np.isin(table.index, ["s1", "s3", "s4", "s6"])
    same = (batch[:, None] == batch) & ~np.eye(8, dtype=bool)
    values = table.to_numpy()
    assert values[same].max() < values[batch[:, None] != batch].min()
    assert kp.get.sample_test(analysed)["pvalue"] > 0.1
    kp.tl.de(analysed, "batch", **ARGUMENTS | {"reference": "A", "groups": "B"}, key_added="batch")
    found = kp.get.sample_test(analysed, key_added="batch")
    assert found["pvalue"] == pytest.approx(2 / 70)
    assert found["smallest_pvalue"] == pytest.approx(2 / 70)


def test_abundance_has_its_own(analysed):
    found = kp.get.sample_distances(analysed, analysis="da")
    assert found.shape == (8, 8)
    assert kp.get.sample_test(analysed, analysis="da")["n_permutations"] == 70


def test_they_are_small_text_and_read_back_as_they_were(analysed):
    kept = json.loads(analysed.uns["kompot"]["runs"]["0"])["diagnostics"]["samples"]
    assert len(json.dumps(kept)) < 1500
    found = stored_distances(find_view(analysed, "de", run_id=0))
    np.testing.assert_array_equal(found.distances, unpack_distances(kept["distances"]))
    assert found.block is None


def test_columns_of_cells_become_columns_of_samples(analysed):
    view = find_view(analysed, "de", run_id=0)
    found = stored_distances(view)
    batch = found.values(view, "batch")
    assert batch.to_dict() == {f"s{n}": "A" if n in (1, 3, 4, 6) else "B" for n in range(8)}
    analysed.obs["depth"] = np.arange(480.0)
    assert found.values(view, "depth")["s1"] == pytest.approx(np.arange(60, 120).mean())
    with pytest.raises(ValueError, match=r"'part'\] differs between the cells of sample 's0'"):
        found.values(view, "part")
    with pytest.raises(KeyError, match="No obs column"):
        found.values(view, "nothing")


def test_pairs_are_permuted_within_donors():
    adata = study()
    kp.tl.de(adata, "time", **ARGUMENTS | {"sample_key": "donor"}, paired=True)
    table = kp.get.sample_distances(adata)
    assert table.index[0] == "d0 (early)"
    assert kp.get.sample_test(adata)["n_permutations"] == 2**4
    view = find_view(adata, "de")
    assert stored_distances(view).values(view, "time").to_list() == ["early"] * 4 + ["late"] * 4


def test_of_a_formula_with_blocks_and_of_modalities():
    adata = study()
    mdata = MuData({"rna": adata[:, :40].copy(), "prot": adata[:, 40:].copy()})
    for name in ("time", "sample", "donor"):
        mdata.obs[name] = adata.obs[name]
    mdata.obsm["X_pca"] = adata.obsm["X_pca"]
    kp.tl.de(mdata, kp.Design("~ time", test="time", block="donor"), sample_key="sample", use_rep="X_pca")
    with pytest.raises(LookupError, match="modalities"):
        kp.get.sample_distances(mdata)
    table = kp.get.sample_distances(mdata, mod="rna")
    assert table.index.to_list() == [f"s{number}" for number in range(8)]
    assert not np.allclose(table, kp.get.sample_distances(mdata, mod="prot"))
    assert kp.get.sample_test(mdata, mod="rna")["n_permutations"] == 2**4


def test_runs_without_samples_say_what_to_call(analysed):
    kp.tl.de(analysed, "time", reference="early", groups="late", use_rep="X_pca", key_added="cells")
    with pytest.raises(LookupError, match=r"No samples .*sample_key"):
        kp.get.sample_distances(analysed, key_added="cells")
