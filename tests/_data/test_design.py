"""Conditions and samples of the cells."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse._data.design import resolve_design


def design(adata, groupby="Age", *, reference="Young", groups="Old", sample_key=None, mask_obs=None):
    return resolve_design(adata, groupby, reference=reference, groups=groups, sample_key=sample_key, mask_obs=mask_obs)


def test_conditions_are_those_of_the_column(adata):
    found = design(adata)
    assert found.conditions == ("Young", "Old")
    age = adata.obs["Age"].to_numpy()
    np.testing.assert_array_equal(found.condition_codes, np.select([age == "Young", age == "Old"], [0, 1], -1))
    np.testing.assert_array_equal(found.sample_codes, found.condition_codes)
    np.testing.assert_array_equal(found.condition_sizes(), [(age == "Young").sum(), (age == "Old").sum()])


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (None, ("Mid", "Old")),
        (["Old", "Mid"], ("Old", "Mid")),
        (["Old", "Old"], ("Old",)),
        (pd.Series(["Old", "Mid"], index=[7, 3]), ("Old", "Mid")),
        (pd.Categorical(["Old", "Mid"]), ("Old", "Mid")),
        ({"Old", "Mid"}, ("Mid", "Old")),
        (np.array("Old"), ("Old",)),
        (np.array(["Old"]), ("Old",)),
        ({"Old": 1}.keys(), ("Old",)),
    ],
)
def test_several_groups(adata, groups, expected):
    assert design(adata, groups=groups).groups == expected


def test_samples_are_numbered_by_condition(adata):
    found = design(adata, sample_key="Replicate")
    assert found.samples == ("Young_1", "Young_2", "Young_3", "Old_1", "Old_2", "Old_3")
    np.testing.assert_array_equal(found.sample_conditions, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(found.members(1, usable=True), [3, 4, 5])
    replicate = adata.obs["Replicate"].to_numpy()
    for number, name in enumerate(found.samples):
        np.testing.assert_array_equal(found.sample_codes == number, replicate == name)
    assert found.sample_sizes().sum() == found.cells.sum()


def test_a_label_in_two_conditions_is_two_samples(adata):
    """As donors measured before and after."""
    adata.obs["donor"] = adata.obs["Replicate"].astype(str).str[-1]
    found = design(adata, sample_key="donor")
    assert found.samples == ("1", "2", "3", "1", "2", "3")
    np.testing.assert_array_equal(found.sample_conditions, [0, 0, 0, 1, 1, 1])


def test_masked_cells_take_no_part(adata):
    mask = np.arange(adata.n_obs) < 300
    found = design(adata, mask_obs=mask)
    assert not found.cells[300:].any()
    # a category that the mask empties is not among "all others"
    assert design(adata, groups=None, mask_obs=(adata.obs["Age"] != "Mid").to_numpy()).groups == ("Old",)


def test_integer_and_boolean_labels(adata):
    adata.obs["months"] = adata.obs["Age"].map({"Young": 3, "Mid": 12, "Old": 24}).astype(int)
    assert design(adata, "months", reference=3, groups=24).conditions == (3, 24)
    assert design(adata, "months", reference="3", groups=["24", 12]).conditions == (3, 24, 12)
    adata.obs["aged"] = (adata.obs["Age"] == "Old").to_numpy()
    found = design(adata, "aged", reference=False, groups=None)
    np.testing.assert_array_equal(found.condition_codes == 1, adata.obs["aged"])


def test_unused_categories(adata):
    adata.obs["Age"] = adata.obs["Age"].cat.add_categories(["Ancient"])
    assert design(adata, groups=None).groups == ("Mid", "Old")
    with pytest.raises(KeyError, match=r"equal to 'Ancient'; existing: "):
        design(adata, groups="Ancient")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"groups": "Young"}, ValueError, "'Young' is both `reference` and in `groups`"),
        ({"groups": []}, ValueError, "`groups` is empty"),
        (
            {"groups": (name for name in ["Old"])},
            TypeError,
            "`groups` must be .* not a generator. It can be read only once",
        ),
        ({"groups": {"Old": 1}}, TypeError, "`groups` must be one value or a list, not a dict"),
        ({"groups": np.array([["Old"]])}, TypeError, "`groups` must be one value or a list, not an array of shape"),
        ({"groups": [["Old"]]}, TypeError, r"`groups` must be one category of obs\['Age'\], not a list"),
        ({"reference": ["Young"]}, TypeError, r"`reference` must be one category of obs\['Age'\], not a list"),
        ({"reference": {"Young"}}, TypeError, "`reference` must be one category .* not a set"),
        ({"reference": np.array(["Young"])}, TypeError, "`reference` must be one category .* not an array"),
        ({"reference": "Yung"}, KeyError, r"\(`reference`\) equal to 'Yung'; existing: 'Young'"),
        ({"groupby": "Aeg"}, KeyError, r"No obs column \(`groupby`\) 'Aeg'; existing: 'Age'"),
        ({"sample_key": "Mouse"}, KeyError, r"\(`sample_key`\) 'Mouse'"),
        ({"sample_key": "Age"}, ValueError, r"has 1 sample\(s\) with at least 10 cells .* leave it out"),
    ],
)
def test_wrong_designs_are_refused(adata, arguments, error, text):
    with pytest.raises(error, match=text):
        design(adata, **arguments)


def test_only_one_category(adata):
    with pytest.raises(ValueError, match="no category to compare with 'Young'"):
        design(adata[adata.obs["Age"] == "Young"], groups=None)


def test_too_few_cells(adata):
    old = np.flatnonzero(adata.obs["Age"] == "Old")
    mask = np.array(adata.obs["Age"] == "Young")
    mask[old[:2]] = True
    with pytest.raises(ValueError, match="Condition 'Old' .* has 2 cells in the analysis; at least 10"):
        design(adata, mask_obs=mask)


def test_small_samples_are_left_out(adata):
    replicate = adata.obs["Replicate"].to_numpy()
    small = np.flatnonzero(replicate == "Old_2")
    keep = np.ones(adata.n_obs, dtype=bool)
    keep[small[4:]] = False
    with pytest.warns(UserWarning, match=r"do not count as replicates: 'Old_2' \(Old, 4 cells\)"):
        found = design(adata, sample_key="Replicate", mask_obs=keep)
    np.testing.assert_array_equal(found.members(1, usable=True), [3, 5])
    np.testing.assert_array_equal(found.members(1), [3, 4, 5])
    keep[replicate == "Old_1"] = False
    with pytest.raises(ValueError, match=r"Condition 'Old' has 1 sample\(s\)"):
        design(adata, sample_key="Replicate", mask_obs=keep)


def test_missing_sample_labels(adata):
    labels = adata.obs["Replicate"].astype(object)
    labels.iloc[np.flatnonzero(adata.obs["Age"] == "Old")[:3]] = np.nan
    adata.obs["Replicate"] = pd.Categorical(labels)
    with pytest.raises(ValueError, match="is missing for 3 cells"):
        design(adata, sample_key="Replicate")
    # where the cells take no part, it does not matter
    assert design(adata, groups="Mid", sample_key="Replicate").groups == ("Mid",)


def test_cells_without_a_condition_are_counted(adata):
    expected = design(adata)
    labels = adata.obs["Age"].astype(object)
    labels.iloc[:7] = np.nan
    adata.obs["Age"] = pd.Categorical(labels)
    with pytest.warns(
        UserWarning, match=r"obs\['Age'\] \(`groupby`\) is missing for 7 of 600 cells; they take no part"
    ) as caught:
        found = design(adata, groups=None)
    assert len(caught) == 1
    assert not found.cells[:7].any()
    np.testing.assert_array_equal(
        design(adata, mask_obs=np.arange(600) >= 7).condition_codes[7:], expected.condition_codes[7:]
    )


def test_one_label_in_an_array(adata):
    assert design(adata, reference=np.array("Young")).reference == "Young"


def test_a_column_that_is_there_twice(adata):
    adata.obs = pd.concat([adata.obs, adata.obs[["Age", "Replicate"]]], axis=1)
    with pytest.raises(ValueError, match="obs has 2 columns named 'Age'; rename or drop all but one"):
        design(adata)
    adata.obs = adata.obs.iloc[:, 1:]
    with pytest.raises(ValueError, match="obs has 2 columns named 'Replicate'"):
        design(adata, sample_key="Replicate")


@pytest.mark.parametrize("values", [np.nan, None])
def test_columns_without_a_value(adata, values):
    adata.obs["nothing"] = pd.Categorical([None] * 600) if values is None else values
    with pytest.raises(ValueError, match=r"obs\['nothing'\] \(`sample_key`\) is missing for all cells"):
        design(adata, sample_key="nothing")
