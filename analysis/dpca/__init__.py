"""Demixed principal components: closed form, unequal trials, of networks and of recordings alike."""

__all__ = [
    "DEFAULT_GRID",
    "fit",
    "plot_component",
    "plot_significance",
    "plot_validation",
    "plot_variance",
    "project",
    "significance",
]

from neurornn.analysis.dpca._fit import DEFAULT_GRID as DEFAULT_GRID
from neurornn.analysis.dpca._fit import fit as fit
from neurornn.analysis.dpca._fit import project as project
from neurornn.analysis.dpca._plots import plot_component as plot_component
from neurornn.analysis.dpca._plots import plot_significance as plot_significance
from neurornn.analysis.dpca._plots import plot_validation as plot_validation
from neurornn.analysis.dpca._plots import plot_variance as plot_variance
from neurornn.analysis.dpca._significance import significance as significance
