"""The commands on MuData files."""

from pathlib import Path

import mudata as md
import numpy as np
import pandas as pd
import pytest
from mudata import MuData
from typer.testing import CliRunner, Result

import kompot_scverse as kp
from kompot_scverse._cli import app


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def mdata() -> MuData:
    """Two modalities of the same cells; conditions and states in the first."""
    adata = kp.datasets.simulate(600, 40, rng=0)
    adata.X = adata.layers.pop("logged_counts")
    other = adata[:, 30:].copy()
    for key in list(other.obsm):
        del other.obsm[key]
    other.obs = other.obs[[]]
    mdata = MuData({"rna": adata[:, :30].copy(), "prot": other})
    mdata.obs["Age"] = mdata["rna"].obs["Age"]
    return mdata


@pytest.fixture(scope="module")
def source(mdata: MuData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "source.h5mu"
    mdata.write_h5mu(path)
    return path


DESIGN = ("--groupby", "Age", "--reference", "Young", "--groups", "Old")


def test_de_of_one_modality(source: Path, mdata: MuData, tmp_path: Path) -> None:
    output, table = tmp_path / "out.h5mu", tmp_path / "genes.csv"
    result = call(
        "de", source, *DESIGN, "--mod", "prot", "--use-rep", "rna:DM_EigenVectors", "-o", output, "--table", table
    )
    assert result.exit_code == 0, result.output
    own = mdata.copy()
    kp.tl.de(own, "Age", reference="Young", groups="Old", mod="prot", use_rep="rna:DM_EigenVectors")
    written = md.read_h5mu(output)
    key = "kompot_de_Young_to_Old_mahalanobis"
    np.testing.assert_allclose(written["prot"].var[key], own["prot"].var[key], rtol=1e-5)
    assert key not in written["rna"].var
    read = pd.read_csv(table, index_col=0)
    np.testing.assert_allclose(read.loc[own["prot"].var_names, "mahalanobis"], own["prot"].var[key], rtol=1e-5)
    assert "de" in call("runs", output).stdout


def test_de_of_all_modalities(source: Path, tmp_path: Path) -> None:
    table = tmp_path / "genes.csv"
    result = call("de", source, *DESIGN, "--table", table)
    assert result.exit_code == 0, result.output
    read = pd.read_csv(table)
    assert read.groupby("mod").size().to_dict() == {"prot": 10, "rna": 30}


def test_plan_and_errors(source: Path, tmp_path: Path) -> None:
    result = call("plan", source, *DESIGN, "--mod", "rna")
    assert result.exit_code == 0, result.output
    assert "mahalanobis" in result.stdout
    result = call("de", source, *DESIGN, "--mod", "protein", "-o", tmp_path / "out.h5mu")
    assert result.exit_code == 1
    assert "'prot'" in result.stderr
    result = call("de", source, *DESIGN, "-o", tmp_path / "out.h5ad")
    assert result.exit_code == 2
    assert "a MuData" in " ".join(result.stderr.split())
    assert not any(tmp_path.iterdir())
