"""Rules that learn from reward alone: perturb, and see what is rewarded."""

__all__ = [
    "AbstractBaseline",
    "AbstractRewardRule",
    "Antithetic",
    "LeaveOneOut",
    "NoBaseline",
    "NodePerturbation",
    "Noiseless",
    "RewardHebbian",
    "RunningMean",
    "WeightPerturbation",
]

from neurornn.rules.perturbation._baselines import AbstractBaseline as AbstractBaseline
from neurornn.rules.perturbation._baselines import Antithetic as Antithetic
from neurornn.rules.perturbation._baselines import LeaveOneOut as LeaveOneOut
from neurornn.rules.perturbation._baselines import NoBaseline as NoBaseline
from neurornn.rules.perturbation._baselines import Noiseless as Noiseless
from neurornn.rules.perturbation._baselines import RunningMean as RunningMean
from neurornn.rules.perturbation._explored import AbstractRewardRule as AbstractRewardRule
from neurornn.rules.perturbation._hebbian import RewardHebbian as RewardHebbian
from neurornn.rules.perturbation._node import NodePerturbation as NodePerturbation
from neurornn.rules.perturbation._weight import WeightPerturbation as WeightPerturbation
