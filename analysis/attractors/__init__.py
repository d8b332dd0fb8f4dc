"""Lines, rings and planes of fixed or slow states as objects."""

__all__ = ["Slowness", "find", "plot_attractors", "plot_drift", "plot_surface"]

from neurornn.analysis.attractors._find import find as find
from neurornn.analysis.attractors._plots import plot_attractors as plot_attractors
from neurornn.analysis.attractors._plots import plot_drift as plot_drift
from neurornn.analysis.attractors._slowness import Slowness as Slowness
from neurornn.analysis.attractors._surface_plot import plot_surface as plot_surface
