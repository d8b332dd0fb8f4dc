"""Centre-out reaching: a straight, smooth movement of the hand to one of several targets."""

__all__ = ["CentreOut"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import (
    AbstractMeasure,
    Accuracy,
    Endpoints,
    MeanBy,
    SpeedProfile,
    reach_kinematics,
)
from neurornn.recipe import Recipe
from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._codes import AbstractDirectionCode, RingCode
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing, Uniform, as_timing, to_steps
from neurornn.trials import Trials

_CODE = RingCode(32)
_DELAY = Uniform(300.0, 1000.0)
_HOLD = 100.0  # ms at the end of the trial, and before the go cue, in which the place of the hand is judged


@register
@dataclass(frozen=True, kw_only=True)
class CentreOut(AbstractTask):
    r"""Move the hand from the centre to a target after an instructed delay.

    The direction of the target is shown from the epoch ``"stimulus"``, an instructed delay, to the end of the trial.
    The movement starts a latency after the fixation input goes off, the start of the epoch ``"response"``. It is the
    movement with the least jerk,

    .. math:: s(\tau) = D\,(10 \tau^3 - 15 \tau^4 + 6 \tau^5), \qquad
        v(\tau) = \frac{30 D}{T} (\tau^2 - 2 \tau^3 + \tau^4), \qquad \tau = \frac{t - t_{go} - t_0}{T}

    along a straight line, with the distance :math:`D`, the duration :math:`T` and the latency :math:`t_0`; after it
    the hand rests at the target. The two outputs are the position of the hand, in units of the workspace, or its
    velocity, in those units per second. There is no plant: the outputs are the movement. The loss counts every step.

    A trial is correct if the hand is, on average over the last 100 ms, within ``tolerance`` of the target, and has
    not left the centre by more than that before the go cue. With velocity outputs the position is their sum from the
    go cue on.

    Flash & Hogan (1985) give the profile. Times and sizes are chosen here.

    Attributes:
        directions: Directions of the targets in degrees.
        held_out_directions: Those that training never shows.
        code: How the direction enters the network: a ring of channels, or a cosine and a sine.
        kinematics: Whether the outputs are position or velocity.
        fixation: Duration before the target.
        stimulus: Duration from the target to the go cue.
        response: Duration from the go cue to the end.
        latency: Time in ms from the go cue to the start of the movement.
        movement: Duration of the movement in ms.
        distance: Distance of the target from the centre.
        tolerance: Largest endpoint error that counts as correct.

    References:
        The coordination of arm movements: an experimentally confirmed mathematical model (Flash & Hogan, 1985)
        https://doi.org/10.1523/JNEUROSCI.05-07-01688.1985

    Examples:
        >>> trials = CentreOut().sample(1, seed=0, conditions={"direction": 90.0})
        >>> trials.targets[0, -1].round(decimals=3).tolist()   # straight up
        [0.0, 1.0]
    """

    name = "centre-out-v1"

    sigma_in: float = 0.05
    directions: tuple[float, ...] = (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0)
    held_out_directions: tuple[float, ...] = ()
    code: AbstractDirectionCode = _CODE
    kinematics: Literal["position", "velocity"] = "position"
    fixation: Timing = 200.0
    stimulus: Timing = _DELAY
    response: Timing = 1000.0
    latency: float = 150.0
    movement: float = 500.0
    distance: float = 1.0
    tolerance: float = 0.2

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *self.code.names("target"))

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return ("x", "y") if self.kinematics == "position" else ("vx", "vy")

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if self.kinematics not in ("position", "velocity"):
            raise ValueError(f"kinematics must be 'position' or 'velocity': got {self.kinematics!r}.")
        sizes = (self.movement, self.distance, self.tolerance)
        if not all(0 < size < math.inf for size in sizes) or not 0 <= self.latency < math.inf:
            raise ValueError(
                "movement, distance and tolerance must be finite and above 0, and latency at least 0: got "
                f"movement={self.movement}, distance={self.distance}, tolerance={self.tolerance}, latency={self.latency}."
            )
        if self.latency + self.movement + _HOLD > as_timing(self.response).lower:
            raise ValueError(
                f"The response must hold latency, movement and {_HOLD:g} ms at the target: got latency={self.latency} ms, "
                f"movement={self.movement} ms and response={self.response}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        direction = draws.choice(
            "direction", self.directions, unit="degree", held_out=self.held_out_directions
        )
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "response": draws.duration("response", self.response),
            },
        )
        since = epochs.elapsed("response") - self.latency
        along = _travelled(since / self.movement)
        if self.kinematics == "velocity":  # its mean over each step, so that the steps add up to the movement
            along = (_travelled((since + self.dt) / self.movement) - along) * (1000.0 / self.dt)
        radians = np.deg2rad(direction)[:, None, None]
        unit = np.concatenate([np.cos(radians), np.sin(radians)], axis=-1)
        return self._assemble(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("response"),
                "target": held(self.code.encode(direction), epochs.during("stimulus", "response")),
            },
            targets={"hand": self.distance * along[..., None] * unit},
            mask=epochs.valid,
            units={
                "peak_speed": "1/s",
                **dict.fromkeys(("time_to_peak", "reaction_time", "movement_time"), "ms"),
            },
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """Where the hand went and how (:func:`~neurornn.analysis.behaviour.reach_kinematics`).

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"endpoint_x"``, ``"endpoint_y"`` and ``"endpoint_error"``, the distance from the target;
            ``"path_ratio"``, ``"deviation"``, ``"peak_speed"``, ``"time_to_peak"``, ``"reaction_time"`` and
            ``"movement_time"`` of the movement after the go cue; ``"premature"``, ``"correct"`` and ``"performance"``.
        """
        y, dt = as_array(trials, output), trials.info.dt
        moving = window(trials, "response")
        waiting = window(trials, "fixation") | window(trials, "stimulus")
        if self.kinematics == "velocity":
            before = np.sum(y, axis=1, where=waiting[..., None]) * (dt / 1000.0)
            hand = np.cumsum(np.where(moving[..., None], y, 0.0), axis=1) * (dt / 1000.0)
        else:
            before, hand = _mean_at_end(y, waiting, dt), y
        end = _mean_at_end(hand, moving, dt)
        radians = np.deg2rad(np.asarray(trials.conditions["direction"], dtype=np.float64))
        target = self.distance * np.stack([np.cos(radians), np.sin(radians)], axis=1)
        error = np.linalg.norm(end - target, axis=1)
        premature = np.linalg.norm(before, axis=1) > self.tolerance
        correct = ~premature & (error <= self.tolerance)
        return {
            "endpoint_x": end[:, 0],
            "endpoint_y": end[:, 1],
            "endpoint_error": error,
            **reach_kinematics(hand, moving, dt),
            "premature": premature,
            "correct": correct,
            "performance": correct.astype(np.float64),
        }

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "endpoints": Endpoints(distance=self.distance),
            "speed profile": SpeedProfile(by="direction"),
            "path ratio": MeanBy("path_ratio", by="direction"),
            "accuracy": Accuracy(by="direction"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The instructed delay and the movement, for each target.

        Returns:
            Two vectors for each direction.
        """
        found = {}
        for direction in self.directions:
            shown = torch.from_numpy(self.code.encode(np.array(direction))).float()
            for name, fixation in (("delay", 1.0), ("movement", 0.0)):
                found[f"{name}, {direction:g} degree"] = torch.cat([torch.tensor([fixation]), shown])
        return found


def _travelled(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fraction of the distance covered at a fraction of the movement time; 0 before and 1 after it."""
    p = np.clip(phase, 0.0, 1.0)
    return p**3 * (10.0 - 15.0 * p + 6.0 * p**2)


def _mean_at_end(y: NDArray[np.float64], inside: NDArray[np.bool_], dt: float) -> NDArray[np.float64]:
    """Mean over the last 100 ms of a stretch of each trial."""
    left = inside.sum(axis=1, keepdims=True) - np.cumsum(inside, axis=1)
    last = inside & (left < max(int(to_steps(_HOLD, dt)), 1))
    return np.asarray(np.sum(y, axis=1, where=last[..., None]) / last.sum(axis=1, keepdims=True))
