"""Analyses of networks and recordings."""

__all__ = ["landscape", "pca"]

from neurornn.analysis import landscape as landscape
from neurornn.analysis import pca as pca
