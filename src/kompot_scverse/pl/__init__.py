"""Plots; matplotlib loads when one is drawn."""

from .volcano_de import volcano_de

__all__ = ["volcano_de"]
