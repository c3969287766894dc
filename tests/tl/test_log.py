"""Messages follow scanpy's verbosity."""

import importlib
import logging
from collections.abc import Iterator

import pytest
import scanpy as sc

import kompot_scverse as kp
from kompot_scverse._messages import logger
from kompot_scverse.tl._log import as_loud_as_scanpy


@pytest.fixture(autouse=True)
def verbosity_as_it_was() -> Iterator[None]:
    before = sc.settings.verbosity
    yield
    sc.settings.verbosity = before


@pytest.mark.parametrize(("verbosity", "level"), [(0, 40), (1, 30), (2, 20), (3, 15), (4, 10)])
def test_the_level_is_that_of_scanpy_during_a_call(verbosity, level):
    sc.settings.verbosity = verbosity
    with as_loud_as_scanpy():
        assert logger.getEffectiveLevel() == level
    assert logger.level == logging.NOTSET
    assert logger.handlers == []


def test_a_logger_that_was_set_up_is_left_alone():
    sc.settings.verbosity = 4
    logger.setLevel(logging.ERROR)
    try:
        with as_loud_as_scanpy():
            assert logger.level == logging.ERROR
        assert logger.level == logging.ERROR
    finally:
        logger.setLevel(logging.NOTSET)


def test_hints_name_what_is_compared_and_what_was_written(caplog, simulated):
    call = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
    sc.settings.verbosity = 1
    adata = simulated.copy()
    kp.tl.da(adata, "Age", **call)
    assert not [record for record in caplog.records if record.levelno < logging.WARNING]
    sc.settings.verbosity = 3
    kp.tl.da(adata, "Age", **call, overwrite=True)
    texts = [record.getMessage() for record in caplog.records]
    n = (adata.obs["Age"] == "Young").sum()
    assert any(text.startswith(f"Age: Young ({n:,} cells, 3 samples), Old (") for text in texts)
    assert any("rank" in text and "length scale" in text for text in texts)
    assert any("obs['kompot_da_Young_to_Old_lfc_qvalue']" in text for text in texts)


def test_large_lazy_layers_are_announced_with_their_size(caplog, simulated, monkeypatch):
    call = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "genes": list(simulated.var_names[:5])}
    kp.tl.de(simulated.copy(), "Age", **call)
    assert "Writing the object" not in caplog.text
    monkeypatch.setattr(importlib.import_module("kompot_scverse.tl._de_results"), "LARGE", 1e-6)
    kp.tl.de(simulated.copy(), "Age", **call, storage=kp.StorageSettings(layers="memory"))
    assert "Writing the object" not in caplog.text
    adata = simulated.copy()
    kp.tl.de(adata, "Age", **call)
    layers = [values for key, values in adata.layers.items() if key and key.startswith("kompot_de")]
    assert (
        f"Writing the object computes {len(layers)} layers, {sum(v.nbytes for v in layers) / 1e9:.1f} GB."
        in caplog.text
    )
