"""Runs as the page shows them."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._report.run import EVERYWHERE, ReportedRun


@pytest.fixture
def adata() -> AnnData:
    data = AnnData(np.zeros((3, 2)), var=pd.DataFrame({"symbol": ["A", "B"]}, index=["g0", "g1"]))
    data.obsm["X_pca"] = np.zeros((3, 2))
    return data


def reported(adata: AnnData, *, run_id: int = 0, basis: str | None = None, symbols: str | None = None) -> ReportedRun:
    from kompot_scverse._runs.find import find_view

    return ReportedRun(adata, find_view(adata, run_id=run_id), basis, None, symbols, 10)


def test_a_run_whose_values_are_there_has_no_status(adata: AnnData) -> None:
    add_run(adata, var={"mean_lfc": np.zeros(2)})
    run = reported(adata)
    assert (run.status, run.name, run.title) == ("", "run-0", "Expression: Young → Old")
    assert run.chosen == {"run_id": 0, "mod": None}
    assert not run.replicates


def test_what_has_become_of_a_run(adata: AnnData) -> None:
    add_run(adata, var={"mean_lfc": np.zeros(2)})
    add_run(adata, var={"mean_lfc": np.ones(2)})
    assert reported(adata).status == "overwritten by run 1"
    del adata.var["k_mean_lfc"]
    assert reported(adata).status == "its fields are gone"
    add_run(adata, key_added="other", obsm={"basis": np.zeros((3, 1))})
    assert reported(adata, run_id=2).status == "nothing to show"


def test_the_embedding_is_the_one_asked_for_else_a_picture_else_the_representation(adata: AnnData) -> None:
    add_run(adata, params={"use_rep": "X_pca"}, var={"mean_lfc": np.zeros(2)})
    assert reported(adata).embedding == "X_pca"
    adata.obsm["X_tsne"] = np.zeros((3, 2))
    assert reported(adata).embedding == "X_tsne"
    assert reported(adata, basis="X_pca").embedding == "X_pca"


def test_genes_are_shown_by_their_symbols_where_there_are_any(adata: AnnData) -> None:
    add_run(adata, var={"mean_lfc": np.zeros(2)})
    assert reported(adata).symbols() == {"g0": "g0", "g1": "g1"}
    named = reported(adata, symbols="symbol")
    assert named.symbols() == {"g0": "A", "g1": "B"}
    assert named.symbol_options == {"gene_symbols": "symbol"}
    assert reported(adata, symbols="absent").symbol_options == {}


def test_the_region_of_all_cells_is_everywhere(adata: AnnData) -> None:
    add_run(
        adata, var={"mean_lfc": np.zeros(2)}, obsm={"neighborhoods": np.full((3, 2), 0.5)},
        diagnostics={"neighborhood_tree": [[0, 1]]},
    )  # fmt: skip
    regions = pd.Series([0, 2, pd.NA], dtype="Int64")
    found = reported(adata).told(pd.Series(["B, 80 %", "T, 40 %", ""]), regions)
    assert found.to_list() == ["B, 80 %", EVERYWHERE, ""]
