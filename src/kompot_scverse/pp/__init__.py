"""Preprocessing: cell states and planning."""

from .diffusion_states import diffusion_states
from .joint_states import joint_states
from .plan import plan

__all__ = ["diffusion_states", "joint_states", "plan"]
