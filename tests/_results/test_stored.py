"""Arrays on disk: whoever ends or loses what, the values are right or there is an error; never zeros."""

import copy
import gc
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest

from kompot_scverse._results.disk import DiskStore
from kompot_scverse.settings import StorageSettings

VALUES = np.arange(70, dtype=np.float32).reshape(10, 7)
VALUES[:4, :3] = 0
N_CHUNKS = 9
LOST = "'layer' on disk is (gone|damaged) .*kp.tl.restore_layers"


def saved(folder: Path, **settings) -> da.Array:
    with DiskStore(StorageSettings(directory=folder, **settings)) as disk:
        found = disk.save({"layer": da.from_array(VALUES, chunks=(4, 3))})["layer"]
        disk.commit()
    return found


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("c/*/*") if path.is_file())


def test_every_chunk_has_a_file_also_one_of_zeros(tmp_path: Path) -> None:
    layer = saved(tmp_path)
    np.testing.assert_array_equal(layer.compute(), VALUES)
    np.testing.assert_array_equal(np.asarray(layer[2:9, [6, 1]]), VALUES[2:9][:, [6, 1]])
    assert layer.chunks == ((4, 4, 2), (7,))
    assert len(files(tmp_path)) == N_CHUNKS


@pytest.mark.parametrize("number", range(N_CHUNKS))
def test_a_missing_file_is_an_error(tmp_path: Path, number: int) -> None:
    layer = saved(tmp_path)
    files(tmp_path)[number].unlink()
    with dask.config.set(scheduler="synchronous"), pytest.raises(LookupError, match=LOST):
        layer.compute()


@pytest.mark.parametrize(
    "damage",
    [lambda b: b"", lambda b: b[:-3], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b[:12] + b"x" + b[13:]],
    ids=["empty", "too short", "last bit", "a byte"],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, damage) -> None:
    layer = saved(tmp_path)
    path = files(tmp_path)[4]
    path.write_bytes(damage(path.read_bytes()))
    with dask.config.set(scheduler="synchronous"), pytest.raises(LookupError, match=LOST):
        layer.compute()


def test_a_lost_folder_is_an_error(tmp_path: Path) -> None:
    layer = saved(tmp_path)
    shutil.rmtree(next(tmp_path.iterdir()))
    with dask.config.set(scheduler="synchronous"):
        for read in (layer.compute, lambda: np.asarray(layer[0, 0]), lambda: pickle.dumps(layer)):
            with pytest.raises(LookupError, match=LOST):
                read()


def test_pickled_layers_carry_their_values(tmp_path: Path) -> None:
    layer = saved(tmp_path)
    whole, part = pickle.dumps(layer), pickle.dumps(layer[:, 5] + 1)
    del layer
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(pickle.loads(whole).compute(), VALUES)
    np.testing.assert_array_equal(pickle.loads(part).compute(), VALUES[:, 5] + 1)
    again = pickle.loads(pickle.dumps(pickle.loads(whole)))
    np.testing.assert_array_equal(again.compute(), VALUES)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda layer: layer.copy()])
def test_copies_keep_the_store(tmp_path: Path, copied) -> None:
    layer = saved(tmp_path)
    other = copied(layer)
    del layer
    gc.collect()
    np.testing.assert_array_equal(other.compute(), VALUES)
    del other
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_kept_store_is_pickled_by_its_place(tmp_path: Path) -> None:
    layer = saved(tmp_path, keep=True)
    pickled = pickle.dumps(layer)
    del layer
    gc.collect()
    found = pickle.loads(pickled)
    np.testing.assert_array_equal(found.compute(), VALUES)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).compute(), VALUES)
    shutil.rmtree(next(tmp_path.iterdir()))
    with dask.config.set(scheduler="synchronous"), pytest.raises(LookupError, match=LOST):
        found.compute()
    with dask.config.set(scheduler="synchronous"), pytest.raises(LookupError, match=LOST):
        pickle.loads(pickled).compute()


PROCESSES = """
import gc, multiprocessing, os, pickle, signal, sys, warnings
from pathlib import Path
import dask
import numpy as np
sys.path.insert(0, sys.argv[2])
from test_stored import VALUES, saved

warnings.simplefilter("ignore")  # that the process has threads
dask.config.set(scheduler="synchronous")
folder = Path(sys.argv[1])
(folder / "store").mkdir()
layer = saved(folder / "store")


def same(values):
    return bool((np.asarray(values) == VALUES).all())


def sum_of(part):
    return float(part.compute().sum())


def forked(work):
    child = os.fork()
    if child == 0:
        work()
    return os.waitpid(child, 0)[1]


def drop():
    global layer
    assert same(layer)
    del layer
    gc.collect()
    os._exit(0)


print("ends", forked(lambda: sys.exit(0)), same(layer))
print("drops", forked(drop), same(layer))
print("killed", forked(lambda: os.kill(os.getpid(), signal.SIGKILL)), same(layer))
with multiprocessing.get_context("fork").Pool(2) as pool:
    sums = pool.map(sum_of, [layer[:5], layer[5:]])
print("pool", sum(sums) == VALUES.sum(), same(layer))
(folder / "pickled").write_bytes(pickle.dumps(layer))
pids = os.pipe()
if os.fork() == 0:
    # reads after the process that made the store has ended
    os.close(pids[1])
    os.read(pids[0], 1)
    try:
        same(layer)
    except LookupError as error:
        (folder / "error").write_text(str(error))
    os._exit(0)
"""


def test_only_the_process_that_made_a_store_deletes_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESSES, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.splitlines() == ["ends 0 True", "drops 0 True", "killed 9 True", "pool True True"], done.stderr
    assert list((tmp_path / "store").iterdir()) == []
    np.testing.assert_array_equal(pickle.loads((tmp_path / "pickled").read_bytes()).compute(), VALUES)
    # the pipe of the child that was left closes when it ends, and with it the output: it has ended by now
    assert "kp.tl.restore_layers" in (tmp_path / "error").read_text()
