"""Simulated data sets with known truth, and published ones."""

from ._settings import SimulationSettings
from .kang import kang
from .liver_aging import liver_aging
from .melanoma import melanoma
from .oligodendrocytes import oligodendrocytes
from .pbmc_citeseq import pbmc_citeseq
from .pbmc_vaccination import pbmc_vaccination
from .simulate import simulate

__all__ = [
    "SimulationSettings",
    "kang",
    "liver_aging",
    "melanoma",
    "oligodendrocytes",
    "pbmc_citeseq",
    "pbmc_vaccination",
    "simulate",
]
