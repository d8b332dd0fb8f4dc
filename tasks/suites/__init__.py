"""Families of tasks that share their channels and are learned by one network."""
