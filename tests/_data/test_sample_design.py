"""The design matrix of the samples, and what makes it impossible."""

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse._data.design import resolve_design
from kompot_scverse._data.sample_design import contrast_designs

DONORS = ["a", "b", "c", "d"]


@pytest.fixture
def adata() -> AnnData:
    """Four donors in both conditions, fifteen cells each."""
    rows = [(condition, donor) for condition in ("ctrl", "stim") for donor in DONORS for _ in range(15)]
    obs = pd.DataFrame(rows, columns=["condition", "donor"], index=[str(n) for n in range(120)])
    obs["sex"] = obs["donor"].map(dict(zip(DONORS, ["f", "m", "f", "m"], strict=True)))
    obs["age in years"] = obs["donor"].map(dict(zip(DONORS, [30.0, 41, 55, 62], strict=True)))
    obs["batch"] = np.where(obs["donor"].isin(["a", "b"]) ^ (obs["condition"] == "stim"), "x", "y")
    obs["treated"] = obs["condition"] == "stim"
    obs["constant"] = "one"
    obs["per_cell"] = np.arange(120)
    return AnnData(obs=obs)


def make(adata, covariates=None, paired=False):
    design = resolve_design(adata, "condition", reference="ctrl", groups="stim", sample_key="donor")
    (found,) = contrast_designs(adata, design, covariates, paired=paired)
    return found.members, found.matrix


def estimate(design, y):
    return design.contrast @ np.linalg.lstsq(design.matrix, y, rcond=None)[0]


def test_contrast_is_the_difference_of_the_means(adata):
    members, design = make(adata)
    y = np.random.default_rng(0).normal(size=8)
    np.testing.assert_array_equal(members, np.arange(8))
    assert design.residual_df == 6
    assert estimate(design, y) == pytest.approx(y[4:].mean() - y[:4].mean())


def test_paired_is_the_mean_of_the_differences(adata):
    _, design = make(adata, paired=True)
    y = np.random.default_rng(1).normal(size=8)
    assert design.residual_df == 3
    assert estimate(design, y) == pytest.approx((y[4:] - y[:4]).mean())


def test_covariates_are_adjusted_for(adata):
    _, design = make(adata, ["sex", "age in years", "batch"])
    condition = np.repeat([0.0, 1.0], 4)
    age = np.tile([30.0, 41, 55, 62], 2)
    sex = np.tile([0.0, 1, 0, 1], 2)
    assert design.matrix.shape == (8, 5)
    assert estimate(design, 2 * condition + 0.3 * age - 5 * sex + 7) == pytest.approx(2)


@pytest.mark.parametrize(
    ("unit", "offset"), [(1e200, 0.0), (1e-200, 0.0), (1.0, 1e9), (1e306, 1e308), (86400.0, 1.7e9)]
)
def test_unit_and_offset_of_a_covariate_do_not_matter(adata, unit, offset):
    y = np.random.default_rng(2).normal(size=8)
    expected = estimate(make(adata, "age in years")[1], y)
    adata.obs["age in years"] = adata.obs["age in years"] * unit + offset
    assert estimate(make(adata, "age in years")[1], y) == pytest.approx(expected, rel=1e-6)


def test_a_category_of_its_own_for_every_sample(adata):
    adata.obs["day"] = pd.Categorical(adata.obs["condition"] + adata.obs["donor"])
    with pytest.raises(ValueError, match=r"obs\['day'\] .* a value of its own for every sample"):
        make(adata, "day")


def test_one_covariate_as_text(adata):
    np.testing.assert_array_equal(make(adata, "sex")[1].matrix, make(adata, ["sex"])[1].matrix)


@pytest.mark.parametrize(
    ("covariates", "paired", "error", "match"),
    [
        ("sexx", False, KeyError, r"No obs column \(`covariates`\) 'sexx'; existing: 'sex'"),
        ("condition", False, ValueError, "is `groupby`"),
        ("per_cell", False, ValueError, "varies within sample 'a'"),
        ("constant", False, ValueError, "constant .`covariates`. has one value"),
        ("treated", False, ValueError, r"condition \(`groupby`\) determines treated \(`covariates`\)"),
        ("sex", True, ValueError, r"condition \(`groupby`\), donor \(`paired`\) determine sex"),
        (["age in years", "sex", "batch"], True, ValueError, "determine age in years"),
    ],
)
def test_impossible_designs(adata, covariates, paired, error, match):
    with pytest.raises(error, match=match):
        make(adata, covariates, paired)


def test_missing_covariate(adata):
    adata.obs["sex"] = adata.obs["sex"].where(adata.obs["donor"] != "c")
    with pytest.raises(ValueError, match="missing for cells of sample 'c'"):
        make(adata, "sex")


def test_too_many_coefficients(adata):
    adata = adata[adata.obs["donor"].isin(["a", "b"])].copy()
    adata.obs["number"] = adata.obs["donor"].map({"a": 1.0, "b": 2.0}) * np.where(adata.obs["treated"], 3.0, 1.0)
    with pytest.raises(ValueError, match="4 samples cannot be tested with a design of 4 coefficients"):
        make(adata, "number", paired=True)


