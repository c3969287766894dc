"""Preprocessing: cell states and planning."""

from kompot_scverse._accessors import take_accessors

from .diffusion_states import diffusion_states
from .joint_states import joint_states
from .plan import plan
from .power import power

__all__ = ["diffusion_states", "joint_states", "plan", "power"]

take_accessors(globals(), __all__)
