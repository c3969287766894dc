"""Predicted power against what studies of known truth have."""

import json

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

import kompot_scverse as kp

DESIGN = {"reference": "a", "groups": "b", "sample_key": "sample", "use_rep": "X_pca"}
N_GENES, CELLS = 200, 60


def draw(seed: int, n: int, lfc: float = 0.0, share: float = 0.2) -> AnnData:
    """n against n samples of two types of cells; counts of some genes change, and samples differ in genes and types."""
    rng, profile = np.random.default_rng(seed), np.random.default_rng(0)
    log_mean = profile.normal(0.3, 0.8, N_GENES) + 0.4 * profile.normal(size=(2, N_GENES))
    codes, late = np.repeat(np.arange(2 * n), CELLS), np.arange(2 * n) >= n
    kind = (rng.uniform(size=len(codes)) < (0.5 + 0.1 * rng.normal(size=2 * n))[codes]).astype(int)
    sign = np.zeros(N_GENES)
    changed = rng.choice(N_GENES, round(share * N_GENES), replace=False)
    sign[changed] = np.where(np.arange(len(changed)) % 2, 1, -1)
    shift = 0.3 * rng.normal(size=(2 * n, N_GENES)) + lfc * np.outer(late, sign)
    size = rng.lognormal(0, 0.2, len(codes))
    counts = rng.poisson(np.exp(log_mean[kind] + shift[codes]) * size[:, None])
    obs = pd.DataFrame(
        {
            "condition": pd.Categorical(np.where(late, "b", "a")[codes]),
            "sample": pd.Categorical([f"s{code:02}" for code in codes]),
            "donor": pd.Categorical([f"d{code % n}" for code in codes]),
            "type": pd.Categorical(np.array(["left", "right"])[kind]),
        },
        index=[f"cell{number}" for number in range(len(codes))],
    )
    var = pd.DataFrame({"changed": sign != 0}, index=[f"gene{number}" for number in range(N_GENES)])
    # values of one count as of a thousand per cell that are scaled to 10,000
    found = AnnData(np.log1p(10 * counts / size[:, None]).astype(np.float32), obs=obs, var=var)
    found.obsm["X_pca"] = 5.0 * np.eye(2)[kind] + rng.normal(size=(len(codes), 2))
    found.uns["log1p"] = {"base": None}
    return found


@pytest.fixture(scope="module")
def pilot() -> AnnData:
    adata = draw(1, 6)
    kp.tl.de(adata, "condition", **DESIGN, cell_groups="type")
    kp.tl.da(adata, "condition", **DESIGN)
    return adata


def test_predicted_power_is_that_of_new_studies(pilot) -> None:
    realised = []
    for seed in range(3):
        adata = draw(10 + seed, 4, lfc=0.8)
        kp.tl.de(adata, "condition", **DESIGN)
        realised.append(adata.var.loc[adata.var["changed"], "kompot_de_a_to_b_is_de_sample_var"].mean())
    table = kp.pp.power(pilot, n_samples=4, lfc=0.8, share_changed=0.2, n_studies=2)
    predicted = table.set_index("level")["power"]["all"]
    assert 0.2 < np.mean(realised) < 0.9
    assert predicted == pytest.approx(np.mean(realised), abs=0.12)


def test_the_table_of_genes(pilot, unchanged) -> None:
    with unchanged(pilot):
        table = kp.pp.power(pilot, n_samples=[3, 8], lfc=[0.3, 1.0], n_studies=1)
    assert table.columns.to_list() == ["n_samples", "lfc", "level", "mean_expression", "power", "std_error"]
    assert len(table) == 2 * 2 * 4
    every = table[table["level"] == "all"].set_index(["n_samples", "lfc"])["power"]
    assert every[8, 1.0] > every[3, 1.0] > every[3, 0.3]
    first = table.iloc[:4].set_index("level")["mean_expression"]
    assert first["low"] < first["middle"] < first["high"]
    assert table.equals(kp.pp.power(pilot, n_samples=[3, 8], lfc=[0.3, 1.0], n_studies=1))
    # fewer cells, and a change in some of them only
    options = {"n_samples": 4, "lfc": 0.8, "n_studies": 2}
    full = kp.pp.power(pilot, **options)["power"][0]
    assert kp.pp.power(pilot, **options, n_cells=10)["power"][0] < full - 0.1
    assert kp.pp.power(pilot, **options, cell_group="left")["power"][0] < full


