"""mellon's import changes jax, logging and warnings; nobody may notice. And the choice of kernels."""

import subprocess
import sys
import textwrap

import jax
import numpy as np
import pytest

from kompot_scverse._gp.covariance import NAMED
from kompot_scverse._gp.kernel import Kernel
from kompot_scverse._gp.mellon import kernel_function, length_scale, load_mellon

SCRIPT = """
import logging, os, sys, tempfile, warnings
# what others import, and the filters they set, are not ours
import anndata, dask.array, pandas, scipy.special, sklearn.neighbors, tqdm.auto

folder = tempfile.mkdtemp()
handler = logging.FileHandler(os.path.join(folder, "users.log"))
logging.getLogger().addHandler(handler)
logging.getLogger("users").setLevel(logging.DEBUG)
watched = [None, "users", "jax", "scanpy", "anndata"]

def state():
    loggers = [logging.getLogger(name) for name in watched]
    of_jax = {}
    if "jax" in sys.modules:
        config = sys.modules["jax"].config
        of_jax = {name: config.values[name] for name in ("jax_enable_x64", "jax_platform_name", "jax_platforms")}
    return of_jax | {
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
# which takes seconds
assert not {"jax", "mellon"} & set(sys.modules)
import jax
before = state()
from kompot_scverse._gp.mellon import load_mellon
load_mellon()
check("mellon")
assert "pynndescent" not in sys.modules
"""


def test_nothing_global_changes():
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(SCRIPT)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]


def test_loaded_once():
    assert load_mellon() is load_mellon()


def test_kernels_take_the_length_scale():
    cov = load_mellon().cov
    x = np.array([[0.0, 0.0], [1.0, 2.0]])
    for given in (cov.Exponential, cov.Exponential(ls=3.0)):
        kernel = kernel_function(given, 3.0)
        assert isinstance(kernel, cov.Exponential)
        assert kernel.ls == 3.0
    distance = np.sqrt(5.0) * np.sqrt(5.0) / 2.0
    expected = (1 + distance + distance**2 / 3) * np.exp(-distance)
    assert Kernel(kernel_function(None, 2.0))(x[:1], x[1:])[0, 0] == pytest.approx(expected, rel=1e-12)
    # an instance keeps its own length scale
    assert kernel_function(cov.Matern32(ls=0.5), 3.0).ls == 0.5


@pytest.mark.parametrize("name", NAMED)
def test_names_known_here_mean_what_they_mean_in_mellon(name):
    x = np.random.default_rng(0).normal(size=(20, 3))
    with jax.enable_x64(True):
        expected = np.asarray(getattr(load_mellon().cov, name)(ls=1.5)(x, x))
    np.testing.assert_allclose(Kernel(kernel_function(name, 1.5))(x, x), expected, atol=1e-6)


def test_the_length_scale_is_mellons():
    distances = np.random.default_rng(0).exponential(size=500)
    with jax.enable_x64(True):
        expected = float(load_mellon().parameters.compute_ls(distances))
    assert length_scale(np.append(distances, 0.0)) == pytest.approx(expected, rel=1e-12)


def test_unknown_kernels():
    with pytest.raises(ValueError, match="no covariance 'Matern'.*Matern52"):
        kernel_function("Matern", 1.0)
    with pytest.raises(TypeError, match="not 5"):
        kernel_function(5, 1.0)
