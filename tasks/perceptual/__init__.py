"""Decisions about what is seen or heard now."""

__all__ = [
    "ContextDecision",
    "EconomicChoice",
    "FlexibleCategorisation",
    "MultisensoryDecision",
    "PerceptualDecision",
    "PerceptualDecisionDelayed",
    "PerceptualDecisionRT",
    "PerceptualDecisionVariable",
    "PoissonClicks",
    "PostDecisionWager",
    "ProbabilisticReasoning",
    "PulseAccumulation",
]

from neurornn.tasks.perceptual.context_decision import ContextDecision as ContextDecision
from neurornn.tasks.perceptual.economic_choice import EconomicChoice as EconomicChoice
from neurornn.tasks.perceptual.flexible_categorisation import FlexibleCategorisation as FlexibleCategorisation
from neurornn.tasks.perceptual.multisensory_decision import MultisensoryDecision as MultisensoryDecision
from neurornn.tasks.perceptual.perceptual_decision import PerceptualDecision as PerceptualDecision
from neurornn.tasks.perceptual.perceptual_decision_delayed import (
    PerceptualDecisionDelayed as PerceptualDecisionDelayed,
)
from neurornn.tasks.perceptual.perceptual_decision_rt import PerceptualDecisionRT as PerceptualDecisionRT
from neurornn.tasks.perceptual.perceptual_decision_variable import (
    PerceptualDecisionVariable as PerceptualDecisionVariable,
)
from neurornn.tasks.perceptual.poisson_clicks import PoissonClicks as PoissonClicks
from neurornn.tasks.perceptual.post_decision_wager import PostDecisionWager as PostDecisionWager
from neurornn.tasks.perceptual.probabilistic_reasoning import ProbabilisticReasoning as ProbabilisticReasoning
from neurornn.tasks.perceptual.pulse_accumulation import PulseAccumulation as PulseAccumulation