def test_the_table_of_abundance(pilot) -> None:
    table = kp.pp.power(pilot, analysis="da", n_samples=[3, 12], lfc=[0.1, 1.5], cell_groups="type", n_studies=5)
    assert table["cell_group"].to_list() == ["left", "right"] * 4
    power = table.groupby(["n_samples", "lfc"])["power"].mean()
    assert power[12, 1.5] > 0.75
    assert power[12, 1.5] >= power[3, 1.5] > power[3, 0.1]
    np.testing.assert_allclose(table["share"].iloc[:2].sum(), 1)


def test_pairs_are_predicted_within_donors_and_of_a_modality() -> None:
    adata = draw(2, 4)
    # what donors share is large, and pairs do without it
    donors = np.random.default_rng(3).normal(0, 1.5, (4, N_GENES))[adata.obs["donor"].cat.codes]
    adata.X = np.log1p(np.expm1(adata.X) * np.exp(donors)).astype(np.float32)
    mdata = MuData({"rna": adata})
    for name in ("condition", "donor", "sample"):
        mdata.obs[name] = adata.obs[name]
    mdata.obsm["X_pca"] = adata.obsm["X_pca"]
    arguments = DESIGN | {"sample_key": "donor"}
    kp.tl.de(mdata, "condition", **arguments, paired=True)
    kp.tl.de(mdata, "condition", **arguments, key_added="unpaired")
    options = {"n_samples": 6, "lfc": 0.8, "n_studies": 1, "mod": "rna"}
    paired, unpaired = (kp.pp.power(mdata, key_added=key, **options) for key in ("kompot_de", "unpaired"))
    assert paired["power"][0] > unpaired["power"][0] + 0.2


def test_what_cannot_be_predicted_is_said(pilot) -> None:
    for arguments, message in (
        ({"n_samples": 1}, "at least 2"),
        ({"lfc": -1.0}, "0 or positive"),
        ({"share_changed": 0.0}, "above 0"),
        ({"analysis": "da"}, "`cell_groups=` is missing"),
        ({"cell_group": "middle"}, "middle"),
    ):
        with pytest.raises((ValueError, KeyError), match=message):
            kp.pp.power(pilot, **arguments)
    adata = draw(3, 3)
    kp.tl.de(adata, kp.Design("~ condition", test="condition"), sample_key="sample", use_rep="X_pca")
    with pytest.raises(ValueError, match="has a formula"):
        kp.pp.power(adata)
    kp.tl.de(adata, "condition", reference="a", groups="b", use_rep="X_pca", key_added="cells")
    with pytest.raises(LookupError, match="No samples"):
        kp.pp.power(adata)
    kp.tl.da(adata, "condition", **DESIGN | {"sample_key": "donor"}, paired=True)
    found = kp.pp.power(adata, analysis="da", cell_groups="type", n_samples=6, lfc=1.5, n_studies=3)
    assert found["power"].between(0, 1).all()
    adata.obs["donor"] = adata.obs["donor"].cat.add_categories("d9").where(adata.obs["sample"] != "s05", "d9")
    with pytest.warns(UserWarning, match="no partner"):
        kp.tl.da(adata, "condition", **DESIGN | {"sample_key": "donor"}, paired=True, key_added="some")
    with pytest.raises(ValueError, match="incomplete pairs"):
        kp.pp.power(adata, analysis="da", key_added="some", cell_groups="type")
    old = pilot.copy()
    run = json.loads(old.uns["kompot"]["runs"]["0"])
    del run["diagnostics"]["between"]
    old.uns["kompot"]["runs"]["0"] = json.dumps(run)
    with pytest.raises(LookupError, match="earlier version"):
        kp.pp.power(old)
