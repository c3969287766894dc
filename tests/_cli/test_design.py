"""Designs on the command line."""

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import kompot_scverse as kp
from kompot_scverse._cli import app
from kompot_scverse._cli.design import take_design
from kompot_scverse.design import Design


def test_the_options_are_the_design():
    options = {
        "design": "~ C(day) + sex", "tested": ["C(day)", "sex"], "block": "donor", "groupby": None, "layer": "x",
        "contrast": ["late=C(day)[T.7]:1,C(day)[T.3]:-1", "both=a[T.x]:b[T.y]:0.5,bs(day, df=3)[1]:2"],
    }  # fmt: skip
    expected = Design(
        "~ C(day) + sex", ["C(day)", "sex"], block="donor",
        contrasts={"late": {"C(day)[T.7]": 1, "C(day)[T.3]": -1}, "both": {"a[T.x]:b[T.y]": 0.5, "bs(day, df=3)[1]": 2}},
    )  # fmt: skip
    assert take_design(options) == expected
    assert options == {"groupby": None, "layer": "x"}
    assert take_design({"design": None, "tested": [], "groupby": "Age"}) is None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"tested": ["age"]}, "--test belongs to a design"),
        ({"design": "~ a", "tested": ["a"], "groupby": "Age"}, "--design and --groupby"),
        ({"design": "~ a"}, "does not say what is tested"),
        ({"design": "~ a", "contrast": ["late"]}, "name=coefficient:weight"),
        ({"design": "~ a", "contrast": ["late=a"]}, "name=coefficient:weight"),
    ],
)
def test_options_that_do_not_go_together(options, match):
    with pytest.raises(typer.BadParameter, match=match):
        take_design(options)


def test_a_design_from_the_command_line_and_from_a_file(tmp_path: Path):
    source, output, table = tmp_path / "in.h5ad", tmp_path / "out.h5ad", tmp_path / "out.csv"
    adata = kp.datasets.simulate(600, 40, rng=0)
    adata.write_h5ad(source)
    call = ["de", source, "--sample-key", "Replicate", "--layer", "logged_counts"]
    given = ["--design", "~ Age", "--test", "Age", "--output", output, "--table", table]
    result = CliRunner().invoke(app, [*map(str, [*call, *given])])
    assert result.exit_code == 0, result.output
    kp.tl.de(adata, kp.Design("~ Age", test="Age"), sample_key="Replicate", layer="logged_counts")
    written = ad.read_h5ad(output)
    np.testing.assert_allclose(written.var["kompot_de_Age_pvalue"], adata.var["kompot_de_Age_pvalue"], rtol=1e-6)
    assert {"Age", "Age_T.Mid", "Age_T.Old"} == set(
        np.unique(np.loadtxt(table, str, delimiter=",", skiprows=1, usecols=1))
    )
    config = tmp_path / "design.yaml"
    config.write_text("groupby:\n  formula: ~ Age\n  test: Age\n  blok: x\n")
    result = CliRunner().invoke(app, [*map(str, [*call, "--config", config, "--table", table, "--overwrite"])])
    assert result.exit_code == 2
    assert "blok" in result.output
