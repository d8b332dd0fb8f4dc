"""Decisions and responses that need what was seen before."""

__all__ = ["DelayedComparison", "DelayedMatchToSample"]

from neurornn.tasks.memory.delayed_comparison import DelayedComparison as DelayedComparison
from neurornn.tasks.memory.delayed_match import DelayedMatchToSample as DelayedMatchToSample
