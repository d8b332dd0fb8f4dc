"""Tasks that ask for a dynamical object: memories, oscillations, integrators."""

__all__ = ["FlipFlop"]

from neurornn.tasks.dynamics.flip_flop import FlipFlop as FlipFlop
