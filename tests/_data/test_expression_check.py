"""What does not look like log-normalised expression is said once, wherever it is; logs of any base give natural ones."""

import anndata as ad
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._data.resolve import expression

CALL = {"groupby": "Age", "reference": "Young", "groups": "Old"}
K = "kompot_de_Young_to_Old"


@pytest.fixture(scope="module")
def small() -> AnnData:
    adata = kp.datasets.simulate(240, 20, rng=0)
    adata.layers["dense"] = adata.layers["logged_counts"].toarray()
    return adata


def _odd(y: np.ndarray, kind: str) -> np.ndarray:
    if kind == "counts":
        return np.rint(np.expm1(y))
    if kind == "half counts":
        y = y.copy()
        y[120:] = np.rint(np.expm1(y[120:]))
        return y
    if kind == "scaled":
        return (y - y.mean(axis=0)) / np.maximum(y.std(axis=0), 1e-6)
    return {"not logged": np.expm1, "twice": np.log1p}[kind](y)


KINDS = {
    "counts": r"X holds whole numbers, which look like counts \(\d+ of 240 cells looked at\).*sc.pp.log1p",
    "half counts": r"X holds whole numbers, which look like counts \(1[12]\d of 240 cells",
    "scaled": r"X holds negative values down to -[\d.]+ \(240 of 240 cells looked at\) around 0, as `sc.pp.scale` leaves",
    "not logged": r"X holds normalised counts without a logarithm.*run `sc.pp.log1p`",
    "twice": r"X holds logs of logs.*only once",
}
CONTAINERS = {
    "dense": np.asarray,
    "csc": sp.csc_matrix,
    "dask": lambda y: da.from_array(y, chunks=(50, 7)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("container", [*CONTAINERS, "backed"])
def test_one_warning_says_what_was_seen(small: AnnData, tmp_path, kind: str, container: str) -> None:
    y = _odd(small.layers["dense"], kind)
    if container == "backed":
        AnnData(sp.csr_matrix(y)).write_h5ad(tmp_path / "x.h5ad")
        adata = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    else:
        adata = AnnData(CONTAINERS[container](y))
    with pytest.warns(UserWarning, match=KINDS[kind]) as caught:
        expression(adata, None)
    assert len(caught) == 1
    if container == "backed":
        adata.file.close()


@pytest.mark.parametrize("container", [np.asarray, lambda y: da.from_array(y, chunks=(900, 20))])
def test_counts_behind_the_first_rows(small: AnnData, container) -> None:
    y = np.tile(small.layers["dense"], (40, 1))
    y[5000:] = np.rint(np.expm1(y[5000:]))
    with pytest.warns(UserWarning, match=r"counts \(\d+ of 1,000 cells"):
        expression(AnnData(container(y)), None)


def test_cells_that_take_no_part_do_not_count(small: AnnData) -> None:
    y = _odd(small.layers["dense"], "half counts")
    expression(AnnData(y), None, np.arange(240) < 120)


@pytest.mark.parametrize("sample_key", [None, "Replicate"])
def test_logs_to_base_two_give_natural_ones(small: AnnData, sample_key: str | None) -> None:
    natural, two = small.copy(), small.copy()
    two.layers["dense"] = (two.layers["dense"] / np.log(2)).astype("f4")
    two.uns["log1p"] = {"base": 2}
    for adata in (natural, two):
        fdr = kp.TestSettings(null_genes=40)
        kp.tl.de(adata, **CALL, layer="dense", sample_key=sample_key, cell_groups="celltype", test=fdr)
        kp.tl.smooth(adata, layer="dense")
        kp.tl.rank_genes_groups(adata)
    assert [kp.RunInfo(adata).params["log_base"] for adata in (natural, two)] == [np.e, 2]
    assert kp.RunInfo(two, analysis="smooth").params["log_base"] == 2
    for slot in ("var", "varm", "layers"):
        for key in (key for key in getattr(natural, slot) if key and key.startswith("kompot")):
            found, expected = (np.asarray(getattr(data, slot)[key], dtype=float) for data in (two, natural))
            np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4, err_msg=key)
    table, expected = (adata.uns["kompot_rank_genes_groups"]["logfoldchanges"]["Old"] for adata in (two, natural))
    np.testing.assert_allclose(table, expected, rtol=1e-3, atol=1e-5)
    lfc = pd.Series(natural.var[f"{K}_mean_lfc"])
    np.testing.assert_allclose(np.sort(expected), np.sort(lfc.dropna() / np.log(2)), rtol=1e-4, atol=1e-6)


def test_the_record_is_of_one_matrix_only(small: AnnData, caplog) -> None:
    """Scanpy keeps one base, whichever matrix it transformed."""
    adata = small.copy()
    adata.layers["two"] = adata.layers["dense"] / np.log(2)
    for recorded in ({"base": 2}, {"base": None}, {}, None):
        adata.uns["log1p"] = recorded
        assert expression(adata, "dense").base == np.e
        with caplog.at_level("INFO", "kompot_scverse"):
            assert expression(adata, "two").base == 2
    assert "logs to the base 2, not 2.718" in caplog.text
    np.testing.assert_allclose(expression(adata, "two").read(slice(0, 9)), adata.layers["dense"][:9], rtol=1e-5)
    # what is no log of counts is what is recorded
    adata.layers["smooth"] = np.random.default_rng(0).random((240, 20))
    adata.uns["log1p"] = {"base": np.float64(3)}
    assert expression(adata, "smooth").base == 3


@pytest.mark.parametrize("base", ["x", 1, 0, -2, np.inf, [2, 3]])
def test_what_is_no_base(small: AnnData, unchanged, base: object) -> None:
    adata = small.copy()
    adata.uns["log1p"] = {"base": base}
    with unchanged(adata), pytest.raises(ValueError, match=r"uns\['log1p'\]\['base'\] is .*no base of a logarithm"):
        kp.tl.de(adata, **CALL, layer="dense")
