"""Integrator on a plane."""

__all__ = ["PlaneIntegrator"]

from dataclasses import dataclass

from typing_extensions import override

from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._registry import register
from neurornn.tasks.dynamics._space import AbstractSpaceIntegration
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class PlaneIntegrator(AbstractSpaceIntegration):
    """Integrate two velocities: a position on a plane has to be kept wherever it is.

    Each coordinate is that of :class:`~neurornn.tasks.dynamics.LineIntegrator`, independent of the other; the walk starts
    at the origin. Times and the tolerance, a distance, are chosen here.

    Attributes:
        walk: Duration of the walk.
        correlation: Correlation time of the velocities in ms.
        unit: Time in ms in which an input of 1 moves the output by 1.
        tolerance: Largest error that counts as correct.

    Examples:
        >>> task = PlaneIntegrator()
        >>> trials = task.sample(2, seed=0)
        >>> task.behaviour(trials, trials.targets + 0.03)["final_error"].round(4).tolist()   # 0.03 times root 2
        [0.0424, 0.0424]
    """

    name = "plane-integrator-v1"
    input_names = ("velocity_x", "velocity_y")
    output_names = ("x", "y")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        return self._free(draws, 2)
