"""Limit cycles of flows and of maps, with their Floquet multipliers."""

__all__ = ["find_cycles", "find_map_cycles", "plot_cycles"]

from neurornn.analysis.cycles._find import find_cycles as find_cycles
from neurornn.analysis.cycles._maps import find_map_cycles as find_map_cycles
from neurornn.analysis.cycles._plots import plot_cycles as plot_cycles
