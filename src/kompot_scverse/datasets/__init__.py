"""Simulated data sets with known truth."""

from ._settings import SimulationSettings
from .simulate import simulate

__all__ = ["SimulationSettings", "simulate"]
