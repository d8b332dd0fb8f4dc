"""Targeted dimensionality reduction: axes of task variables, of networks and of recordings alike."""

__all__ = ["Recipe", "fit", "plot_angles", "plot_norms", "plot_trajectories", "project"]

from neurornn.analysis.tdr._fit import fit as fit
from neurornn.analysis.tdr._fit import project as project
from neurornn.analysis.tdr._plots import plot_angles as plot_angles
from neurornn.analysis.tdr._plots import plot_norms as plot_norms
from neurornn.analysis.tdr._plots import plot_trajectories as plot_trajectories
from neurornn.analysis.tdr._targeted import Recipe as Recipe
