"""Cluster-free, replicate-aware differential abundance and expression for single-cell data."""

import importlib
from collections.abc import Callable
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING

# anndata is most of the time of this import, and mudata little more: both get their namespace here
from . import _namespaces
from .design import Design
from .settings import GPSettings, StorageSettings, TestSettings

if TYPE_CHECKING:
    from . import datasets, get, pl, pp, tl
    from ._report.report import report
    from ._runs.info import RunInfo

__all__ = [
    "Design",
    "GPSettings",
    "RunInfo",
    "StorageSettings",
    "TestSettings",
    "__version__",
    "datasets",
    "get",
    "pl",
    "pp",
    "report",
    "tl",
]

__version__ = version("kompot-scverse")


def __getattr__(name: str) -> ModuleType | type | Callable:
    """Load a submodule when it is first used, which keeps the import quick."""
    if name == "RunInfo":
        from ._runs.info import RunInfo

        return RunInfo
    if name == "report":
        from ._report.report import report

        return report
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
