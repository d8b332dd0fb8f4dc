"""What all tasks of the suites share: two rings of stimuli, a fixation cue, and a direction as the response."""

__all__ = ["AbstractRingTask"]

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn._channels import Block, write_channels
from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._codes import AbstractDirectionCode, RingCode
from neurornn.tasks._decoding import angular_error
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import to_steps
from neurornn.tasks.suites._plan import Plan
from neurornn.trials import Trials

_STREAM = "ring tasks"  # the input noise of a trial is the same in all ring tasks, alone and in a suite
_THRESHOLD = 0.5  # of the fixation output: below it the subject responds


@dataclass(frozen=True, kw_only=True)
class AbstractRingTask(AbstractTask):
    r"""Fixate until told to respond, then respond in a direction, or go on fixating.

    A stimulus is a direction in one of two modalities. A ring of channels carries it as a bump; stimuli on the same
    ring add up. A cosine and a sine cannot carry two directions at once, so there the second of two simultaneous
    stimuli has a pair of channels of its own. The fixation input is on from the start. The outputs are one for
    fixation and the code of the response. The loss does not count the first ``grace`` ms of the trial and of the
    response, and counts the rest of the response ``response_weight`` times.

    A trial is done correctly if the fixation output stays above 0.5 until the response is due (after the first
    ``grace`` ms, mean over each 100 ms), and then, at its end (mean over the last ``judged`` ms), is below 0.5 with the
    direction of the other outputs within ``tolerance``; where no response is due, the fixation output must be above 0.5.

    Attributes:
        code: How directions enter and are read.
        grace: Time in ms that is not counted at the start of the trial and of the response.
        response_weight: Weight of the response in the loss, relative to what comes before.
        fixation_target: Target of the fixation output while fixating.
        baseline: Target of the fixation output while responding and of a ring without a response, under the bump.
        tolerance: Largest error of a correct response in degrees.
        judged: Time in ms at the end of the response during which it is read.
        held_out_directions: Two bounds in degrees: (first) stimuli in this range are only shown in a test.
    """

    simultaneous: ClassVar[bool] = True
    """Whether the task, or another of its suite, shows two stimuli at once in a modality."""

    sigma_in: float = 0.01
    code: AbstractDirectionCode = RingCode(32)  # noqa: RUF009
    grace: float = 100.0
    response_weight: float = 5.0
    fixation_target: float = 0.85
    baseline: float = 0.05
    tolerance: float = 36.0
    judged: float = 100.0
    held_out_directions: tuple[float, ...] = ()

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *self._stimulus_names)

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return ("fixation", *self.code.names("response"))

    @property
    @abstractmethod
    def epoch_names(self) -> tuple[str, ...]:
        """Epochs of the task, in their order; a plain class attribute will do."""

    @property
    def _n_places(self) -> int:
        """How many directions at once need channels of their own in a modality."""
        return 2 if self.simultaneous and not isinstance(self.code, RingCode) else 1

    @property
    def _stimulus_names(self) -> tuple[str, ...]:
        places = ("", "b")[: self._n_places]
        return tuple(
            name
            for modality in (1, 2)
            for place in places
            for name in self.code.names(f"modality_{modality}{place}")
        )

    @property
    def _hidden(self) -> tuple[float, float] | None:
        return (
            (self.held_out_directions[0], self.held_out_directions[1]) if self.held_out_directions else None
        )

    @abstractmethod
    def plan(self, draws: TrialDraws) -> Plan:
        """What happens in each trial.

        Args:
            draws: Random quantities of the trials.

        Returns:
            Epochs, stimuli and responses.
        """

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        bounds = self.held_out_directions
        if len(bounds) not in (0, 2) or (bounds and not 0 <= bounds[0] < bounds[1] <= 360):
            raise ValueError(
                f"held_out_directions needs two bounds in degrees, 0 <= low < high <= 360: got {bounds}."
            )
        for name in ("grace", "judged", "response_weight", "tolerance"):
            value, least = getattr(self, name), (0.0 if name == "grace" else 1e-9)
            if not least <= value < math.inf:
                raise ValueError(
                    f"{name} must be finite and {'at least' if least == 0 else 'above'} 0: got {value}."
                )
        if not self.baseline < _THRESHOLD < self.fixation_target < math.inf:
            raise ValueError(
                f"The fixation output is judged at {_THRESHOLD}: baseline must lie below and fixation_target above, "
                f"got {self.baseline} and {self.fixation_target}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        return self._trials(draws, self.plan(draws))

    def _trials(self, draws: TrialDraws, plan: Plan, cues: NDArray[np.float32] | None = None) -> Trials:
        """The plan as arrays over time.

        Args:
            draws: Random quantities of the trials.
            plan: What happens in each of them.
            cues: Further inputs that stay on during the trial, ``(trial, channel)``.

        Returns:
            The trials.
        """
        epochs = plan.epochs(self.dt, self.epoch_names)
        n, n_steps, width = draws.n_trials, epochs.n_steps, self.code.n_channels
        valid, responding = epochs.valid, epochs.during("response")
        blocks = np.zeros((n, plan.angle.shape[1], 2 * self._n_places, width), dtype=np.float32)
        trial, item = np.ogrid[:n, : plan.angle.shape[1]]
        block = plan.modality * self._n_places + plan.place * (self._n_places - 1)
        blocks[trial, item, block] = self.code.encode(plan.angle) * plan.strength[..., None]

        u = np.zeros((n, n_steps, self.n_inputs), dtype=np.float32)
        u[..., 0] = ~(responding & plan.go_cue[:, None])
        first_cue = 1 + blocks.shape[2] * width
        np.matmul(plan.shown(n_steps), blocks.reshape(n, blocks.shape[1], -1), out=u[..., 1:first_cue])
        if cues is not None:
            u[..., first_cue:] = cues[:, None]
        if self.sigma_in > 0:
            shared = TrialDraws(draws.seed, draws.index, dt=self.dt, task=_STREAM, split=draws.split)
            write_channels([Block(u)], shared.noise("input noise", self._noise_scale, n_steps, self.n_inputs))
        u *= valid[..., None]

        going = responding & ~np.isnan(plan.response)[:, None]
        floor = self.baseline if isinstance(self.code, RingCode) else 0.0
        bump = self.code.encode(np.nan_to_num(plan.response)).astype(np.float32)
        y = np.empty((n, n_steps, 1 + width), dtype=np.float32)
        y[..., 0] = np.where(going, self.baseline, self.fixation_target)
        y[..., 1:] = floor + going[..., None] * bump[:, None]
        y *= valid[..., None]

        counted = epochs.during("response", after=self.grace) * np.float32(self.response_weight)
        counted += ~responding & (epochs.step >= to_steps(self.grace, self.dt))
        return Trials(
            inputs=torch.from_numpy(u),
            targets=torch.from_numpy(y),
            mask=torch.from_numpy((counted * valid).astype(np.float32)),
            conditions={**plan.conditions, "correct_direction": plan.response},
            epochs=epochs.bounds,
            info=self._info(draws, {**plan.units, "correct_direction": "degree"}),
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        target = trials.conditions["correct_direction"].astype(np.float64)
        fixation = as_array(trials, output)[..., 0]
        held = self._held(trials, fixation)
        final = self._final(trials, output)
        responded = final[:, 0] < _THRESHOLD
        direction = np.where(responded, self.code.decode(final[:, 1:]), np.nan)
        error = angular_error(direction, target)
        asked = ~np.isnan(target)
        right = np.abs(np.nan_to_num(error, nan=np.inf)) < self.tolerance
        correct = held & np.where(asked, right, ~responded)
        found: dict[str, NDArray[np.generic]] = {
            "fixation_held": held,
            "responded": responded,
            "response_direction": direction,
            "response_error": error,
            "correct": correct,
            "performance": correct.astype(np.float64),
        }
        if "signed_coherence" in trials.conditions:
            found["choice"] = _nearer(direction, trials)
        return found

    def _held(self, trials: Trials, fixation: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the fixation output, averaged over each 100 ms, stays high until the response is due."""
        width = max(int(to_steps(100.0, self.dt)), 1)
        step = np.arange(trials.n_steps)
        start = int(to_steps(self.grace, self.dt))
        stop = to_steps(trials.epochs["response"][:, :1], self.dt)
        inside = (step >= start) & (step < stop)
        kept = np.where(inside, fixation, 0.0)
        pad = ((0, 0), (1, 0))
        total, count = (np.pad(np.cumsum(x, axis=1), pad) for x in (kept, inside.astype(np.int64)))
        sums, counts = total[:, width:] - total[:, :-width], count[:, width:] - count[:, :-width]
        mean = np.where(counts == width, sums / width, np.inf)
        return np.asarray(mean.min(1, initial=np.inf) > _THRESHOLD)

    def _final(self, trials: Trials, output: Tensor) -> NDArray[np.float64]:
        """Mean output at the end of the response."""
        stop = to_steps(trials.epochs["response"][:, 1:], self.dt)
        width = max(int(to_steps(self.judged, self.dt)), 1)
        last = window(trials, "response") & (np.arange(trials.n_steps) >= stop - width)
        total = np.sum(as_array(trials, output), axis=1, where=last[..., None])
        return np.asarray(total / last.sum(1, keepdims=True))

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The fixation cue alone: before a stimulus, and during a delay.

        Returns:
            One vector.
        """
        alone = torch.zeros(self.n_inputs)
        alone[0] = 1.0
        return {"fixation": alone}


def _nearer(direction: NDArray[np.float64], trials: Trials) -> NDArray[Any]:
    """+1 if the response is nearer to the first stimulus, -1 if to the second, 0 where there was nothing to choose."""
    first, second = (
        np.abs(angular_error(direction, trials.conditions[f"{which}_direction"].astype(np.float64)))
        for which in ("first", "second")
    )
    choosing = ~np.isnan(trials.conditions["signed_coherence"].astype(np.float64))
    return np.where(choosing, np.sign(np.nan_to_num(second - first)), 0.0).astype(np.int64)
