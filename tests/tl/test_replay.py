"""The sums of a run, collected again, give its test again."""

import numpy as np
import pytest

import kompot_scverse as kp
from kompot_scverse._runs.find import find_view
from kompot_scverse._stats.gene_testing import gene_test
from kompot_scverse.tl._replay import replay


@pytest.fixture(scope="module")
def analysed(simulated):
    adata = simulated.copy()
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    return adata


def test_p_values_are_those_of_the_run(analysed):
    view, numbers = find_view(analysed), np.array([7, 3, 40])
    again = replay(view, numbers)
    np.testing.assert_array_equal(again.numbers[again.chosen], numbers)
    every = np.ones(len(again.samples), dtype=bool)
    parts = again.parts.of(every)
    found = gene_test(parts, again.nodes, again.contrast.matrix, reference=again.reference)
    np.testing.assert_allclose(found.pvalue[again.chosen], view.numbers("pvalue")[numbers], rtol=1e-6)


def test_samples_are_named_and_are_donors_where_nothing_is_paired(analysed):
    again = replay(find_view(analysed), np.array([0]))
    assert sorted(again.samples) == ["Old_1", "Old_2", "Old_3", "Young_1", "Young_2", "Young_3"]
    np.testing.assert_array_equal(again.donors, np.arange(6))


def test_runs_whose_call_is_not_known_in_full(analysed):
    mask = np.ones(600, dtype=bool)
    other = analysed.copy()
    kp.tl.de(
        other, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate", mask_obs=mask,
        genes=["Gene0001"], key_added="masked",
    )  # fmt: skip
    with pytest.raises(LookupError, match="`mask_obs` of this run was a boolean mask"):
        replay(find_view(other, key_added="masked"), np.array([0]))
