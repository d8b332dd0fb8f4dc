"""Tests of how far credit reaches back in time."""

__all__ = ["Add"]

from neurornn.tasks.long_range.add import Add as Add
