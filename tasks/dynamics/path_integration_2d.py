"""Path integration in an arena."""

__all__ = ["PathIntegration2D"]

from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks.dynamics._smooth import folded, placed
from neurornn.tasks.dynamics._space import AbstractSpaceIntegration
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class PathIntegration2D(AbstractSpaceIntegration):
    r"""Know where one is in a square arena, from speed and heading alone.

    The walk has a smooth velocity, independent in both coordinates, and is reflected at the walls of the arena,
    :math:`-1 \le x, y \le 1`. The place where it starts, anywhere with equal probability, is shown in the epoch
    ``"start"``; a further channel says that it is shown. The inputs are the speed and the cosine and sine of the heading
    of the displacement in each step: speed times heading, added up, is the walk at any time step. The targets are the
    coordinates, from the start on.

    Cueva & Wei (2018) train networks on the task, from speed and heading to coordinates. The walk, its times and the
    tolerance are chosen here.

    Attributes:
        start: Duration of the first epoch, in which the first place is shown.
        walk: Duration of the walk.
        correlation: Correlation time of the velocity in ms, but for reflections.
        unit: Time in ms in which a speed of 1 moves the output by 1.
        tolerance: Largest distance that counts as correct.

    References:
        Emergence of grid-like representations by training recurrent neural networks to perform spatial localization
        (Cueva & Wei, 2018) https://arxiv.org/abs/1803.07770

    Examples:
        >>> task = PathIntegration2D(sigma_in=0.0)
        >>> trials = task.sample(1, seed=0)
        >>> speed, heading, steps = trials.inputs[0, 10:, :1], trials.inputs[0, 10:, 1:3], trials.targets[0, 9:].diff(dim=0)
        >>> bool((speed * heading * task.dt / task.unit - steps).abs().max() < 1e-5)
        True
    """

    name = "path-integration-2d-v1"
    input_names = ("speed", "heading_cos", "heading_sin", "start_shown", "start_x", "start_y")
    output_names = ("x", "y")

    start: Timing = 200.0
    walk: Timing = 3000.0

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        first = np.stack([draws.uniform(f"start_place_{name}", -1.0, 1.0) for name in ("x", "y")], axis=1)
        if (np.abs(first) > 1).any():
            raise ValueError("The first place must lie in the arena: both coordinates between -1 and 1.")
        epochs, integral = self._walk(draws, {"start": draws.duration("start", self.start)}, 2)
        path = folded(first[:, None] + integral / self.unit)
        velocity = np.diff(path, axis=1) * (self.unit / self.dt)
        speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
        heading = np.divide(velocity, speed, out=np.zeros_like(velocity), where=speed > 0)
        showing = epochs.during("start")[..., None]
        before = first[:, None] * showing
        return self._assemble(
            draws,
            epochs,
            inputs={
                "motion": placed(epochs, "walk", np.concatenate([speed, heading], axis=-1)),
                "start_shown": showing,
                "start": before,
            },
            targets={"place": before + placed(epochs, "walk", path[:, 1:])},
            mask=epochs.valid,
        )
