"""The commands on files: the same results as the functions, exit codes, and files that are whole or untouched."""

import json
import logging
import os
import re
import warnings
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from typer.testing import CliRunner, Result

import kompot_scverse as kp
from kompot_scverse._cli import app

DESIGN = ("--groupby", "Age", "--reference", "Young")
DE = (*DESIGN, "--layer", "logged_counts")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 cells × 40 genes; not to be changed."""
    path = tmp_path_factory.mktemp("source") / "source.h5ad"
    kp.datasets.simulate(600, 40, rng=0).write_h5ad(path)
    return path


@pytest.fixture
def adata(source: Path) -> AnnData:
    return ad.read_h5ad(source)


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_de_writes_data_and_a_table(source: Path, adata: AnnData, tmp_path: Path) -> None:
    output, table = tmp_path / "out.h5ad", tmp_path / "out.csv"
    result = call(
        "de",
        source,
        *DE,
        "--groups",
        "Old",
        "--sample-key",
        "Replicate",
        "--rng",
        3,
        "--output",
        output,
        "--table",
        table,
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "Young to Old" in result.stderr
    kp.tl.de(
        adata,
        "Age",
        reference="Young",
        groups="Old",
        sample_key="Replicate",
        layer="logged_counts",
        test=kp.TestSettings(rng=3),
    )
    written = ad.read_h5ad(output)
    pd.testing.assert_frame_equal(written.var, adata.var, rtol=1e-5)
    expected = kp.get.de_df(adata)
    read = pd.read_csv(table, index_col=0, dtype={"region": "Int64", "region_cells": "Int64"})
    assert read.index.name == "gene"
    assert (read.pop("group") == "Old").all()
    pd.testing.assert_frame_equal(read, expected, check_names=False, rtol=1e-5)
    assert listing(tmp_path) == ["out.csv", "out.h5ad"]


def test_da_of_several_groups_and_parquet_or_tsv(source: Path, adata: AnnData, tmp_path: Path) -> None:
    table = tmp_path / "out.tsv"
    result = call("da", source, *DESIGN, "--groups", "Old", "--groups", "Mid", "--table", table)
    assert result.exit_code == 0, result.output
    kp.tl.da(adata, "Age", reference="Young", groups=["Old", "Mid"])
    read = pd.read_csv(table, sep="\t", index_col=0)
    for number, group in enumerate(["Old", "Mid"]):
        found = read[read["group"] == group]["lfc"]
        expected = kp.get.da_df(adata, run_id=number, sort=False)["lfc"]
        np.testing.assert_allclose(found.loc[expected.index], expected, rtol=1e-6)
    assert listing(tmp_path) == ["out.tsv"]


def test_a_table_may_be_parquet(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    result = call("da", source, *DESIGN, "--groups", "Old", "--table", tmp_path / "out.parquet")
    assert result.exit_code == 0, result.output
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 600


def test_smooth_and_runs(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.zarr"
    result = call(
        "smooth", source, "--groupby", "Age", "--group", "Old", "--layer", "logged_counts", "--genes", "Gene0001",
        "--genes", "Gene0003", "--output", output,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    written = ad.read_zarr(output)
    assert "kompot_smooth_Old_imputed" not in written.layers
    kp.tl.restore_layers(written)
    assert np.isfinite(written.layers["kompot_smooth_Old_imputed"].compute()).all(axis=0).sum() == 2
    table = json.loads(call("runs", output, "--format", "json").stdout)
    assert [(row["analysis"], row["group"]) for row in table] == [("smooth", "Old")]
    assert call("runs", output, "--format", "csv").stdout.startswith("run_id,analysis,")
    assert "smooth" in call("runs", output).stdout
    assert call("runs", source).stdout == "No runs.\n"


def test_the_report_is_written_as_a_page(source: Path, tmp_path: Path) -> None:
    output, page = tmp_path / "out.h5ad", tmp_path / "page.html"
    assert call("da", source, *DESIGN, "--groups", "Old", "--output", output).exit_code == 0
    done = call("report", output, "--output", page, "--title", "Old & young", "--cell-groups", "celltype")
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "<h1>Old &amp; young</h1>" in text
    assert str(tmp_path) not in text
    assert source.name not in text
    before = page.stat().st_mtime_ns
    assert "--overwrite" in call("report", output, "--output", page).output
    assert page.stat().st_mtime_ns == before
    assert call("report", output, "--output", page, "--overwrite", "--run-id", 0).exit_code == 0
    assert "<h1>Old &amp; young</h1>" not in page.read_text()
    assert ".html" in call("report", output, "--output", tmp_path / "page.pdf").output
    empty = call("report", source, "--output", tmp_path / "other.html")
    assert (empty.exit_code, listing(tmp_path)) == (1, ["out.h5ad", "page.html"])
    assert "kp.tl.da" in empty.output


def test_the_plan_is_of_the_tool_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = call("plan", source, *DE, "--sample-key", "Replicate")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ResourcePlan")
    assert "kompot_de_Young_to_Old_mahalanobis" in result.stdout
    assert "kompot_da_Young_to_Old_lfc" in call("plan", source, *DESIGN, "--tool", "da").stdout
    result = call("plan", source, *DE, "--tool", "da")
    assert result.exit_code == 2
    assert "--layer" in result.stderr
    monkeypatch.setattr("kompot_scverse._plan.resource_plan.available_memory", lambda: 1000.0)
    result = call("plan", source, *DE)
    assert result.exit_code == 3
    assert "not feasible" in result.stdout


def test_arguments_and_settings_may_come_from_a_file(source: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "groupby: Age\nreference: Young\ngroups: [Old]\nlayer: logged_counts\nkey_added: mine\n"
        "gp: {amplitude: 1, sigma: 5e-1, n_landmarks: 50, rtol: 1e-4}\ntest: {null_genes: 1e2}\n"
    )
    output = tmp_path / "out.h5ad"
    given = ("--key-added", "given", "--n-landmarks", 5, "--ls-factor", 20)
    result = call("de", source, "--config", config, *given, "--output", output)
    assert result.exit_code == 0, result.output
    written = ad.read_h5ad(output)
    assert "given_Young_to_Old_mahalanobis" in written.var
    assert [key for key in written.layers if key is not None] == ["logged_counts"]
    run = json.loads(written.uns["kompot"]["runs"]["0"])
    assert run["params"]["sigma"] == 0.5
    assert run["params"]["rank"] == 5
    assert run["params"]["ls_factor"] == 20
    assert run["params"]["null_genes"] == 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("groupbi: Age", "no setting 'groupbi'; existing: 'groupby'"),
        ("gp: {sigmas: 1}", "gp: no setting 'sigmas'; existing: 'sigma'"),
        ("test: {threshold: 7}", "test: `threshold` must be"),
        ("gp: {sigma: high}", "gp:"),
        ("thresholds: {lfc: 1}", "no setting 'thresholds'"),
        ("overwrite: true", "no setting 'overwrite'"),
        ("gp: 3", "gp must hold"),
        ("use_rep: [x]", "use_rep must be a text, or null, not ['x']"),
        ("paired: no", "paired must be true or false, not 'no'"),
        ("groupby: " + "[" * 1000, "too deep"),
        ("- Age", "must hold"),
        ("a: b: c", "is not YAML"),
    ],
)
def test_wrong_config(source: Path, tmp_path: Path, text: str, expected: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    result = call("de", source, *DE, "--config", config, "--output", tmp_path / "out.h5ad")
    assert result.exit_code == 2
    assert expected in plain(result)
    assert listing(tmp_path) == ["config.yaml"]


def plain(result: Result) -> str:
    """Standard error without the frame and line breaks that typer puts around usage errors."""
    return " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("de", "SOURCE", *DE), "--output or --table"),
        (("smooth", "SOURCE"), "pass --output."),
        (("de", "SOURCE", "--reference", "Young", "--output", "TMP/a.h5ad"), "--groupby is needed"),
        (("de", "SOURCE", *DE, "--output", "SOURCE"), "pass --overwrite"),
        (("de", "SOURCE", *DE, "--output", "TMP/a.h5mu"), "an AnnData"),
        (("de", "SOURCE", *DE, "--output", "TMP/a.txt"), "must end in"),
        (("de", "SOURCE", *DE, "--table", "TMP/a.xlsx"), "must end in"),
        (("de", "SOURCE", *DE, "--output", "TMP/no/a.h5ad"), "there is no folder"),
        (("de", "absent.h5ad", *DE, "--output", "TMP/a.h5ad"), "does not exist"),
        (("da", "SOURCE", *DESIGN, "--normalize", "mas", "--output", "TMP/a.h5ad"), "mas"),
        (("de", "SOURCE", *DE, "--threads", 0, "--output", "TMP/a.h5ad"), "--threads"),
        (("runs", "SOURCE", "--format", "xml"), "xml"),
    ],
)
def test_wrong_usage_ends_with_code_2_and_leaves_nothing(
    source: Path, tmp_path: Path, arguments: tuple, expected: str
) -> None:
    before = source.read_bytes()
    result = call(*(str(part).replace("SOURCE", str(source)).replace("TMP", str(tmp_path)) for part in arguments))
    assert result.exit_code == 2
    assert expected in plain(result)
    assert not any(tmp_path.iterdir())
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--groupby", "age", "--reference", "Young"), "'Age'"),
        (("--groupby", "Age", "--reference", "Yong"), "'Young'"),
        ((*DESIGN, "--layer", "logged"), "'logged_counts'"),
        ((*DE, "--genes", "Gene1"), "'Gene0001'"),
        ((*DE, "--use-rep", "X_nothing"), "X_nothing"),
    ],
)
def test_errors_of_the_analysis(source: Path, tmp_path: Path, arguments: tuple, expected: str) -> None:
    result = call("de", source, *arguments, "--output", tmp_path / "out.h5ad")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert expected in result.stderr
    assert "Traceback" not in result.output
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["folder.zarr", "file.zarr", "loop.h5ad", "long" * 80 + ".h5ad", "absent.zarr"])
def test_input_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.zarr").mkdir()
    (tmp_path / "file.zarr").write_text("no folder")
    (tmp_path / "loop.h5ad").symlink_to(tmp_path / "loop.h5ad")
    for arguments in (("runs",), ("da", *DESIGN, "--output", tmp_path / "out.zarr")):
        result = call(arguments[0], tmp_path / name, *arguments[1:])
        assert result.exit_code in (1, 2)
        # long paths are broken over the lines of a panel
        assert name[:6] in re.sub(r"[│\s]+", "", plain(result))
        assert isinstance(result.exception, SystemExit)
    assert not (tmp_path / "out.zarr").exists()


def test_layers_are_written_on_request(source: Path, tmp_path: Path) -> None:
    """What is not written can be restored."""
    written = {}
    for name, options in {"without": (), "with": ("--layers", "lazy")}.items():
        path = tmp_path / f"{name}.h5ad"
        more = ("--sample-key", "Replicate", "--null-genes", 0, *options)
        assert call("de", source, *DE, "--groups", "Old", *more, "--output", path).exit_code == 0
        written[name] = ad.read_h5ad(path)
    layers = {key for key in written["with"].layers if key is not None}
    assert len(layers) == 9
    assert {key for key in written["without"].layers if key is not None} == {"logged_counts"}
    kp.tl.restore_layers(written["without"])
    for key in layers:
        np.testing.assert_allclose(
            to_dense(written["without"].layers[key]), to_dense(written["with"].layers[key]), rtol=1e-4, atol=1e-5
        )


def to_dense(values: Any) -> np.ndarray:
    values = values.compute() if hasattr(values, "compute") else values
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)


def test_not_an_h5ad(tmp_path: Path) -> None:
    (tmp_path / "text.h5ad").write_text("not hdf5")
    result = call("de", tmp_path / "text.h5ad", *DE, "--output", tmp_path / "out.h5ad")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert listing(tmp_path) == ["text.h5ad"]


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_in_place(adata: AnnData, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    small = AnnData(obs=adata.obs[["Age"]], obsm={"X_pca": adata.obsm["DM_EigenVectors"]})
    getattr(small, f"write_{suffix}")(path)
    arguments = ("da", path, *DESIGN, "--output", path)
    assert call(*arguments).exit_code == 2
    for _ in range(2):  # the second time, fields are replaced as well
        result = call(*arguments, "--overwrite")
        assert result.exit_code == 0, result.output
        assert "Warning" not in result.stderr
    written = getattr(ad, f"read_{suffix}")(path)
    assert len(kp.get.runs(written)) == 4
    assert listing(tmp_path) == [path.name]


def test_existing_fields_are_worth_a_warning(source: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.h5ad"
    assert call("da", source, *DESIGN, "--output", first).exit_code == 0
    for others, warns in (((), False), (("--ls-factor", "5"), True)):
        result = call("da", first, *DESIGN, *others, "--output", tmp_path / f"{warns}.h5ad")
        assert result.exit_code == 0
        assert ("Warning: Overwriting" in result.stderr) == warns


def test_threads_and_traces(source: Path, adata: AnnData, tmp_path: Path) -> None:
    """One thread gives the same numbers; log level, handlers, warnings and environment are as before."""
    logger = logging.getLogger("kompot_scverse")

    def state() -> tuple:
        return logger.level, list(logger.handlers), warnings.showwarning, list(warnings.filters), dict(os.environ)

    before = state()
    result = call("de", source, *DE, "--groups", "Old", "--threads", 1, "--table", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    assert state() == before
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    read = pd.read_csv(tmp_path / "out.csv", index_col=0)["mahalanobis"]
    np.testing.assert_allclose(read, kp.get.de_df(adata)["mahalanobis"].loc[read.index], rtol=1e-5)


def test_options_are_those_of_the_functions() -> None:
    """Every argument of a function is an option, and settings are by their fields."""
    import inspect

    for name in ("de", "da", "smooth"):
        shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, [name, "--help"]).stdout
        for argument, parameter in inspect.signature(getattr(kp.tl, name)).parameters.items():
            if argument == "test" and name != "smooth":
                continue  # what a design tests; the settings of that name are by their fields
            elsewhere = argument == "data" or "Settings" in str(parameter.annotation)
            assert (f"--{argument.replace('_', '-')} " in shown) != elsewhere, (name, argument)
        assert "--ls-factor " in shown
