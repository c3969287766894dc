"""What has become of the fields of a run."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._runs.field_table import field_table

GENES = {"mean_lfc": np.arange(3.0), "qvalue": np.full(3, 0.5)}


@pytest.fixture
def adata() -> AnnData:
    return AnnData(np.zeros((4, 3)))


def status(view) -> dict[str, str]:
    return field_table(view.data, view.run).set_index("statistic")["status"].to_dict()


def test_present_missing_and_overwritten(adata: AnnData) -> None:
    view = add_run(adata, var=GENES, obsm={"basis": np.ones((4, 2))})
    assert set(status(view).values()) == {"present"}
    # the second has the same values of one of them
    add_run(adata, var={"mean_lfc": np.zeros(3), "qvalue": GENES["qvalue"]})
    del adata.obsm["k_basis"]
    assert status(view) == {"mean_lfc": "overwritten by run 1", "qvalue": "present", "basis": "missing"}
    assert list(field_table(view.data, view.run)) == ["slot", "key", "statistic", "description", "status"]


def test_a_run_on_some_genes_overwrites_those(adata: AnnData) -> None:
    view = add_run(adata, var=GENES, obsm={"basis": np.ones((4, 2))})
    add_run(
        adata, params={"updated_run": 0}, summary={"n_genes": 1, "n_genes_in_qvalue": 3},
        var={"mean_lfc": np.array([9.0, 1.0, 2.0]), "qvalue": np.full(3, 0.25)}, obsm={"basis": np.full((4, 2), 2.0)},
    )  # fmt: skip
    assert status(view) == {
        "mean_lfc": "overwritten by run 1 for 1 genes",
        "qvalue": "overwritten by run 1, adjusted over 3 genes",
        "basis": "present",
    }
