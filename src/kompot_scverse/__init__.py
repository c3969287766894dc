"""Cluster-free, replicate-aware differential abundance and expression for single-cell data."""

from importlib.metadata import version

from . import datasets, pp, tl
from .settings import DAThresholdSettings, FDRSettings, GPSettings, StorageSettings

__all__ = [
    "DAThresholdSettings",
    "FDRSettings",
    "GPSettings",
    "StorageSettings",
    "datasets",
    "pp",
    "tl",
]

__version__ = version("kompot-scverse")
