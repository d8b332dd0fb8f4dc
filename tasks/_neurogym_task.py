"""A task whose trials neurogym makes."""

__all__ = ["NeurogymTask"]

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.random import derive_seed
from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._neurogym_env import RawTrial, TrialSource, open_source
from neurornn.tasks._neurogym_layout import Layout, columns, go_step, survey
from neurornn.tasks._neurogym_state import sealed
from neurornn.tasks._task import AbstractTask
from neurornn.trials import Trials

_WEIGHT_FIXATION = 0.05  # class weight of fixation in neurogym's own supervised examples
_TIMING_MARGIN = 0.2  # neurogym's prod_margin


@dataclass(frozen=True, kw_only=True)
class NeurogymTask(AbstractTask):
    r"""Trials of a neurogym environment; made by :func:`from_neurogym`.

    What it takes care of:

    * A trial depends on the task, the seed and its number, not on the batch. Every random generator the
      environment can reach has its own stream, and the global ones are put back. The entries of a schedule are
      drawn independently, as often as it gives them in the long run, and recorded as ``"schedule"``. An
      environment whose trials still depend on each other is refused.
    * Trials start at their first step and are padded at the end. The arrays are copies.
    * Ground truth of discrete actions becomes a probability for each action, trained with cross-entropy; of
      continuous actions, targets trained with the squared error.
    * The mask is 1 where an action is due and ``weight_fixation`` where fixation is. Fixation counts in full where it
      is the answer: in a response period without an action, such as that of a no-go trial. The single step at which
      an interval ends is not drowned by the steps around it.
    * Numbers and strings of the trial's dictionary are conditions, ``name_0``, ``name_1`` for sequences. A trial
      that lacks one has NaN or an empty string; a trial that lacks a period has an empty epoch at 0.

    What stays as neurogym has it: the stimuli, their noise (``sigma`` of the environment, not ``sigma_in``), the labels,
    and durations rounded down to whole steps (the production period of ``ReadySetGo-v0`` is twice a rounded
    interval, so ``dt`` changes it by up to two steps). Known oddities are logged as warnings.

    Attributes:
        env: Name of a registered environment, or a function that builds one.
        settings: Arguments of the environment or the function.
        weight_fixation: Weight of fixation in the mask; None is 0.05, 1 with continuous actions.
        fix_go_cue: Whether the fixation input stays on until the response is due.

    Raises:
        ValueError: If the environment has no independent supervised trials, or a parameter does not fit it.
    """

    supports_balanced: ClassVar[bool] = False
    n_roundings: ClassVar[int] = 2  # NeuroGym rounds an interval before it doubles or scales it

    env: str | Callable[..., Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    weight_fixation: float | None = None
    fix_go_cue: bool = False

    @property
    @override
    def name(self) -> str:
        """``"neurogym."`` and the name of the environment."""
        return f"neurogym.{self._built[0]}"

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        """One name for each observation, from ``observation_space.name`` where it has one."""
        return self.layout.input_names

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        """One name for each action, from ``action_space.name`` where it has one, or for each continuous output."""
        return self.layout.output_names

    @property
    @override
    def loss(self) -> Literal["squared_error", "cross_entropy"]:
        """Cross-entropy for discrete actions, squared error for continuous ones."""
        return "cross_entropy" if self.layout.discrete else "squared_error"

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The action taken in each response period.

        The action is the largest mean output of the period. Where the right action changes within a period, as in
        interval production, it is the first action other than fixation, which must come within 20 % of
        the right time. Fixation before the response is not judged.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"performance"``: 1 if all responses are right, else 0. For discrete actions also ``"choice"`` and
            ``"correct_choice"``, numbers of the actions in the last response period, -1 without one. For
            continuous actions, performance is the explained fraction of the variance of the targets, 0 at least,
            NaN if they are constant.
        """
        said, target = as_array(trials, output), as_array(trials, trials.targets)
        if not self.layout.discrete:
            explained = _explained(trials.mask.cpu().double().numpy(), said, target)
            return {"performance": np.maximum(explained, 0.0)}
        right = np.ones(trials.n_trials, dtype=bool)
        choice, correct = np.full((2, trials.n_trials), -1, dtype=np.int64)
        for name in self.layout.response:
            inside = window(trials, name)
            if name in self.layout.timed:
                did, due, fits = _judge_time(inside, said, target, self.layout.fixation)
            else:
                did, due, fits = _judge_action(inside, said, target)
            asked = inside.any(1)
            right &= (fits & _finite(inside, said)) | ~asked
            choice, correct = np.where(asked, did, choice), np.where(asked, due, correct)
        performance = np.where(correct >= 0, right.astype(np.float64), np.nan)
        return {"choice": choice, "correct_choice": correct, "performance": performance}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Mean observations in each period, over 64 trials: noise and conditions are averaged out.

        Returns:
            One vector for each period.
        """
        layout = self.layout
        probes = {name: torch.from_numpy(mean.copy()) for name, mean in layout.situations.items()}
        if self.fix_go_cue and layout.go_cue:
            channel, level = layout.go_cue
            for name, probe in probes.items():
                probe[channel] = level * layout.waiting[name]
        return probes

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        layout, (_, settings) = self.layout, self._built
        if layout.lost and "dt" in settings:
            raise ValueError(
                f"dt must be at most as long as the shortest period: got dt={self.dt:g} ms, and {', '.join(layout.lost)} of "
                f"'{self.name}' would vanish. Reduce dt."
            )
        if self.sigma_in != 0:
            raise ValueError(
                f"sigma_in must be 0: got {self.sigma_in:g}. neurogym adds the noise itself; give the environment its sigma."
            )
        if self.weight_fixation is not None:
            if not (math.isfinite(self.weight_fixation) and self.weight_fixation >= 0):
                raise ValueError(
                    f"weight_fixation must be finite and at least 0: got {self.weight_fixation}."
                )
            if not layout.discrete:
                raise ValueError(
                    f"weight_fixation has no meaning for '{self.name}': its actions are continuous. Leave it out."
                )
        if self.fix_go_cue and layout.go_cue is None:
            raise ValueError(f"'{self.name}' cannot have its go cue fixed: {layout.no_go_cue}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        if draws.given:
            raise ValueError(
                f"The conditions of '{self.name}' cannot be set trial by trial: got {', '.join(draws.given)}. Many environments "
                "ignore what new_trial() is given, or report it and show something else. Use the environment's "
                "settings, for instance cohs=[51.2]."
            )
        layout = self.layout
        with sealed():
            source = self._open(self._built[1])
            raw = [source.trial(derive_seed(draws.seed, "trials", self.name, int(i))) for i in draws.index]
        shape = (len(raw), max(len(trial.inputs) for trial in raw))
        u = np.zeros((*shape, self.n_inputs), dtype=np.float32)
        y = np.zeros((*shape, self.n_outputs), dtype=np.float32)
        mask = np.zeros(shape, dtype=np.float32)
        for b, trial in enumerate(raw):
            here = slice(len(trial.inputs))
            u[b, here] = self._observations(trial)
            y[b, here] = np.eye(self.n_outputs)[trial.target] if layout.discrete else trial.target
            mask[b, here] = self._weights(trial)
        epochs = dict.fromkeys([*layout.epochs, *(name for trial in raw for name in trial.periods)])
        return Trials(
            inputs=torch.from_numpy(u),
            targets=torch.from_numpy(y),
            mask=torch.from_numpy(mask),
            conditions=columns(raw, layout.kinds),
            epochs={
                name: np.array([trial.periods.get(name, (0, 0)) for trial in raw]) * float(self.dt)
                for name in epochs
            },
            info=self._info(draws),
        )

    def _observations(self, trial: RawTrial) -> NDArray[np.float32]:
        if not (self.fix_go_cue and self.layout.go_cue):
            return trial.inputs
        channel, level = self.layout.go_cue
        steps = np.arange(len(trial.inputs))
        trial.inputs[:, channel] = level * (steps < go_step(trial, self.layout.response))
        return trial.inputs

    def _weights(self, trial: RawTrial) -> NDArray[np.float64]:
        if not self.layout.discrete:
            return np.ones(len(trial.target))
        fixation = _WEIGHT_FIXATION if self.weight_fixation is None else self.weight_fixation
        acts = trial.target != self.layout.fixation
        weight = np.where(acts, 1.0, fixation)
        for name in self.layout.response:
            start, stop = trial.periods.get(name, (0, 0))
            if not acts[start:stop].any():
                weight[start:stop] = 1.0
        return weight

    @cached_property
    def layout(self) -> Layout:
        """What all trials have in common."""
        settings = self._built[1]
        return survey(lambda: self._open(settings))

    @cached_property
    def _built(self) -> tuple[str, dict[str, Any]]:
        """Name of the environment, and its settings with ``dt`` among them if it needs telling."""
        settings = dict(self.settings)
        with sealed():
            source = self._open(settings)
            if source.dt != self.dt:
                settings["dt"] = self.dt
                source = self._open(settings)
        if source.dt != self.dt:
            raise ValueError(f"'{source.label}' was told dt={self.dt:g} ms and has {source.dt:g} ms.")
        return source.label, settings

    def _open(self, settings: Mapping[str, Any]) -> TrialSource:
        return open_source(self.env, settings)


def _explained(
    mask: NDArray[np.float64], said: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fraction of the variance of the targets that the outputs explain, NaN for targets that do not vary."""
    weight = mask[..., None]
    mean = (weight * target).sum(1, keepdims=True) / np.maximum(weight.sum(1, keepdims=True), 1e-12)
    error = np.sum(weight * (said - target) ** 2, axis=(1, 2), where=weight > 0)
    error[np.isnan(error)] = np.inf
    total = np.sum(weight * (target - mean) ** 2, axis=(1, 2))
    return 1 - np.divide(error, total, out=np.full(total.shape, np.nan), where=total > 1e-12)


def _finite(inside: NDArray[np.bool_], said: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((np.isfinite(said).all(-1) | ~inside).all(-1))


def _judge_action(
    inside: NDArray[np.bool_], said: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Action with the largest sum of outputs in a period, the one that was due, and whether they agree."""
    did, due = (np.sum(each, axis=1, where=inside[..., None]).argmax(-1) for each in (said, target))
    return did, due, did == due


def _judge_time(
    inside: NDArray[np.bool_], said: NDArray[np.float64], target: NDArray[np.float64], fixation: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """First action in a period, the first that was due, and whether they agree in kind and time."""
    rows = np.arange(len(inside))
    kinds, times = [], []
    for each in (said, target):
        action = np.where(inside, each.argmax(-1), fixation)
        at = (action != fixation).argmax(1)
        kinds.append(action[rows, at])
        times.append(at - inside.argmax(1))
    near = np.abs(times[0] - times[1]) <= np.maximum(1, _TIMING_MARGIN * times[1])
    return kinds[0], kinds[1], (kinds[0] == kinds[1]) & (near | (kinds[1] == fixation))
