"""Writing and reading back."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp

FEW = kp.TestSettings(null_genes=50)


def _after_de(adata: AnnData) -> None:
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", test=FEW, cell_groups="celltype")


def _after_samples(adata: AnnData) -> None:
    _after_de(adata)
    kp.tl.de(adata, "Age", reference="Young", layer="logged_counts", test=FEW, sample_key="Replicate", overwrite=True)
    kp.tl.da(adata, "Age", reference="Young", sample_key="Replicate")


def _after_cleanup(adata: AnnData) -> None:
    _after_samples(adata)
    kp.tl.cleanup(adata)


def _after_restore(adata: AnnData) -> None:
    _after_cleanup(adata)
    kp.tl.restore_layers(adata)


def _after_genes(adata: AnnData) -> None:
    kp.tl.de(
        adata, "Age", reference="Young", groups="Old", layer="logged_counts", test=FEW, genes=list(adata.var_names[:7])
    )


STATES = (_after_de, _after_samples, _after_cleanup, _after_restore, _after_genes)


def _save(adata: AnnData, folder: Path, kind: str) -> AnnData:
    path = folder / f"data.{kind}"
    getattr(adata, f"write_{kind}")(path)
    return getattr(anndata, f"read_{kind}")(path)


def _dense(value: object) -> np.ndarray:
    return value.toarray() if hasattr(value, "toarray") else np.asarray(value)


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__.removeprefix("_after_"))
def test_round_trip(adata: AnnData, tmp_path: Path, state, kind: str) -> None:
    state(adata)
    read = _save(adata, tmp_path, kind)

    assert dict(read.uns["kompot"]["runs"]) == adata.uns["kompot"]["runs"]
    ours = [key for key in adata.obs if key.startswith("kompot")]
    pd.testing.assert_frame_equal(read.obs[ours], adata.obs[ours])
    ours = [key for key in adata.var if key.startswith("kompot")]
    pd.testing.assert_frame_equal(read.var[ours], adata.var[ours])
    for slot in ("obsm", "varm", "layers"):
        assert set(getattr(read, slot)) == set(getattr(adata, slot))
        for key, value in getattr(adata, slot).items():
            back = getattr(read, slot)[key]
            if isinstance(value, pd.DataFrame):
                pd.testing.assert_frame_equal(back, value)
            elif value is not None:
                np.testing.assert_allclose(_dense(back), _dense(value), rtol=1e-6)
                assert back.dtype == value.dtype

    for number in range(len(adata.uns["kompot"]["runs"])):
        run = kp.RunInfo(read, number, analysis=None)
        assert repr(run) == repr(kp.RunInfo(adata, number, analysis=None))
        assert run._repr_html_()

    # what was read, and parts of it, work on
    part = read[: read.n_obs // 2, 10:40].copy()
    assert repr(kp.RunInfo(part))
    kp.tl.restore_layers(part)
    key = kp.RunInfo(part, analysis="de").fields.query("statistic == 'fold_change'")["key"].iloc[0]
    kp.tl.restore_layers(adata)
    np.testing.assert_allclose(
        np.asarray(part.layers[key]), np.asarray(adata.layers[key])[: part.n_obs, 10:40], rtol=1e-4, atol=1e-5
    )
    kp.tl.cleanup(read)
    assert not any(key and key.startswith("kompot") for key in read.layers)
    _save(read, tmp_path, "h5ad")


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_run_again_after_reading(adata: AnnData, tmp_path: Path, kind: str) -> None:
    _after_de(adata)
    read = _save(adata, tmp_path, kind)
    kp.tl.de(
        read,
        "Age",
        reference="Young",
        groups="Old",
        layer="logged_counts",
        test=FEW,
        genes=["Gene0003"],
        overwrite=True,
    )
    assert kp.RunInfo(read).summary["genes_covered"] == "1 of 60; the others are as run 0 left them"
    assert kp.RunInfo(read).run_id == 1
    assert read.var["kompot_de_Young_to_Old_mean_lfc"].notna().all()
    pd.testing.assert_series_equal(
        read.var["kompot_de_Young_to_Old_mean_lfc"], adata.var["kompot_de_Young_to_Old_mean_lfc"], rtol=1e-6
    )
