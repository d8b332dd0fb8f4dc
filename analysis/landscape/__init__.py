"""Speed and flow on planes of state space."""

__all__ = ["Plane", "common_limits", "flow", "plot_flow"]

from neurornn.analysis.landscape._flow import common_limits as common_limits
from neurornn.analysis.landscape._flow import flow as flow
from neurornn.analysis.landscape._flow import plot_flow as plot_flow
from neurornn.analysis.landscape._plane import Plane as Plane
