"""What abundance is compared, and what it cannot be."""

import pytest

import kompot_scverse as kp
from kompot_scverse.tl._da_prepare import DARequest, sizes


def request(**given) -> DARequest:
    defaults = {
        "groupby": "Age", "reference": "Young", "groups": None, "sample_key": None, "paired": False, "covariates": None,
        "mask_obs": None, "mod": None, "use_rep": None, "key_added": "k", "method": "ratio", "normalize": None,
        "gp": kp.GPSettings(), "test": kp.TestSettings(),
    }  # fmt: skip
    return DARequest(**(defaults | given))


def test_thresholds_are_those_of_the_tool():
    pooled, tested = request(), request(sample_key="donor")
    assert pooled.test == kp.TestSettings().of_da("ratio", replicates=False)
    assert tested.test == kp.TestSettings().of_da("ratio", replicates=True)
    assert request(test=kp.TestSettings(min_lfc=0.7)).test.min_lfc == 0.7


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"normalize": "mass"}, "belongs to method='density'"),
        ({"groupby": kp.Design("~ age", test="age"), "method": "density", "reference": None}, "knows no formulas"),
        ({"test": kp.TestSettings(null_genes=3)}, "has no meaning in kp.tl.da"),
    ],
)
def test_requests_that_contradict_themselves(given, match):
    with pytest.raises(ValueError, match=match):
        request(**given)


def test_only_the_ratio_has_a_rough_process(taken):
    job = taken("da").job
    assert sizes(job.task, job.request)["n_rough"] > 0
    assert sizes(job.task, request(method="density")) == {"n_rough": 0, "all_neighbors": True}
