"""Decisions about what is seen or heard now."""

__all__ = ["ContextDecision", "PerceptualDecision"]

from neurornn.tasks.perceptual.context_decision import ContextDecision as ContextDecision
from neurornn.tasks.perceptual.perceptual_decision import PerceptualDecision as PerceptualDecision
