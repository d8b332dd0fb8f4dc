"""Analyses of networks and recordings."""
