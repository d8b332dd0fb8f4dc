"""Learning to act with a gated memory: SARSA, with a trace and a tag at each synapse."""

__all__ = ["RECOLLECT"]

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from neurornn.networks import AbstractNetwork, GatedMemory
from neurornn.objective import Objective
from neurornn.rules._base import AbstractPiecewiseRule, AbstractRule, UnsuitableNetwork, plain_descent
from neurornn.rules._checks import check_positive, check_size
from neurornn.rules.recollect._course import AbstractCourse, TrialCourse, World, WorldCourse
from neurornn.rules.recollect._life import Life
from neurornn.trials import Trials


class _AbstractActing(AbstractPiecewiseRule):
    """A rule that acts, and learns between decisions."""

    clip_norm: ClassVar[float | None] = None

    @property
    @abstractmethod
    def _settings(self) -> "RECOLLECT":
        """How it learns."""

    @abstractmethod
    def _course(self, trials: Trials, generator: torch.Generator | None) -> AbstractCourse:
        """What its actions lead to."""

    @override
    def parts(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Iterator[Tensor]:
        gated = _checked(network, trials, objective)
        course = self._course(trials.to(gated.W_gate), generator)
        return _lived(self._settings, gated, course, objective, generator)


@dataclass(frozen=True)
class RECOLLECT(_AbstractActing):
    r"""A gated memory learns from what its actions bring, by what its synapses know.

    The outputs :math:`q` are the values of actions. A decision takes the largest; with probability :math:`\epsilon` it takes any.
    With the value :math:`q_k` of the action taken in decision :math:`k` and the reward :math:`R_k` that followed the one before, all weights move
    by

    .. math:: \Delta W = \beta\, \delta_k\, S, \qquad \delta_k = R_k + \gamma q_k - q_{k-1}

    (:math:`q_k = 0` after the last action), where the tag :math:`S` of a synapse remembers which decisions it had a part in,

    .. math:: S \leftarrow \gamma\lambda\, S + \frac{\partial q_k}{\partial W},

    and the derivative is local: a trace at the synapse times the read-out weight from its unit to the action
    taken, which feedback from the output brings. Since the gates of :class:`~neurornn.networks.GatedMemory` read nothing but the input
    the derivative is exact while the weights rest. The weights onto the gates learn more slowly, by a factor :math:`\beta_g / \beta`.

    It acts in one of two ways. A task that is a **world** (bandits, reversals, two-step: any with a method ``play``) is played
    when :func:`~neurornn.train` trains on it: what is seen follows from what is done. Any other **trials** ask for an action where one
    target is above all others. The right one brings ``reward``. If there is an output named ``hold``, such as fixation, that is
    the action of waiting: the first decision to hold that is right brings ``hold_reward``, to do anything else too early ends the
    trial, waiting after the go signal costs time alone, and the first answer ends the trial. Without such an output
    every decision is rewarded by itself. Nothing but rewards tells the network what the targets are.

    The weights move after every decision, so train with :meth:`optimizer`, plain gradient descent with rate ``rate``, for the published
    rule. Trials side by side learn together, from the mean of what each asks for; a batch of 1 is the published rule. Memory, traces and tags start
    anew in each trial, where the paper lets them run on.

    The loss it tells is the objective, computed from the outputs while acting, or half the squared error :math:`\delta` of the prediction of
    reward in a world; it descends neither.

    Attributes:
        rate: :math:`\beta`, learning rate of :meth:`optimizer`.
        gate_rate: :math:`\beta_g / \beta`.
        discount: :math:`\gamma`, for each decision.
        decay: :math:`\lambda`, how much of a tag outlasts a decision, apart from the discount.
        exploration: :math:`\epsilon`.
        temperature: Exploration takes each action with the probability of the soft-max of :math:`q / T`; None takes all alike.
        reward: Reward of a right answer in trials; worlds have their own.
        hold_reward: Reward of holding.
        hold: Name of the output that means to hold.
        each_step: Whether each step of trials is a decision, as in the paper. Otherwise a stretch of steps with the same right action
            is one, and its values are means over the stretch; worlds say themselves when a decision is due.

    Raises:
        ValueError: If a number makes no sense.

    References:
        Biologically plausible gated recurrent neural networks for working memory and learning-to-learn (van den Berg,
        Roelfsema & Bohte, 2024) https://doi.org/10.1371/journal.pone.0316453

    Examples:
        >>> import neurornn
        >>> task = neurornn.tasks.make("reversal", n_decisions=10, dt=100.0, grace=0.0)
        >>> network = neurornn.networks.GatedMemory(task.n_inputs, 8, task.n_outputs, dt=100.0)
        >>> result = neurornn.train(network, task, rule=RECOLLECT(), n_steps=2, batch_size=4)
        >>> result.history.sizes["step"]
        2
    """

    rate: float = 0.25
    gate_rate: float = 0.25
    discount: float = 0.9
    decay: float = 0.2
    exploration: float = 0.025
    temperature: float | None = None
    reward: float = 1.5
    hold_reward: float = 0.2
    hold: str = "fixation"
    each_step: bool = False

    def __post_init__(self) -> None:
        for name in ("discount", "decay", "exploration"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1: got {getattr(self, name)}.")
        check_positive("rate", self.rate)
        check_size("gate_rate", self.gate_rate)
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature must be finite and above 0, or None: got {self.temperature}.")
        for name in ("reward", "hold_reward"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be finite: got {getattr(self, name)}.")

    @override
    def for_task(self, task: Any) -> AbstractRule:
        return _Playing(self, task) if callable(getattr(task, "play", None)) else self

    @override
    def optimizer(self, network: AbstractNetwork) -> torch.optim.Optimizer:
        return plain_descent(network, self.rate)

    @property
    @override
    def _settings(self) -> "RECOLLECT":
        return self

    @override
    def _course(self, trials: Trials, generator: torch.Generator | None) -> AbstractCourse:
        return TrialCourse(
            trials, hold=self.hold, reward=self.reward, hold_reward=self.hold_reward, each_step=self.each_step
        )


@dataclass(frozen=True, eq=False)
class _Playing(_AbstractActing):
    """The rule while it plays a world."""

    rule: RECOLLECT
    world: World

    @override
    def optimizer(self, network: AbstractNetwork) -> torch.optim.Optimizer:
        return self.rule.optimizer(network)

    @property
    @override
    def _settings(self) -> RECOLLECT:
        return self.rule

    @override
    def _course(self, trials: Trials, generator: torch.Generator | None) -> AbstractCourse:
        return WorldCourse(self.world, trials, generator)


def _checked(network: AbstractNetwork, trials: Trials, objective: Objective) -> GatedMemory:
    if not isinstance(network, GatedMemory):
        raise UnsuitableNetwork(
            f"RECOLLECT is derived for gates that read nothing but the input: it needs a GatedMemory "
            f"(--kind recollect), got {type(network).__name__}."
        )
    if objective.costs_rates or objective.costs_weights:
        raise ValueError(
            "RECOLLECT learns from rewards, and penalties are none: leave them out of the objective."
        )
    network.check_trials(trials)
    network.check_inputs(trials.inputs.to(network.W_gate))
    return network


def _lived(
    rule: RECOLLECT,
    network: GatedMemory,
    course: AbstractCourse,
    objective: Objective,
    generator: torch.Generator | None,
) -> Iterator[Tensor]:
    """Sense, decide, learn what the last reward was worth, tag, take the next reward."""
    if rule.exploration > 0 and generator is None:
        raise ValueError(
            f"Actions are drawn with exploration={rule.exploration:g} and need an explicit source. Pass "
            "generator=torch.Generator().manual_seed(...)."
        )
    life = Life(network, course, rule.discount, rule.decay, rule.gate_rate)
    for step in range(course.n_steps):
        life.sense(step)
        if not life.due(step):
            continue
        life.decide(step, rule.exploration, rule.temperature, generator)
        if life.expects:
            life.learn_on()
            yield life.told(objective)
        life.act(step)
        if life.some_ended:
            life.learn_end()
            yield life.told(objective)
    life.learn_end()
    yield life.told(objective)
