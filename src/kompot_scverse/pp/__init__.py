"""Preprocessing: cell states and planning."""

from kompot_scverse._accessors import take_accessors

from .diffusion_states import diffusion_states
from .joint_states import joint_states
from .plan import plan

__all__ = ["diffusion_states", "joint_states", "plan"]

take_accessors(globals(), __all__)
