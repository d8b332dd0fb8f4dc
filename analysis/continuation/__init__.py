"""Branches of fixed points along a parameter, and where they bifurcate."""

__all__ = []
