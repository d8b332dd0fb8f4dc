"""Rotations in population activity: jPCA in closed form, of networks and of recordings alike."""

__all__ = ["fit", "plot_frequencies", "plot_plane", "project"]

from neurornn.analysis.jpca._fit import fit as fit
from neurornn.analysis.jpca._fit import project as project
from neurornn.analysis.jpca._plots import plot_frequencies as plot_frequencies
from neurornn.analysis.jpca._plots import plot_plane as plot_plane
