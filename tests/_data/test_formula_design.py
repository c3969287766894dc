"""Samples, blocks and replicate designs of a formula."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse._data.design import resolve_design
from kompot_scverse._data.formula_design import resolve_formula
from kompot_scverse._data.sample_design import contrast_designs
from kompot_scverse.design import Design


@pytest.fixture
def adata() -> AnnData:
    """Four donors on three days, twelve cells each."""
    rows = [(donor, day) for donor in "abcd" for day in (0, 3, 7) for _ in range(12)]
    obs = pd.DataFrame(rows, columns=["donor", "day"], index=[f"c{n}" for n in range(144)])
    obs["sample"] = obs["donor"] + obs["day"].astype(str)
    obs["sex"] = obs["donor"].map({"a": "f", "b": "m", "c": "f", "d": "m"})
    obs["age"] = obs["donor"].map({"a": 31.5, "b": 45.0, "c": 52.5, "d": 60.0})
    return AnnData(obs=obs)


def resolve(adata, *args, sample_key="sample", mask_obs=None, **kwargs):
    return resolve_formula(adata, Design(*args, **kwargs), sample_key=sample_key, mask_obs=mask_obs)


def test_samples_blocks_and_effects(adata):
    found = resolve(adata, "~ C(day) + sex", "C(day)", block="donor")
    assert found.samples.samples == tuple(sorted(adata.obs["sample"].unique()))
    np.testing.assert_array_equal(found.samples.sample_sizes(), 12)
    assert [effect.key for effect in found.effects] == ["C_day", "C_day_T.3", "C_day_T.7"]
    np.testing.assert_array_equal(found.blocks, np.repeat(np.arange(4), 3))
    whole = found.contrasts[0]
    assert whole.matrix.contrast.shape == (4, 2)
    np.testing.assert_array_equal(whole.members, np.arange(12))
    assert len(found.contrasts) == 3


def test_a_two_level_formula_is_the_shorthand(adata):
    """Also with covariates and with complete pairs."""
    part = adata[adata.obs["day"] != 7].copy()
    part.obs["when"] = part.obs["day"].map({0: "before", 3: "later"})
    short = resolve_design(part, "when", reference="before", groups="later", sample_key="donor")
    for paired, covariates, formula in (
        (False, None, "~ when"),
        (False, ["sex", "age"], "~ when + sex + age"),
        (True, None, "~ when + donor"),
    ):
        (expected,) = contrast_designs(part, short, covariates, paired=paired)
        design = resolve(part, formula, "when")
        found = design.contrasts[0]
        # samples of the shorthand are in the order of the conditions
        place = [4 * name.endswith("3") + "abcd".index(name[0]) for name in design.samples.samples]
        own, other = (d.contrast @ np.linalg.pinv(d.matrix) for d in (found.matrix, expected.matrix))
        np.testing.assert_allclose(own, other[place], atol=1e-10)
        assert found.matrix.residual_df == expected.matrix.residual_df


def test_masked_cells_and_small_samples(adata):
    mask = np.ones(144, dtype=bool)
    mask[:5] = False
    with pytest.warns(UserWarning, match=r"fewer than 10 cells do not count as replicates: 'a0' \(7 cells\)"):
        found = resolve(adata, "~ C(day)", "C(day)", mask_obs=mask)
    assert not found.samples.usable[0]
    assert len(found.contrasts[0].members) == 11
    assert len(found.samples.samples) == 12


def test_without_samples_cells_with_the_same_values_are_taken_together(adata):
    found = resolve(adata, "~ C(day) + sex", "C(day)", sample_key=None)
    assert len(found.samples.samples) == 6
    assert found.contrasts is None
    np.testing.assert_array_equal(found.samples.sample_sizes(), 24)
    with pytest.raises(ValueError, match="describes samples"):
        resolve(adata, "~ C(day)", "C(day)", sample_key=None, block="donor")
    adata.obs["score"] = np.arange(144.0)
    other = adata.obs.assign(score=adata.obs["score"] + 200).set_axis([f"d{n}" for n in range(144)])
    many = AnnData(obs=pd.concat([adata.obs, other]))
    with pytest.raises(ValueError, match="'score' have 288 combinations, and at most 200"):
        resolve(many, "~ score", "score", sample_key=None)


def test_blocks_that_say_nothing(adata):
    with pytest.raises(ValueError, match="has another value in each of the 12 samples"):
        resolve(adata, "~ C(day)", "C(day)", block="sample")
    adata.obs["one"] = "x"
    with pytest.raises(ValueError, match="is 'x' in all samples"):
        resolve(adata, "~ C(day)", "C(day)", block="one")
    with pytest.raises(KeyError, match=r"No obs column \(`block`\) 'donors'; existing: 'donor'"):
        resolve(adata, "~ C(day)", "C(day)", block="donors")


def test_days_used_as_a_number_draw_a_warning(adata):
    with pytest.warns(UserWarning, match=r"obs\['day'\] \(`formula`\) has 3 whole-number values"):
        found = resolve(adata, "~ day + sex", "day")
    assert found.effects[0].unit == "day"


def test_missing_sample_labels(adata):
    adata.obs.loc["c0", "sample"] = None
    with pytest.raises(ValueError, match="missing for 1 cells"):
        resolve(adata, "~ C(day)", "C(day)")
