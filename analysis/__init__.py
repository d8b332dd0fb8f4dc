"""Analyses of networks and recordings."""

__all__ = ["behaviour", "fixed_points", "landscape", "pca", "systems"]

from neurornn.analysis import behaviour as behaviour
from neurornn.analysis import fixed_points as fixed_points
from neurornn.analysis import landscape as landscape
from neurornn.analysis import pca as pca
from neurornn.analysis import systems as systems
