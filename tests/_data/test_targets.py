"""Cell states and modalities of an analysis."""

import numpy as np
import pytest

from kompot_scverse._data.targets import resolve_targets


def test_an_anndata_is_its_own_frame(adata):
    found = resolve_targets(adata, None, "DM_EigenVectors")
    assert found.states is adata
    assert found.frames == {"": adata}
    assert found.positions("") is None
    assert found.mask("", "m") == "m"
    assert found.per_modality("log", "layer") == {"": "log"}
    np.testing.assert_array_equal(found.used({"": np.arange(600) < 5}), np.arange(600) < 5)
    with pytest.raises(TypeError, match="`mod='rna'`"):
        resolve_targets(adata, "rna", None)
    with pytest.raises(TypeError, match="`layer` by modality is for MuData"):
        found.per_modality({"rna": "log"}, "layer")


@pytest.mark.parametrize(
    ("mod", "use_rep", "holder", "key", "frames"),
    [
        (None, "X_joint", "", "X_joint", ["rna", "prot"]),
        (None, "joint", "", "X_joint", ["rna", "prot"]),
        ("prot", "joint", "", "X_joint", ["prot"]),
        (["prot", "rna"], "joint", "", "X_joint", ["prot", "rna"]),
        ("rna", "X_pca", "rna", "rna:X_pca", ["rna"]),
        ("rna", None, "", "X_joint", ["rna"]),
        ("prot", "rna:pca", "rna", "rna:X_pca", ["prot"]),
        (None, "rna:X_pca", "rna", "rna:X_pca", ["rna", "prot"]),
    ],
)
def test_representation_and_modalities(mdata, mod, use_rep, holder, key, frames):
    found = resolve_targets(mdata, mod, use_rep)
    assert found.states.modality == holder
    assert found.use_rep == key
    assert list(found.frames) == frames
    # cells in rows of each modality carry their own number
    for name in frames:
        own = found.on(name, found.x)[:, 0]
        numbers = np.array([float(cell[1:]) for cell in mdata[name].obs_names])
        known = np.isin(mdata[name].obs_names, found.states.obs_names)
        np.testing.assert_array_equal(own[known], numbers[known])
        assert np.isnan(own[~known]).all()


def test_joint_comes_first(mdata):
    mdata.obsm["X_pca"] = np.zeros((7, 3))
    assert resolve_targets(mdata, "rna", "X_pca").states.modality == ""
    assert resolve_targets(mdata, None, None).use_rep == "X_joint"
    del mdata.obsm["X_joint"]
    assert resolve_targets(mdata, None, None).use_rep == "X_pca"
    assert resolve_targets(mdata, None, "rna:X_pca").states.modality == "rna"


def test_only_one_modality_has_it(mdata):
    del mdata["prot"].obsm["X_pca"], mdata.obsm["X_joint"]
    found = resolve_targets(mdata, None, None)
    assert found.use_rep == "rna:X_pca"
    assert list(found.frames) == ["rna", "prot"]


def test_cells_left_out(mdata):
    found = resolve_targets(mdata, None, "rna:X_pca")
    assert found.cells_left_out("rna") == {}
    # c3 and c5 are not in prot, c7 of prot is not in rna
    assert found.cells_left_out("prot") == {"missing_in_modality": 2, "without_state": 1}
    np.testing.assert_array_equal(found.mask("prot", None), mdata["prot"].obs_names != "c7")
    mdata["rna"].obs["few"] = np.arange(6) < 3
    mask = found.mask("prot", np.asarray(mdata.obs_names.isin(["c0", "c3", "c7"])))
    assert mdata["prot"].obs_names[mask].to_list() == ["c0"]
    used = found.used({"prot": np.asarray(mask), "rna": np.arange(6) == 5})
    assert mdata["rna"].obs_names[used].to_list() == ["c0", "c5"]
    with pytest.raises(ValueError, match="5 values for the 7 cells of the MuData"):
        found.mask("prot", np.ones(5, dtype=bool))


