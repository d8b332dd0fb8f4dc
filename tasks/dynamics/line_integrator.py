"""Integrator on a line."""

__all__ = ["LineIntegrator"]

from dataclasses import dataclass, replace

from typing_extensions import override

from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.dynamics._space import AbstractSpaceIntegration
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class LineIntegrator(AbstractSpaceIntegration):
    r"""Integrate a velocity: a position on a line has to be kept wherever it is.

    .. math:: x(t) = \frac{1}{\kappa} \int_0^t u(t')\,dt'

    with the input :math:`u`, a smooth signal of variance 1, and the ``unit`` :math:`\kappa`; the walk starts at 0. Times
    and the tolerance are chosen here: at the end of the walk the position has a standard deviation of about 1.

    Attributes:
        walk: Duration of the walk.
        correlation: Correlation time of the velocity in ms.
        unit: Time in ms in which an input of 1 moves the output by 1.
        tolerance: Largest error that counts as correct.

    Examples:
        >>> task = LineIntegrator(sigma_in=0.0)
        >>> trials = task.sample(3, seed=0)
        >>> integral = trials.inputs.cumsum(1) * task.dt / task.unit
        >>> bool((integral - trials.targets).abs().max() < 1e-5)
        True
    """

    name = "line-integrator-v1"
    input_names = ("velocity",)
    output_names = ("position",)

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        return self._free(draws, 1)

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.97, n_steps=2000)
