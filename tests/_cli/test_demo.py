"""The command line: the demo on simulated and own data, and its errors."""

import re
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from kompot_scverse import __version__
from kompot_scverse._cli import app
from kompot_scverse.datasets import simulate
from kompot_scverse.tl import restore_layers


def demo(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["demo", *map(str, arguments)])


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Counts in X, without representation or layers, as they come from a public repository."""
    adata = simulate(400, 60, samples={"Young": 2, "Old": 2}, density=0.5, rng=1)
    path = tmp_path_factory.mktemp("raw") / "raw.h5ad"
    ad.AnnData(adata.X, obs=adata.obs[["Age", "Replicate"]], var=adata.var[[]]).write_h5ad(path)
    return path


FIGURES = {"volcano_de", "volcano_da", "embedding", "expression", "diagnostics_de", "diagnostics_da"}
"""Those that need no categories."""
DESIGN = ("--groupby", "Age", "--reference", "Young", "--groups", "Old")


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.strip() == __version__


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    return demo("--n-obs", 500, "--n-vars", 80, "--output", folder), folder


def test_the_simulated_study_is_analysed_and_written(simulated: tuple[Result, Path]) -> None:
    result, folder = simulated
    assert result.exit_code == 0, result.output
    for text in ("with replicates", "cells up", "(FDP)", "(recall)", "sample-outlier", "Mid: ", "top genes"):
        assert text in result.stdout
    written = ad.read_h5ad(folder / "simulated.h5ad")
    for name in ("mahalanobis", "mahalanobis_sample_var", "is_de_sample_var"):
        assert f"kompot_de_Young_to_Old_{name}" in written.var
    assert "kompot_da_Young_to_Old_lfc_direction_sample_var" in written.obs
    assert "kompot_de_Young_to_Old_fold_change" not in written.layers
    restore_layers(written)
    assert "kompot_de_Young_to_Old_fold_change" in written.layers
    figures = {file.stem for file in (folder / "figures").glob("*.png")}
    assert figures == {*FIGURES, "heatmap", "dotplot", "direction_barplot", "multi_volcano_da", "replicates"}


def test_printed_counts_are_those_written(simulated: tuple[Result, Path]) -> None:
    result, folder = simulated
    written = ad.read_h5ad(folder / "simulated.h5ad")
    compared = written.obs[written.obs["Age"] != "Mid"]
    for direction in ("up", "down"):
        line = next(line for line in result.stdout.splitlines() if line.startswith(f"  cells {direction}"))
        printed = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) of", line)]
        columns = [f"kompot_da_Young_to_Old_lfc_direction{suffix}" for suffix in ("", "_sample_var")]
        assert printed == [(compared[column] == direction).sum() for column in columns]
    recall = re.search(r"\(recall\) +[\d.]+ \((\d+) of (\d+)\)", result.stdout)
    assert recall is not None
    found = (written.var["kompot_de_Young_to_Old_is_de"] & written.var["is_de"]).sum()
    assert [int(number) for number in recall.groups()] == [found, written.var["is_de"].sum()]


def test_own_data(raw: Path, tmp_path: Path) -> None:
    result = demo("--input", raw, *DESIGN, "--sample-key", "Replicate", "--output", tmp_path)
    assert result.exit_code == 0, result.output
    assert "looks like raw counts" in result.stdout
    assert "PCA computed" in result.stdout
    assert "truth" not in result.stdout
    written = ad.read_h5ad(tmp_path / "raw_kompot.h5ad")
    before = ad.read_h5ad(raw)
    assert (written.X != before.X).nnz == 0
    np.testing.assert_allclose(np.expm1(written.layers["kompot_lognorm"].toarray()).sum(axis=1), 1e4, rtol=1e-3)
    assert written.var["kompot_de_Young_to_Old_mahalanobis_sample_var"].notna().all()


def test_own_data_without_replicates(tmp_path: Path) -> None:
    adata = simulate(400, 60, samples={"Young": 1, "Old": 1}, density=0.5, rng=1)
    adata.write_h5ad(tmp_path / "own.h5ad")
    arguments = ["--layer", "logged_counts", "--use-rep", "DM_EigenVectors", "--layers", "--output", tmp_path]
    result = demo("--input", tmp_path / "own.h5ad", *DESIGN, *arguments)
    assert result.exit_code == 0, result.output
    assert "No --sample-key" in result.stdout
    assert "raw counts" not in result.stdout
    written = ad.read_h5ad(tmp_path / "own_kompot.h5ad")
    assert "kompot_lognorm" not in written.layers
    assert "kompot_de_Young_to_Old_fold_change" in written.layers
    assert {file.stem for file in (tmp_path / "figures").glob("*.png")} == FIGURES
    assert not written.var.columns.str.endswith("_sample_var").any()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--groupby", "age", "--reference", "Young", "--groups", "Old"), "'Age'"),
        (("--groupby", "Age", "--reference", "Yung", "--groups", "Old"), "'Young'"),
        ((*DESIGN, "--sample-key", "replicate"), "'Replicate'"),
        ((*DESIGN, "--use-rep", "X_umap"), "X_umap"),
        ((*DESIGN, "--layer", "logged"), "logged"),
        ((*DESIGN, "--cell-groups", "celltipe"), "'Age'"),
    ],
)
def test_errors_name_what_exists_and_write_nothing(
    raw: Path, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    result = demo("--input", raw, *arguments, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert expected in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_not_an_h5ad(tmp_path: Path) -> None:
    (tmp_path / "text.h5ad").write_text("not hdf5")
    result = demo("--input", tmp_path / "text.h5ad", *DESIGN, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "Error" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--groupby", "Age"), ("--input", "RAW", "--groupby", "Age"), ("--input", "absent.h5ad", *DESIGN)],
    ids=["design without input", "input without design", "no such file"],
)
def test_wrong_usage_ends_with_code_2(raw: Path, arguments: tuple[str, ...]) -> None:
    result = demo(*(raw if argument == "RAW" else argument for argument in arguments))
    assert result.exit_code == 2
