"""A subject that senses, decides, learns and acts, in many trials side by side."""

__all__ = ["Life"]

import torch
from torch import Tensor

from neurornn.networks import GatedMemory
from neurornn.objective import Objective
from neurornn.rules.recollect._course import AbstractCourse
from neurornn.rules.recollect._synapses import Tags, Traces


class Life:
    """What goes on in a network between the first step of a course and the last.

    ``sense`` in each step; after a step in which a decision is ``due`` ``decide``, ``learn_on`` if one ``expects`` something, and ``act``, then
    ``learn_end`` if that ended trials, or when the course is over. Weights are read anew each time, so they may move after each learning.

    Args:
        network: The network.
        course: What it goes through.
        discount: Discount of the value of the next decision.
        decay: How much of a tag outlasts a decision, apart from the discount.
        gate_rate: Factor of the changes of the weights onto the gates.

    Attributes:
        alive: Which trials have decisions to come.
        ended: Which trials ended with the last action.
    """

    def __init__(
        self, network: GatedMemory, course: AbstractCourse, discount: float, decay: float, gate_rate: float
    ) -> None:
        n = course.n_trials
        self.network, self.course = network, course
        self.discount, self.decay, self.gate_rate = discount, decay, gate_rate
        self.memory = network.initial_state(n)
        self.traces, self.tags = Traces.silent(network, n), Tags.blank(network, n)
        self.alive = course.closes.any(1)
        self.ended = torch.zeros_like(self.alive)
        self.acted = torch.zeros_like(self.alive)
        self.value, self.reward = self.memory.new_zeros(n), self.memory.new_zeros(n)
        self.delta = self.memory.new_zeros(n)
        self.outputs: list[Tensor] = []
        self.n_told = 0
        self._closing = course.closes.any(0).tolist()
        self._all_close = (course.closes & course.judged).all(0).tolist()
        self._judging = course.judged.any(0).tolist()
        self._stretch: list[Tensor] | None = None

    @torch.no_grad()
    def sense(self, step: int) -> None:
        """Take in the input of a step.

        Args:
            step: The step.
        """
        self.traces, self.memory = self.traces.advanced(self.network, self.memory, self.course.input(step))
        self.outputs.append(self.network.read_out(self.memory))
        self._average(step)

    def due(self, step: int) -> bool:
        """Whether any trial decides after a step.

        Args:
            step: The step.

        Returns:
            Whether there is a decision.
        """
        return self._closing[step] and bool((self.alive & self.course.closes[:, step]).any())

    @torch.no_grad()
    def decide(
        self, step: int, exploration: float, temperature: float | None, generator: torch.Generator | None
    ) -> None:
        """Choose an action.

        Args:
            step: The step.
            exploration: Probability of exploring.
            temperature: Temperature of exploration; None for all actions alike.
            generator: Source of the choice.
        """
        self.acting = self.alive & self.course.closes[:, step]
        q = self.network.read_out(self.decided)
        self.action = q.argmax(-1)
        if exploration > 0 and generator is not None:
            u = torch.rand(2, len(q), generator=generator, device=generator.device, dtype=torch.float64).to(
                q.device
            )
            even = torch.ones_like(q) if temperature is None else q / temperature
            chance = torch.softmax(even, -1).double().cumsum(-1)[:, :-1]
            other = (chance < u[1][:, None]).sum(-1)
            self.action = torch.where(u[0] < exploration, other, self.action)
        self.chosen = q.gather(1, self.action[:, None])[:, 0]

    @torch.no_grad()
    def learn_on(self) -> None:
        """Learn from the last reward and the value of what is chosen now."""
        delta = self.reward + self.discount * self.chosen - self.value
        self._learn(torch.where(self.acting & self.acted, delta, 0.0))

    @torch.no_grad()
    def act(self, step: int) -> None:
        """Tag the synapses and act.

        Args:
            step: The step.
        """
        fade = self.discount * self.decay
        self.tags = self.tags.marked(
            self.network, self.deciding, self.decided, self.action, self.acting, fade
        )
        reward, over = self.course.act(step, self.action, self.acting)
        self.reward = torch.where(self.acting, reward, self.reward)
        self.value = torch.where(self.acting, self.chosen, self.value)
        self.acted |= self.acting
        self.ended = self.acting & over
        self.alive &= ~self.ended

    @torch.no_grad()
    def learn_end(self) -> None:
        """Learn from the last reward of the trials that ended: nothing is to be expected after it."""
        self._learn(torch.where(self.ended, self.reward - self.value, 0.0))

    @property
    def expects(self) -> bool:
        """Whether any trial that decides now has acted before."""
        return bool((self.acting & self.acted).any())

    @property
    def some_ended(self) -> bool:
        """Whether some trials ended with the last action and others go on."""
        return bool(self.ended.any() and self.alive.any())

    def told(self, objective: Objective) -> Tensor:
        """What is told about the steps since it was asked the last time.

        Args:
            objective: What training looks at.

        Returns:
            A scalar.
        """
        start, self.n_told = self.n_told, len(self.outputs)
        with torch.no_grad():
            fresh = self.outputs[start:]
            outputs = torch.stack(fresh, 1) if fresh else None
            return self.course.loss(objective, outputs, start, self.delta)

    def _learn(self, delta: Tensor) -> None:
        self.delta = delta
        self.tags.fill(self.network, delta, self.gate_rate)

    def _average(self, step: int) -> None:
        """Traces and memory behind a decision: means over the steps that are judged."""
        if self._all_close[step] and self._stretch is None:
            self.deciding, self.decided = self.traces, self.memory
            return
        if not self._judging[step]:
            return
        if self._stretch is None:
            count, memory = torch.zeros_like(self.value), torch.zeros_like(self.memory)
            self._stretch = [count, memory, *(torch.zeros_like(each) for each in self.traces)]
        counts = self.course.judged[:, step].to(self.value)
        added = (torch.ones_like(self.value), self.memory, *self.traces)
        count, memory, candidate, gate = (
            total + _wide(counts, each) * each for total, each in zip(self._stretch, added, strict=True)
        )
        self._stretch = [count, memory, candidate, gate]
        if self._closing[step]:
            n = count.clamp(min=1.0)
            self.decided = memory / _wide(n, memory)
            self.deciding = Traces(candidate / _wide(n, candidate), gate / _wide(n, gate))
            closed = self.course.closes[:, step]
            if bool(closed.all()):
                self._stretch = None
            else:
                stays = (~closed).to(n)
                self._stretch = [_wide(stays, each) * each for each in self._stretch]


def _wide(of_trial: Tensor, like: Tensor) -> Tensor:
    """One number for each trial, to be multiplied with something larger."""
    return of_trial.reshape(-1, *(1,) * (like.ndim - 1))
