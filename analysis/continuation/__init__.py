"""Continuation of fixed points: bifurcation diagrams along inputs and parameters."""

__all__ = ["AbstractPath", "InputPath", "ParameterPath", "plot_diagram", "trace"]

from neurornn.analysis.continuation._paths import AbstractPath as AbstractPath
from neurornn.analysis.continuation._paths import InputPath as InputPath
from neurornn.analysis.continuation._paths import ParameterPath as ParameterPath
from neurornn.analysis.continuation._plots import plot_diagram as plot_diagram
from neurornn.analysis.continuation._trace import trace as trace
