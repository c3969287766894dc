"""Preprocessing: cell states and planning."""

from kompot_scverse._accessors import take_arguments

from .diffusion_states import diffusion_states
from .joint_states import joint_states
from .plan import plan
from .power import power

__all__ = ["diffusion_states", "joint_states", "plan", "power"]

take_arguments(globals(), __all__)
