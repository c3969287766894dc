"""Every container of the data × every tool, get and plot: the numbers of dense float64."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

import kompot_scverse as kp

pytestmark = [
    pytest.mark.filterwarnings("ignore::anndata.ExperimentalFeatureWarning"),
    pytest.mark.filterwarnings("ignore:.*look like counts:UserWarning"),
]

GENES = ["Gene0005", "Gene0001", "Gene0003"]
"""Not in the order of the data."""
DESIGN: dict[str, Any] = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
STATISTICS = ("fold_change_zscore", "std_group", "lfc_zscore")


def expression_tools(data: Any, genes: Any = None) -> None:
    fdr = kp.TestSettings(null_genes=0, n_neighborhoods=12)
    kp.tl.de(data, "Age", **DESIGN, cell_groups="branch", test=fdr, genes=genes)
    kp.tl.smooth(data, "Age", group="Old", genes=genes)


def all_tools(data: Any) -> None:
    expression_tools(data)
    kp.tl.da(data, "Age", **DESIGN, mask_obs="some")
    kp.tl.rank_genes_groups(data)


GET: dict[str, Callable[[Any], Any]] = {
    "da_df": lambda data: kp.get.da_df(data, obs_columns=["branch", "pseudotime"], sort=False),
    "de_df": lambda data: kp.get.de_df(data, gene_symbols="symbol", sort=False),
    "runs": lambda data: kp.get.runs(data)[["analysis", "reference", "group"]],
    "layer": lambda data: np.hstack([
        *(kp.get.layer(data, name, genes=GENES, cells="some") for name in STATISTICS),
        kp.get.layer(data, "imputed", analysis="smooth", genes="chosen", cells=data.obs_names[[9, 2] * 100])[:200],
    ]),
    "sample_covariance": lambda data: kp.get.sample_covariance(data, GENES[0], cells=[5, 2]),
    "sample_distances": lambda data: kp.get.sample_distances(data),
}  # fmt: skip
READ: dict[str, Callable[[Any], Any]] = {
    "heatmap": lambda data: kp.pl.heatmap(data, "branch", genes=GENES, cluster=False),
    "heatmap of levels": lambda data: kp.pl.heatmap(
        data, "branch", genes=GENES, kind="fold_change", levels=("Age", "Young", "Mid"), cluster=False
    ),
    "dotplot": lambda data: kp.pl.dotplot(data, "branch", genes=GENES),
    "expression": lambda data: kp.pl.expression(data, GENES[1]),
    "replicates": lambda data: kp.pl.replicates(data, GENES[2], gene_symbols="symbol"),
    "pseudobulk": lambda data: kp.pl.pseudobulk(data, GENES[:2], cell_groups="branch"),
}
"""Plots that read the expression."""
OTHERS = {
    "programs",
    "gene_sets",
    "influence",
    "region_cells",
    "regions",
    "sample_test",
    "power",
    "fold_changes",
    "trend",
    "proportions",
    "gene_barplot",
}
"""Plots and tables of what other tools, several runs, designs or categories write."""
EXPRESSION = ("de_df", "layer", "sample_distances", *READ)
"""What depends on the expression."""
STORED: dict[str, Callable[[Any], Any]] = {
    "volcano_de": lambda data: kp.pl.volcano_de(data, labels=0, gene_symbols="symbol"),
    "volcano_de of a category": lambda data: kp.pl.volcano_de(data, labels=2, cell_group="Monocyte"),
    "volcano_da": lambda data: kp.pl.volcano_da(data, color="branch"),
    "multi_volcano_da": lambda data: kp.pl.multi_volcano_da(data, "branch"),
    "direction_barplot": lambda data: kp.pl.direction_barplot(data, "branch"),
    "embedding": lambda data: kp.pl.embedding(
        data, "umap", color=["lfc_zscore", "lfc_direction", GENES[0], "branch"], highlight={"some": True}
    ),
    "embedding of z": lambda data: kp.pl.embedding(data, "umap", color=GENES[0], value="zscore"),
    "diagnostics de": lambda data: kp.pl.diagnostics(data, analysis="de"),
    "beeswarm_da": lambda data: kp.pl.beeswarm_da(data, "branch"),
    "samples": lambda data: kp.pl.samples(data, ["Age", "pseudotime"]),
    "variance": lambda data: kp.pl.variance(data, GENES),
    "diagnostics da": lambda data: kp.pl.diagnostics(data, analysis="da"),
}  # fmt: skip


def drawn() -> list[np.ndarray]:
    """Numbers in all open figures, in an order that does not depend on ties."""
    found: list[np.ndarray] = []
    for ax in (ax for number in plt.get_fignums() for ax in plt.figure(number).axes):
        for points in ax.collections:
            found.append(np.ma.filled(points.get_offsets(), np.nan))
            if points.get_array() is not None:
                found.append(np.ma.filled(points.get_array(), np.nan))
        found += [line.get_xydata() for line in ax.lines]
        found.append(np.array([[bar.get_width(), bar.get_height()] for bar in ax.patches if hasattr(bar, "get_width")]))
    return [np.sort(np.asarray(values, dtype=float), axis=0) for values in found]


def observed(data: Any, calls: dict[str, Callable[[Any], Any]]) -> dict[str, Any]:
    found = {}
    for name, call in calls.items():
        result = call(data)
        # what a plot shows is read off the figure
        found[name] = drawn() if name in READ | STORED else result
        plt.close("all")
    return found


def same(found: Any, expected: Any, name: str) -> None:
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected), name
        for one, other in zip(found, expected, strict=True):
            same(one, other, name)
    elif isinstance(expected, pd.DataFrame):
        loosely = {"check_dtype": False, "check_categorical": False, "check_names": False}
        pd.testing.assert_frame_equal(found, expected, **loosely, rtol=RTOL, atol=ATOL)
    else:
        np.testing.assert_allclose(found, expected, rtol=RTOL, atol=ATOL, err_msg=name)


# products of float32, and statistics that are quotients of differences
RTOL, ATOL = 5e-4, 2e-4


@pytest.fixture(scope="module")
def data() -> AnnData:
    """300 cells × 20 genes with values that all floating types hold exactly."""
    adata = kp.datasets.simulate(300, 20)
    adata.X = (np.round(adata.layers.pop("logged_counts").toarray() * 64) / 64).astype(np.float64)
    adata.obs["some"] = np.arange(300) % 3 > 0
    adata.var["chosen"] = np.arange(20) % 2 > 0
    adata.var["symbol"] = adata.var_names
    return adata


@pytest.fixture(scope="module")
def analysed(data: AnnData) -> AnnData:
    dense = data.copy()
    all_tools(dense)
    return dense


@pytest.fixture(scope="module")
def expected(analysed: AnnData) -> dict[str, Any]:
    return observed(analysed, GET | READ | STORED)


@pytest.fixture(scope="module")
def results(analysed: AnnData, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    analysed.write_h5ad(folder / "a.h5ad")
    analysed.write_zarr(folder / "a.zarr")
    return folder


def jax_array(x: np.ndarray) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(x, dtype=np.float32)


def wide(matrix: Any) -> Any:
    """With indices of 64 bits."""
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    return matrix


CONVERT: dict[str, Callable[[np.ndarray], Any]] = {
    "dense half": lambda x: x.astype(np.float16),
    "dense of another byte order": lambda x: x.astype(">f8"),
    "jax": jax_array,
    "csr_matrix": lambda x: sp.csr_matrix(x, dtype=np.float32),
    "csc_array 64-bit": lambda x: wide(sp.csc_array(x)),
    "dask dense": lambda x: da.from_array(x, chunks=(130, 7)),
    "dask csr_array": lambda x: da.map_blocks(
        sp.csr_array, da.from_array(x, chunks=(130, 20)), meta=sp.csr_array((0, 0))
    ),
}
"""Kinds of X; the rest of the data is in memory. Every number type is tried in tests/_data/test_matrix.py."""


@pytest.mark.parametrize("container", CONVERT)
def test_expression_in_every_container_gives_the_same(data: AnnData, expected: dict[str, Any], container: str) -> None:
    other = AnnData(CONVERT[container](data.X), obs=data.obs, var=data.var, obsm=dict(data.obsm))
    expression_tools(other)
    for name, found in observed(other, {name: (GET | READ)[name] for name in EXPRESSION}).items():
        same(found, expected[name], name)


STORE = {"dense": np.asarray, "csr": sp.csr_matrix, "csc": sp.csc_matrix}


@pytest.fixture(scope="module")
def files(data: AnnData, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, convert in STORE.items():
        other = data.copy()
        other.X = convert(data.X)
        other.write_h5ad(folder / f"{name}.h5ad")
        if name == "dense":
            other.write_zarr(folder / f"{name}.zarr")
    return folder


OPEN: dict[str, Callable[[Path], Any]] = {
    **{f"backed {name}": lambda folder, name=name: ad.read_h5ad(folder / f"{name}.h5ad", backed="r") for name in STORE},
    "lazy csr h5ad": lambda folder: ad.experimental.read_lazy(folder / "csr.h5ad"),
    "lazy dense zarr": lambda folder: ad.experimental.read_lazy(folder / "dense.zarr"),
}


ONLY_EXPRESSION = ("backed csr", "backed csc")
"""The same as others to all that does not read the expression. `docs/_ext/array_types.py` reads this file, too."""


@pytest.mark.parametrize("container", OPEN)
def test_every_file_gives_the_same(files: Path, expected: dict[str, Any], container: str) -> None:
    opened = OPEN[container](files)
    if container in ONLY_EXPRESSION:
        expression_tools(opened)
        calls = {name: (GET | READ)[name] for name in EXPRESSION}
    else:
        all_tools(opened)
        calls = GET | READ | STORED
    for name, found in observed(opened, calls).items():
        same(found, expected[name], name)
    if container.startswith("backed"):
        opened.file.close()


@pytest.mark.parametrize("how", ["backed", "lazy h5ad", "lazy zarr"])
def test_results_read_again(results: Path, expected: dict[str, Any], how: str) -> None:
    path = results / f"a.{'zarr' if how == 'lazy zarr' else 'h5ad'}"
    opened = ad.read_h5ad(path, backed="r") if how == "backed" else ad.experimental.read_lazy(path)
    for name, found in observed(opened, GET | READ | STORED).items():
        same(found, expected[name], name)
    if how == "backed":
        opened.file.close()


def test_every_get_and_plot_is_tried() -> None:
    tried = {name.partition(" ")[0] for name in GET | READ | STORED}
    functions = {name for part in (kp.get, kp.pl) for name in part.__all__ if inspect.isfunction(getattr(part, name))}
    # of what other tools write, with tests of their own
    assert tried == functions - OTHERS
