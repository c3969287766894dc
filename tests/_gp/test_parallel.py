"""Threads of the linear algebra while tasks run on threads of ours."""

import dask
import pytest
import threadpoolctl

from kompot_scverse._gp import parallel


def of_blas() -> list[int]:
    return [one["num_threads"] for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_tasks_have_one_thread_each(scheduler: str) -> None:
    assert of_blas()
    with threadpoolctl.threadpool_limits(3, user_api="blas"), dask.config.set(scheduler=scheduler):
        before = of_blas()
        assert max(before) > 1
        for _ in range(2):
            (inside,) = parallel.compute_here(dask.delayed(of_blas)())
            assert set(inside) == {1}
            assert of_blas() == before


def test_threads_come_back_after_an_error() -> None:
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        before = of_blas()
        with pytest.raises(ZeroDivisionError):
            parallel.compute_here(dask.delayed(lambda: 1 / 0)())
        assert of_blas() == before


def test_libraries_are_looked_for_only_after_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    parallel.compute_here(dask.delayed(int)())
    looked = []
    plain = threadpoolctl.ThreadpoolController.__init__
    monkeypatch.setattr(threadpoolctl.ThreadpoolController, "__init__", lambda self: looked.append(True) or plain(self))
    for _ in range(2):
        parallel.compute_here(dask.delayed(int)())
    assert looked == []
    monkeypatch.setitem(parallel.sys.modules, "a_module_with_a_library", None)
    for _ in range(2):
        parallel.compute_here(dask.delayed(int)())
    assert looked == [True]
