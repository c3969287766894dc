"""`adata.kompot` and `mdata.kompot`: the functions of the package, bound to the data."""

import importlib
import inspect
from functools import partial
from types import MethodType, ModuleType
from typing import Any

from anndata import AnnData, register_anndata_namespace
from mudata import MuData, register_mudata_namespace

PARTS = ("get", "pl", "pp", "tl")


class BoundFunctions:
    """
    The functions of one part of the package with the data filled in; loaded when first used.

    Parameters
    ----------
    part
        get, pl, pp or tl.
    data
        First argument of the functions.
    """

    def __init__(self, part: str, data: AnnData | MuData) -> None:
        self._part, self._data = part, data

    def _module(self) -> ModuleType:
        return importlib.import_module(f"kompot_scverse.{self._part}")

    def _takes_data(self, name: str) -> bool:
        found = getattr(self._module(), name)
        if not inspect.isfunction(found):
            return False
        first = next(iter(inspect.signature(found).parameters.values()), None)
        # a plot of a table takes that
        return first is not None and first.name == "data" and getattr(first.annotation, "__name__", "") != "DataFrame"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._module().__all__ or not self._takes_data(name):
            raise AttributeError(f"kompot.{self._part} has no function {name!r}; it has {', '.join(dir(self))}.")
        # a method shows signature and docstring of the function, without the data
        return MethodType(getattr(self._module(), name), self._data)

    def __dir__(self) -> list[str]:
        return sorted(name for name in self._module().__all__ if self._takes_data(name))

    def __repr__(self) -> str:
        return f"kompot.{self._part}: {', '.join(dir(self))}"


class _Kompot:
    """Functions of kompot-scverse on this object: `.pp`, `.tl`, `.get`, `.pl`, `.report` and `.RunInfo`."""

    def __init__(self, data: AnnData | MuData) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        if name in PARTS:
            return BoundFunctions(name, self._data)
        if name == "RunInfo":
            from kompot_scverse._runs.info import RunInfo

            bound = partial(RunInfo, self._data)
            bound.__doc__ = RunInfo.__doc__
            return bound
        if name == "report":
            from kompot_scverse._report.report import report

            return MethodType(report, self._data)
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"kompot has no {name!r}; it has {', '.join(dir(self))}.")

    def __dir__(self) -> list[str]:
        return sorted(["RunInfo", "report", *PARTS])

    def __repr__(self) -> str:
        return f"kompot-scverse on {type(self._data).__name__}: {', '.join(f'.{name}' for name in dir(self))}"


@register_anndata_namespace("kompot")
class KompotAnnData(_Kompot):
    """Functions of kompot-scverse on this AnnData: `.pp`, `.tl`, `.get`, `.pl`, `.report` and `.RunInfo`."""

    def __init__(self, adata: AnnData) -> None:
        super().__init__(adata)


@register_mudata_namespace("kompot")
class KompotMuData(_Kompot):
    """Functions of kompot-scverse on this MuData: `.pp`, `.tl`, `.get`, `.pl`, `.report` and `.RunInfo`."""

    def __init__(self, mdata: MuData) -> None:
        super().__init__(mdata)
