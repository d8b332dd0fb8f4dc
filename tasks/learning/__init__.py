"""Tasks of learning within an episode: what is seen follows from what is done."""

__all__ = [
    "AbstractEnvironment",
    "AbstractObserver",
    "AbstractRewardTask",
    "Bandit",
    "Reversal",
    "TwoStep",
    "rollout",
]

from neurornn.tasks.learning._environment import AbstractEnvironment as AbstractEnvironment
from neurornn.tasks.learning._observer import AbstractObserver as AbstractObserver
from neurornn.tasks.learning._reward_task import AbstractRewardTask as AbstractRewardTask
from neurornn.tasks.learning._rollout import rollout as rollout
from neurornn.tasks.learning.bandit import Bandit as Bandit
from neurornn.tasks.learning.reversal import Reversal as Reversal
from neurornn.tasks.learning.two_step import TwoStep as TwoStep