def test_nothing_to_pair(adata):
    adata.obs["donor"] = adata.obs["condition"] + adata.obs["donor"]
    with pytest.raises(ValueError, match=r"'ctrl' and 'stim' share 0\. Leave `paired` out"):
        make(adata, paired=True)


@pytest.mark.parametrize("arguments", [{"paired": True, "covariates": None}, {"paired": False, "covariates": ["sex"]}])
def test_designs_need_samples(adata, arguments):
    design = resolve_design(adata, "condition", reference="ctrl", groups="stim", sample_key=None)
    assert contrast_designs(adata, design, None, paired=False) is None
    with pytest.raises(ValueError, match="name them with `sample_key=`"):
        contrast_designs(adata, design, **arguments)


def test_one_design_per_group(adata):
    third = adata.copy()
    third.obs["condition"] = "third"
    third.obs_names = [f"third{n}" for n in range(120)]
    both = anndata.concat([adata, third])
    design = resolve_design(both, "condition", reference="ctrl", groups=None, sample_key="donor")
    of_stim, of_third = contrast_designs(both, design, "sex", paired=False)
    np.testing.assert_array_equal(of_stim.members, [0, 1, 2, 3, 4, 5, 6, 7])
    np.testing.assert_array_equal(of_third.members, [0, 1, 2, 3, 8, 9, 10, 11])
    np.testing.assert_array_equal(of_stim.matrix.matrix, of_third.matrix.matrix)


@pytest.fixture
def both(adata) -> AnnData:
    """The same with a third condition of four other donors, all female."""
    third = adata.copy()
    third.obs["condition"] = "third"
    third.obs["sex"] = "f"
    third.obs_names = [f"third{n}" for n in range(120)]
    first = adata.copy()
    first.obs["sex"] = np.where(first.obs["condition"] == "ctrl", "f", first.obs["sex"])
    return anndata.concat([first, third])


def test_a_covariate_constant_in_one_contrast_is_left_out_there(both):
    design = resolve_design(both, "condition", reference="ctrl", groups=None, sample_key="donor")
    expected = (
        r"obs\['sex'\] \(`covariates`\) has one value in all samples of the contrast 'ctrl' to 'third' and is left out"
    )
    with pytest.warns(UserWarning, match=expected) as caught:
        of_stim, of_third = contrast_designs(both, design, ["sex", "age in years"], paired=False)
    assert len(caught) == 1
    assert (of_stim.left_out, of_third.left_out) == ((), ("sex",))
    assert of_third.notes() == {"covariates_left_out": ["sex"]}
    (alone,) = contrast_designs(
        both, resolve_design(both, "condition", reference="ctrl", groups="third", sample_key="donor"), "age in years",
        paired=False,
    )  # fmt: skip
    np.testing.assert_array_equal(of_third.matrix.matrix, alone.matrix.matrix)
    assert of_stim.matrix.matrix.shape[1] == 4


def test_a_covariate_constant_in_every_contrast_is_an_error(both):
    both.obs["sex"] = "f"
    design = resolve_design(both, "condition", reference="ctrl", groups=None, sample_key="donor")
    with pytest.raises(
        ValueError, match=r"contrast 'ctrl' to 'stim' is not of full rank: sex \(`covariates`\) has one value"
    ):
        contrast_designs(both, design, "sex", paired=False)


def test_a_covariate_that_follows_one_contrast_names_it(both):
    both.obs["batch"] = np.where(both.obs["condition"] == "third", "late", both.obs["batch"].astype(str))
    design = resolve_design(both, "condition", reference="ctrl", groups=None, sample_key="donor")
    both.obs.loc[both.obs["condition"] == "ctrl", "batch"] = "x"
    with pytest.raises(ValueError, match=r"'ctrl' to 'third' is not of full rank.*determines batch \(`covariates`\)"):
        contrast_designs(both, design, "batch", paired=False)


def test_samples_without_a_partner_are_named_and_donors_are_random(adata):
    part = adata[~((adata.obs["condition"] == "stim") & (adata.obs["donor"] == "c"))].copy()
    expected = r"1 of the 7 samples of the contrast 'ctrl' to 'stim' have no partner.*obs\['donor'\].*: 'c' \(ctrl\)\. .*random intercepts"
    with pytest.warns(UserWarning, match=expected):
        members, design = make(part, paired=True)
    assert len(members) == 7
    np.testing.assert_array_equal(design.block, [0, 1, 2, 3, 0, 1, 3])
    np.testing.assert_array_equal(design.matrix, make(part)[1].matrix)
    assert make(adata, paired=True)[1].block is None


@pytest.mark.parametrize("given", [np.array(["sex", "batch"]), pd.Index(["sex", "batch"]), ("sex", "batch", "sex")])
def test_covariates_as_lists_of_any_kind(adata, given):
    np.testing.assert_array_equal(make(adata, given)[1].matrix, make(adata, ["sex", "batch"])[1].matrix)
