"""Flow, basins of attraction, edge states, energy and quasi-potential: the shape of state space."""

__all__ = ["Plane", "basins", "common_limits", "flow", "plot_flow"]

from neurornn.analysis.landscape._basins import basins as basins
from neurornn.analysis.landscape._flow import common_limits as common_limits
from neurornn.analysis.landscape._flow import flow as flow
from neurornn.analysis.landscape._flow import plot_flow as plot_flow
from neurornn.analysis.landscape._plane import Plane as Plane
