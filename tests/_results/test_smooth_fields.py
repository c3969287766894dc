"""Planned fields of a smoothing."""

import pytest

from kompot_scverse._results.smooth_fields import plan_fields


@pytest.mark.parametrize("estimated", [False, True])
@pytest.mark.parametrize("layers", [False, True])
def test_layers_can_be_rebuilt_from_the_fields(estimated: bool, layers: bool) -> None:
    fields = plan_fields("K", "Old", estimated=estimated, layers=layers)
    places = [(field.slot, field.statistic) for field in fields]
    assert len({(field.slot, field.key) for field in fields}) == len(fields)
    assert {("obsm", "basis"), ("varm", "group_weights")} <= set(places)
    # the standard deviation is of each gene where the variances are estimated, else the same for all
    assert (("obs", "group_std") in places) != estimated
    assert (("obsm", "group_variances") in places) == estimated
    assert [one for slot, one in places if slot == "layers"] == (
        ["group_std"] * estimated + ["group_imputed"] if layers else []
    )
