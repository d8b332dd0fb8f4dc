"""Principal components of population activity, of networks and of recordings alike."""

__all__ = ["fit", "participation_ratio", "plot_trajectories", "plot_variance", "project"]

from neurornn.analysis.pca._fit import fit as fit
from neurornn.analysis.pca._fit import participation_ratio as participation_ratio
from neurornn.analysis.pca._fit import project as project
from neurornn.analysis.pca._plots import plot_trajectories as plot_trajectories
from neurornn.analysis.pca._plots import plot_variance as plot_variance
