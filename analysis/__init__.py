"""Analyses of networks and recordings."""

__all__ = ["pca"]

from neurornn.analysis import pca as pca
