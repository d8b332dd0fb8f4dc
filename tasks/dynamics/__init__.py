"""Tasks that ask for a dynamical object: memories, oscillations, integrators."""

__all__ = [
    "FlipFlop",
    "LineIntegrator",
    "MultiCycle",
    "PathIntegration1D",
    "PathIntegration2D",
    "PlaneIntegrator",
    "RingIntegrator",
    "SineWave",
]

from neurornn.tasks.dynamics.flip_flop import FlipFlop as FlipFlop
from neurornn.tasks.dynamics.line_integrator import LineIntegrator as LineIntegrator
from neurornn.tasks.dynamics.multi_cycle import MultiCycle as MultiCycle
from neurornn.tasks.dynamics.path_integration_1d import PathIntegration1D as PathIntegration1D
from neurornn.tasks.dynamics.path_integration_2d import PathIntegration2D as PathIntegration2D
from neurornn.tasks.dynamics.plane_integrator import PlaneIntegrator as PlaneIntegrator
from neurornn.tasks.dynamics.ring_integrator import RingIntegrator as RingIntegrator
from neurornn.tasks.dynamics.sine_wave import SineWave as SineWave
