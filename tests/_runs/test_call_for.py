"""The call that a message names, against what the tools' signatures and settings take."""

import inspect
import re

import pytest

import kompot_scverse as kp
from kompot_scverse._runs.call_for import ADDED_BY, NEEDS, call_for


@pytest.mark.parametrize(
    ("analysis", "statistic", "call"),
    [
        ("de", "mean_lfc", "kp.tl.de(...)"),
        ("de", "qvalue", 'kp.tl.de(..., sample_key="<obs column>")'),
        ("de", "group_lfsr", 'kp.tl.de(..., cell_groups="<obs column>")'),
        ("de", "program", "kp.tl.programs(...)"),
        ("da", "region", "kp.tl.regions(...)"),
        ("de", "region", 'kp.tl.de(..., sample_key="<obs column>")'),
    ],
)
def test_the_call_that_writes_a_statistic(analysis: str, statistic: str, call: str) -> None:
    assert call_for(analysis, statistic) == call


def test_calls_that_are_named_exist() -> None:
    arguments = set(inspect.signature(kp.tl.de).parameters)
    assert {argument.partition("=")[0] for argument in NEEDS} <= arguments
    assert all(callable(getattr(kp.tl, tool)) for tool in ADDED_BY)
    for argument in NEEDS:
        for name in re.findall(r"\((\w+)=", argument):
            assert name in inspect.signature(kp.TestSettings).parameters
