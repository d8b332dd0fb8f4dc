"""Many tasks for one network: a cue on each trial says which."""

__all__ = ["AbstractSuite"]

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn._words import did_you_mean
from neurornn.analysis.behaviour import AbstractMeasure
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._given import replacement
from neurornn.tasks._timing import Fixed, as_timing, to_steps
from neurornn.tasks.suites._by_rule import ByRule
from neurornn.tasks.suites._plan import EPOCHS, Plan
from neurornn.tasks.suites._ring_task import AbstractRingTask
from neurornn.tasks.suites._schedules import AbstractSchedule, Interleaved
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractSuite(AbstractRingTask):
    """Ring tasks with the same channels and a cue for each, on during the whole trial.

    The condition ``rule`` says which task a trial is. Trial number ``n`` of a seed is trial ``n`` of that task alone
    with the same seed, with the cues as further inputs. Conditions that a rule does not have are NaN; epochs that it
    does not have take no time. All conditions of the rules can be set, in trials of rules that have them.

    In a balanced batch every rule comes equally often and the rest is random: so a training is validated on all
    rules, whatever its schedule.

    Attributes:
        rules: Rules that trials are drawn from, in the order of a sequential schedule; all if empty. There is a cue for
            each rule of the suite in any case.
        schedule: How a rule is chosen for each trial.
    """

    members: ClassVar[Mapping[str, type[AbstractRingTask]]]
    """The tasks by rule, in the order of the cues."""

    rules: tuple[str, ...] = ()
    schedule: AbstractSchedule = Interleaved()  # noqa: RUF009

    @property
    def drawn_rules(self) -> tuple[str, ...]:
        """Rules that trials are drawn from."""
        return self.rules or tuple(self.members)

    @cached_property
    def tasks(self) -> dict[str, AbstractRingTask]:
        """Each task alone, with the settings of the suite."""
        shared = {name: getattr(self, name) for name in self._shared}
        return {rule: member(**shared) for rule, member in self.members.items()}

    _shared: ClassVar[tuple[str, ...]] = (
        "dt", "sigma_in", "code", "grace", "response_weight", "fixation_target", "baseline", "tolerance", "judged",
        "held_out_directions",
    )  # fmt: skip

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return (*super().input_names, *(f"rule_{rule}" for rule in self.members))

    @property
    @override
    def epoch_names(self) -> tuple[str, ...]:
        """All epochs that a task of the suite has."""
        return tuple(name for name in EPOCHS if any(name in each.epoch_names for each in self.tasks.values()))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        for rule in self.rules:
            self._check_rule(rule)
        if len(set(self.rules)) != len(self.rules):
            raise ValueError(f"Each rule can be named once: got {self.rules}.")

    def _check_rule(self, rule: str) -> None:
        if rule not in self.members:
            raise ValueError(
                f"'{self.name}' has no rule '{rule}'.{did_you_mean(rule, self.members)} It has: {', '.join(self.members)}."
            )

    @override
    def plan(self, draws: TrialDraws) -> Plan:
        rule = self._rule_of(draws)
        plan = Plan.empty(draws.n_trials)
        plan.conditions = {"rule": rule} | {name: np.full(draws.n_trials, np.nan) for name in self._columns}
        given = {name: values for name, values in draws.given.items() if name in self._columns}
        draws.names.extend(given)
        for name, task in self.tasks.items():
            rows = np.flatnonzero(rule == name)
            if rows.size:
                mine = {
                    key: replacement(key, values, np.zeros(draws.n_trials))[rows]
                    for key, values in given.items()
                }
                own = TrialDraws(
                    draws.seed,
                    draws.index[rows],
                    dt=self.dt,
                    task=task.name,
                    split=draws.split,
                    conditions=mine,
                )
                part = task.plan(own)
                own.check_given(part.conditions)
                plan.put(rows, part)
        return plan

    def fixed_timing(self, rule: str) -> dict[str, float]:
        """Conditions that give every trial of a rule the same epochs, each of its mean duration.

        Args:
            rule: Name of the rule.

        Returns:
            Durations in ms by condition, multiples of the time step.

        Examples:
            >>> from neurornn.tasks.suites import MultiTask
            >>> MultiTask().fixed_timing("fdgo")
            {'fixation': 500.0, 'stimulus': 1000.0}
        """
        task = self.tasks[rule]
        means = {name: as_timing(getattr(task, name)) for name in task.epoch_names}
        return {
            name: float(to_steps(timing.mean, self.dt) * self.dt)
            for name, timing in means.items()
            if not isinstance(timing, Fixed)
        }

    def with_cues(self, trials: Trials, weights: Mapping[str, float]) -> Trials:
        """The same trials with other rule cues, for instance those of several rules added and subtracted.

        Args:
            trials: Trials of the suite.
            weights: Strength of the cue of each rule; 0 if not named. Input noise on the cues stays out.

        Returns:
            The trials, still judged by their own rule.

        Raises:
            ValueError: If there is no such rule.
        """
        for rule in weights:
            self._check_rule(rule)
        inputs = trials.inputs.clone()
        cues = inputs.new_tensor([weights.get(rule, 0.0) for rule in self.members])
        inputs[..., -len(self.members) :] = cues * trials.valid[..., None].to(inputs)
        return replace(trials, inputs=inputs)

    def _rule_of(self, draws: TrialDraws) -> NDArray[np.str_]:
        rule = draws.choice("rule", self.drawn_rules)
        if not draws.balanced and "rule" not in draws.given:
            scheduled = np.asarray(self.drawn_rules)[self.schedule.choose(draws, len(self.drawn_rules))]
            rule = draws.conditions["rule"] = scheduled.astype(rule.dtype)
        return rule

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        """Conditions that the tasks have."""
        names = [name for task in self.tasks.values() for name in task.sample(1, seed=0).conditions]
        return tuple(dict.fromkeys(name for name in names if name != "correct_direction"))

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        plan = self.plan(draws)
        cues = (plan.conditions["rule"][:, None] == np.asarray(tuple(self.members))).astype(np.float32)
        return self._trials(draws, plan, cues)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"accuracy by rule": ByRule(tuple(self.members))}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The fixation cue with the cue of each rule: before a stimulus, and during a delay.

        Returns:
            One vector for each rule.
        """
        first = self.n_inputs - len(self.members)
        found = {}
        for k, rule in enumerate(self.members):
            found[rule] = torch.zeros(self.n_inputs)
            found[rule][0] = found[rule][first + k] = 1.0
        return found
