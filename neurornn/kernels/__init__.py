"""The time loop: what a leaky network costs."""

__all__ = ["integrate"]

from neurornn.kernels._reference import integrate as integrate
