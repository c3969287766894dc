"""Cluster-free, replicate-aware differential abundance and expression for single-cell data."""

from importlib.metadata import version

__version__ = version("kompot-scverse")
