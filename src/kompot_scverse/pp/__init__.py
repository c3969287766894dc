"""Preprocessing: planning."""

from .plan import plan

__all__ = ["plan"]
