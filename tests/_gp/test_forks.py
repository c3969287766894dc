"""A process forked off after an analysis gets a sentence, not an endless wait; others work."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from anndata import AnnData
from spawned import abundance

import kompot_scverse as kp
from kompot_scverse._gp import forks

CONTRAST = {"reference": "Young", "groups": "Old"}
KEY = "kompot_de_Young_to_Old_fold_change"


@pytest.fixture(scope="module")
def analysed() -> AnnData:
    adata = kp.datasets.simulate(300, 12)
    kp.tl.de(adata, "Age", **CONTRAST, layer="logged_counts", test=kp.TestSettings(null_genes=0))
    return adata


def in_child(work: Callable[[], object]) -> str:
    """What a call raises in a process that is forked off here."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        code = 1
        try:
            work()
            code = 0
        except RuntimeError as error:
            os.write(write, str(error).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as told:
        text = told.read()
    assert os.waitpid(child, 0)[1] == 0, "it hung or raised something else"
    return text


@pytest.mark.filterwarnings("ignore")  # that processes with threads should not be forked
@pytest.mark.parametrize(
    "call",
    [
        lambda adata: kp.tl.da(adata, "Age", **CONTRAST),
        lambda adata: kp.tl.de(adata, "Age", **CONTRAST),
        lambda adata: kp.tl.smooth(adata),
        lambda adata: kp.pp.plan(adata, "de", "Age", **CONTRAST),
    ],
    ids=["da", "de", "smooth", "plan"],
)
def test_forked_after_a_run(analysed: AnnData, call) -> None:
    assert 'start processes with multiprocessing.get_context("spawn")' in in_child(lambda: call(analysed))


@pytest.mark.filterwarnings("ignore")
def test_results_can_be_read_in_a_forked_process(analysed: AnnData) -> None:
    assert in_child(lambda: (kp.get.layer(analysed, "fold_change"), kp.get.de_df(analysed))) == ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layers", ["lazy", "disk"])
def test_layers_can_be_read_in_a_forked_process_after_they_were_in_this(layers: str, tmp_path) -> None:
    """The pool of dask has threads in this process only."""
    adata = kp.datasets.simulate(200, 5)
    kp.tl.smooth(adata, layer="logged_counts", storage=kp.StorageSettings(layers=layers, directory=tmp_path))
    key = "kompot_smooth_imputed"
    expected = np.asarray(adata.layers[key])
    assert in_child(lambda: np.testing.assert_array_equal(np.asarray(adata.layers[key]), expected)) == ""
    np.testing.assert_array_equal(np.asarray(adata.layers[key]), expected)


def test_not_forked(monkeypatch) -> None:
    forks.check_not_forked()
    monkeypatch.setattr(forks, "_started", set())
    forks.check_not_forked()


def test_started_afresh(analysed: AnnData) -> None:
    """Data with lazy layers go to a process that is spawned, where they are read and analysed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        layer = pool.submit(np.asarray, analysed.layers[KEY])
        other = pool.submit(abundance, analysed).result(timeout=120)
    np.testing.assert_array_equal(layer.result(timeout=120), np.asarray(analysed.layers[KEY]))
    assert kp.get.da_df(other)["lfc"].notna().all()
    np.testing.assert_array_equal(np.asarray(other.layers[KEY]), np.asarray(analysed.layers[KEY]))
