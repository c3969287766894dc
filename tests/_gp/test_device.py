"""What an accelerator is, and functions of rows that give the same there as with numpy."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from kompot_scverse._gp import device, device_sums
from kompot_scverse._gp.device import accelerator, free_memory, numerics, on_device, put_rows, round_size, run_there

RNG = np.random.default_rng(0)
PHI = RNG.normal(size=(300, 4)).astype(np.float32)
CODES = RNG.integers(0, 3, 300)


@pytest.mark.parametrize(
    ("backend", "used", "said"),
    [
        ("cpu", False, []),
        ("gpu", True, ["Features, sums of expression and Newton's sums are computed on Fast."]),
        ("METAL", False, ["Fast has no double precision; everything is computed on the processor."]),
    ],
)
def test_an_accelerator_is_what_computes_in_double_precision(backend, used, said, monkeypatch, caplog):
    fast = SimpleNamespace(device_kind="Fast")
    monkeypatch.setattr(device, "may_have_devices", lambda: True)
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(jax, "devices", lambda: [fast])
    with caplog.at_level("INFO", "kompot_scverse"):
        assert device._found.__wrapped__() is (fast if used else None)
    assert caplog.messages == said


def test_none_without_a_plugin_of_jax(monkeypatch):
    monkeypatch.setattr(device, "may_have_devices", lambda: False)
    monkeypatch.setattr(jax, "default_backend", lambda: pytest.fail("looked for"))
    assert device._found.__wrapped__() is None


def test_memory_for_features(monkeypatch):
    for known, expected in (
        (None, device.UNKNOWN),
        ({}, device.UNKNOWN),
        ({"bytes_limit": 80, "bytes_in_use": 20}, 30),
    ):
        one = SimpleNamespace(memory_stats=lambda known=known: known)
        monkeypatch.setattr(device, "_found", lambda one=one: one)
        assert free_memory() == expected


def test_few_sizes_of_blocks():
    assert [round_size(n) for n in (0, 1, 256, 257, 4096, 5000)] == [0, 256, 256, 512, 4096, 8192]


def sums(phi, codes, weight, n):
    xp, special = numerics(phi)
    return (codes == n).sum(), phi.T @ phi * weight, special.expit(phi).sum(axis=0), xp.arange(n).sum()


def values(phi, codes, weights):
    return phi @ weights + codes


@pytest.mark.usefixtures("on_jax")
def test_sums_and_values_of_rows_without_those_that_fill_up():
    assert accelerator() is not None
    found = run_there(sums, (PHI, CODES), (2.5, 2), 512, total=True)
    expected = sums(PHI.astype(np.float64), CODES, 2.5, 2)
    for one, other in zip(found[:3], expected[:3], strict=True):
        assert one.dtype.itemsize == 8
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    weights = np.arange(4.0)
    found = run_there(values, (put_rows(PHI, 512), CODES), (weights,), 512)
    np.testing.assert_allclose(found, PHI.astype(np.float64) @ weights + CODES, rtol=1e-13)
    assert len(run_there(values, (PHI, CODES), (weights,), 512, stay=True)) == 512


@pytest.mark.usefixtures("on_jax")
def test_users_of_jax_keep_their_precision():
    run_there(values, (PHI, CODES), (np.ones(4),), 512)
    assert jax.numpy.ones(1, dtype=float).dtype == np.float32
    assert jax.config.jax_default_matmul_precision is None


def test_products_of_single_precision_are_not_rounded_further():
    with on_device():
        assert "HIGHEST" in jax.jit(lambda x: x @ x.T).lower(PHI).as_text()
        assert "HIGHEST" in device_sums._add(True).lower(
            (np.zeros((1, 3, 5)), np.zeros((1, 3, 1)), np.zeros((1, 4, 4))),
            np.zeros(1, dtype=int), np.zeros((1, 2, 3), np.float32), np.zeros((1, 2, 1), np.float32), np.zeros((1, 2, 4), np.float32),
        ).as_text()  # fmt: skip


def test_too_little_memory_says_what_to_change():
    error = jax.errors.JaxRuntimeError
    with pytest.raises(MemoryError, match="^The memory of the GPU does not suffice. .*JAX_PLATFORMS=cpu"), on_device():
        raise error("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.")
    with pytest.raises(error, match="^INTERNAL"), on_device():
        raise error("INTERNAL: something else")
