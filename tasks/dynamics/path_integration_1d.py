"""Path integration on a track."""

__all__ = ["PathIntegration1D"]

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
class PathIntegration1D(AbstractSpaceIntegration):
    """Know where one is on a track between two walls, from the velocity alone.

    The walk is that of a smooth velocity, reflected at walls at -1 and 1. The place where it starts, anywhere on the
    track with equal probability, is shown in the epoch ``"start"``; a second channel says that it is shown. The input
    holds the mean velocity in each step, reflections included, in units of the ``unit``: the steps add up to the walk
    at any time step. The target is the position, from the start on. Times and the tolerance are chosen here.

    Attributes:
        start: Duration of the first epoch, in which the first place is shown.
        walk: Duration of the walk.
        correlation: Correlation time of the velocity in ms, but for reflections.
        unit: Time in ms in which an input of 1 moves the output by 1.
        tolerance: Largest error that counts as correct.

    Examples:
        >>> trials = PathIntegration1D().sample(50, seed=0)
        >>> bool(trials.targets.abs().max() <= 1)
        True
    """

    name = "path-integration-1d-v1"
    input_names = ("velocity", "start_shown", "start_x")
    output_names = ("x",)

    start: Timing = 200.0

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        first = draws.uniform("start_place", -1.0, 1.0)
        if (np.abs(first) > 1).any():
            raise ValueError("start_place must lie on the track, between -1 and 1.")
        epochs, integral = self._walk(draws, {"start": draws.duration("start", self.start)}, 1)
        path = folded(first[:, None, None] + integral / self.unit)
        showing = epochs.during("start")
        before = (first[:, None] * showing)[..., None]
        return self._assemble(
            draws,
            epochs,
            inputs={
                "velocity": placed(epochs, "walk", np.diff(path, axis=1) * (self.unit / self.dt)),
                "start_shown": showing,
                "start_x": before[..., 0],
            },
            targets={"x": before + placed(epochs, "walk", path[:, 1:])},
            mask=epochs.valid,
        )