def test_genes_of_each_modality(mdata):
    found = resolve_targets(mdata, None, "joint")
    assert found.genes(None) == {"rna": None, "prot": None}
    assert found.genes(["B", "prot:E", "rna:A"]) == {"rna": ["B", "A"], "prot": ["E"]}
    assert found.genes("D") == {"prot": ["D"]}
    mdata["rna"].var["hvg"] = [True, False, True]
    assert found.genes("hvg") == {"rna": "hvg"}
    assert resolve_targets(mdata, "rna", "joint").genes(["rna:A", "B"]) == {"rna": ["rna:A", "B"]}
    with pytest.raises(KeyError, match="No gene 'X'"):
        found.genes(["A", "X"])
    with pytest.raises(TypeError, match="a mask for each modality in a dict"):
        found.genes(np.ones(3, dtype=bool))
    assert found.per_modality({"prot": "clr"}, "layer") == {"rna": None, "prot": "clr"}
    with pytest.raises(KeyError, match="No modality in `layer` 'protein'; existing: 'prot'"):
        found.per_modality({"protein": "clr"}, "layer")


@pytest.mark.parametrize(
    ("mod", "use_rep", "error", "message"),
    [
        ("rn", None, KeyError, "'rn'; existing: 'rna'"),
        ([], None, ValueError, "`mod` is empty"),
        (None, "X_pca", ValueError, "Several modalities.*'rna:X_pca'"),
        (None, "X_jiont", KeyError, "'X_jiont'; existing: 'X_joint'"),
        ("rna", "rna:X_pcs", KeyError, "'rna:X_pcs'; existing: 'rna:X_pca'"),
    ],
)
def test_wrong_targets_are_refused(mdata, mod, use_rep, error, message):
    with pytest.raises(error, match=message):
        resolve_targets(mdata, mod, use_rep)


def test_several_have_a_default(mdata):
    del mdata.obsm["X_joint"]
    with pytest.raises(ValueError, match=r"Several modalities have a representation.*'rna:X_pca' or 'prot:X_pca'"):
        resolve_targets(mdata, None, None)


def test_modalities_without_shared_cells(mdata):
    import mudata as md

    other = mdata["prot"][["c7"]].copy()
    alone = md.MuData({"rna": mdata["rna"].copy(), "prot": other})
    assert list(resolve_targets(alone, None, "rna:X_pca").frames) == ["rna"]
    with pytest.raises(ValueError, match="'prot' has no cells in the representation 'rna:X_pca'"):
        resolve_targets(alone, ["rna", "prot"], "rna:X_pca")


def test_choices_of_no_kind(mdata):
    with pytest.raises(TypeError, match="`mod` must be one value or a list, not a dict"):
        resolve_targets(mdata, {"rna": 1}, "X_joint")
    with pytest.raises(TypeError, match="`mod` must hold text, not 1"):
        resolve_targets(mdata, ["rna", 1], "X_joint")
    assert list(resolve_targets(mdata, {"rna", "prot"}, "X_joint").frames) == ["prot", "rna"]
    found = resolve_targets(mdata, None, "X_joint")
    assert found.genes({"A", "D"}) == {"rna": ["A"], "prot": ["D"]}
    with pytest.raises(TypeError, match="not a generator. It can be read only once"):
        found.genes(name for name in ["A"])
    with pytest.raises(ValueError, match="`genes` selects no genes"):
        found.genes([])


def test_columns_that_are_there_twice(mdata):
    import pandas as pd

    mdata["rna"].obs = pd.concat([mdata["rna"].obs, mdata["rna"].obs[["only_rna"]]], axis=1)
    with pytest.raises(ValueError, match=r"mdata\['rna'\]\.obs has 2 columns named 'only_rna'"):
        _ = resolve_targets(mdata, "rna", "X_joint").frames["rna"].obs["only_rna"]
