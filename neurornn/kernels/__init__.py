"""The time loop: what a leaky network costs."""

__all__ = [
    "Circuit",
    "Credit",
    "DiagonalHop",
    "ExactHop",
    "FixedHop",
    "NoHop",
    "Noise",
    "Path",
    "Run",
    "choose",
    "explain",
    "host_normals",
    "integrate",
    "normal_numbers",
    "run",
    "run_reference",
]

from neurornn.kernels._choose import Path as Path
from neurornn.kernels._choose import choose as choose
from neurornn.kernels._choose import explain as explain
from neurornn.kernels._choose import run as run
from neurornn.kernels._numbers import host_normals as host_normals
from neurornn.kernels._numbers import normal_numbers as normal_numbers
from neurornn.kernels._problem import Circuit as Circuit
from neurornn.kernels._problem import Credit as Credit
from neurornn.kernels._problem import DiagonalHop as DiagonalHop
from neurornn.kernels._problem import ExactHop as ExactHop
from neurornn.kernels._problem import FixedHop as FixedHop
from neurornn.kernels._problem import NoHop as NoHop
from neurornn.kernels._problem import Noise as Noise
from neurornn.kernels._problem import Run as Run
from neurornn.kernels._reference import integrate as integrate
from neurornn.kernels._reference import run_reference as run_reference
