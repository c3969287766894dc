"""mellon's import changes jax, logging and warnings; nobody may notice. And the choice of kernels."""

import subprocess
import sys
import textwrap

import jax
import numpy as np
import pytest

from kompot_scverse._gp.mellon import kernel_function, load_mellon

SCRIPT = """
import logging, os, tempfile, warnings
# what others import, and the filters they set, are not ours
import anndata, dask.array, jax, pandas, scipy.special, sklearn.neighbors, tqdm.auto

folder = tempfile.mkdtemp()
handler = logging.FileHandler(os.path.join(folder, "users.log"))
logging.getLogger().addHandler(handler)
logging.getLogger("users").setLevel(logging.DEBUG)
watched = [None, "users", "jax", "scanpy", "anndata"]

def state():
    loggers = [logging.getLogger(name) for name in watched]
    return {
        "x64": jax.config.jax_enable_x64,
        "platform": jax.config.values["jax_platform_name"],
        "platforms": jax.config.jax_platforms,
        "loggers": [(log.level, log.disabled, log.propagate, list(log.handlers)) for log in loggers],
        "handler open": handler.stream is not None and not handler.stream.closed,
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
    }

def check(step):
    after = state()
    for name, value in before.items():
        assert after[name] == value, f"{step} changed {name}: {value} -> {after[name]}"

before = state()
import kompot_scverse
check("import")
from kompot_scverse.tl.de import de
from kompot_scverse.datasets import simulate
check("import of tl.de")
adata = simulate(200, 20, rng=0)
before = state()
de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
adata.layers["kompot_de_Young_to_Old_fold_change"].compute()
check("de")
import sys
assert "pynndescent" not in sys.modules
"""


def test_nothing_global_changes():
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(SCRIPT)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]


def test_loaded_once():
    assert load_mellon() is load_mellon()


def test_kernels():
    cov = load_mellon().cov
    x = np.array([[0.0, 0.0], [1.0, 2.0]])
    for given in (cov.Exponential, "Exponential", cov.Exponential(ls=3.0)):
        kernel = kernel_function(given, 3.0)
        assert isinstance(kernel, cov.Exponential)
        assert kernel.ls == 3.0
    with jax.enable_x64(True):
        distance = np.sqrt(5.0) * np.sqrt(5.0) / 2.0
        expected = (1 + distance + distance**2 / 3) * np.exp(-distance)
        assert float(kernel_function(None, 2.0)(x[:1], x[1:])[0, 0]) == pytest.approx(expected, rel=1e-6)
    # an instance keeps its own length scale
    assert kernel_function(cov.Matern32(ls=0.5), 3.0).ls == 0.5


def test_unknown_kernels():
    with pytest.raises(ValueError, match="no covariance 'Matern'.*Matern52"):
        kernel_function("Matern", 1.0)
    with pytest.raises(TypeError, match="not 5"):
        kernel_function(5, 1.0)
