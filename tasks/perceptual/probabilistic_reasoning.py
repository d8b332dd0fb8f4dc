"""Probabilistic reasoning: add up what four shapes say about the reward."""

__all__ = ["ProbabilisticReasoning"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Psychometric, ShapeWeights
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, Uniform
from neurornn.tasks._two_choice import AbstractTwoChoice, side_of
from neurornn.trials import Trials

_N_SHOWN = 4


@register
@dataclass(frozen=True, kw_only=True)
class ProbabilisticReasoning(AbstractTwoChoice):
    r"""Choose the target that four shapes, seen one after the other, make likely to be rewarded.

    Each of ten shapes has a weight :math:`w` in units of :math:`\log_{10}`. The four shapes of a trial are drawn
    anew and may repeat; each appears at one of four locations and stays on until the last has been seen. The second
    target is rewarded with the probability

    .. math:: p = \frac{10^{\sum_k w_k}}{1 + 10^{\sum_k w_k}}

    which ``log_ratio``, the sum, tells. The correct choice is the target that the shapes favour; a coin decides at a
    sum of 0. The network is trained towards the target that was rewarded, as the monkeys were, so its outputs come
    to tell probabilities; with ``noisy_teacher=False`` it is trained towards the favoured one. The fixation input
    goes off at the go cue, the start of the decision epoch.

    Task and the number of shapes follow Yang & Shadlen (2007), the weights, in which 10 stands for certainty, and the
    times ``ProbabilisticReasoning`` of neurogym.

    Attributes:
        shape_weights: Weight of each shape for the second target, in units of log10.
        stimulus: Time from the onset of a shape to that of the next, or to the delay.
        delay: Duration between the shapes and the go cue.
        noisy_teacher: Whether targets follow the reward instead of the favoured choice.

    References:
        Probabilistic reasoning by neurons (Yang & Shadlen, 2007) https://doi.org/10.1038/nature05852

    Examples:
        >>> shapes = {"weight_1": 0.9, "weight_2": -0.5, "weight_3": -0.7, "weight_4": 0.5}
        >>> trials = ProbabilisticReasoning().sample(1, seed=0, conditions=shapes)
        >>> trials.conditions["log_ratio"].tolist(), trials.conditions["correct_choice"].tolist()
        ([0.2], [1])
    """

    name = "probabilistic-reasoning-v1"
    output_names = ("choose_first", "choose_second")

    sigma_in: float = 0.05
    shape_weights: tuple[float, ...] = (-10.0, -0.9, -0.7, -0.5, -0.3, 0.3, 0.5, 0.7, 0.9, 10.0)
    fixation: Timing = 500.0
    stimulus: Timing = 500.0
    delay: Timing = Uniform(450.0, 550.0)  # noqa: RUF009
    decision: Timing = 500.0
    noisy_teacher: bool = True

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        shapes = range(1, len(self.shape_weights) + 1)
        return (
            "fixation",
            *(f"location_{at}_shape_{shape}" for at in range(1, _N_SHOWN + 1) for shape in shapes),
        )

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        finite = len(self.shape_weights) > 1 and all(math.isfinite(weight) for weight in self.shape_weights)
        if not finite or len(set(self.shape_weights)) < len(self.shape_weights):
            raise ValueError(
                f"shape_weights needs at least two different finite weights: got {self.shape_weights}. Let 10 stand for certainty."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        names = [f"weight_{k}" for k in range(1, _N_SHOWN + 1)]
        weights = np.stack([draws.choice(name, self.shape_weights, factor=False) for name in names], axis=1)
        durations = {name: draws.duration(name, self.stimulus) for name in self._shape_epochs()}
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                **durations,
                "delay": draws.duration("delay", self.delay),
                "decision": draws.duration("decision", self.decision),
            },
        )
        log_ratio = np.round(weights.sum(axis=1), 9)  # no 1e-17 where the shapes cancel
        correct = side_of(log_ratio, draws)
        p = 0.5 * (1.0 + np.tanh(0.5 * math.log(10.0) * log_ratio))
        rewarded = np.where(draws.uniforms("reward", 1)[:, 0, 0] < p, 1, -1)
        trials = self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "shapes": self._shapes(draws, epochs, weights),
            },
            correct_choice=rewarded if self.noisy_teacher else correct,
            conditions={"log_ratio": log_ratio, "rewarded": rewarded},
            units={"log_ratio": "log10 unit"},
        )
        return replace(trials, conditions={**trials.conditions, "correct_choice": correct})

    @override
    def ideal_output(self, trials: Trials) -> Float[Tensor, "batch time output"]:
        """The favoured target high in the decision epoch.

        Args:
            trials: Trials of this task.

        Returns:
            Outputs whose performance is 1.
        """
        side = torch.as_tensor(trials.conditions["correct_choice"])[:, None, None]
        favoured = side == torch.tensor([-1, 1])
        return torch.where(favoured & trials.during("decision").bool()[..., None], self.high, self.low)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        names = tuple(f"weight_{k}" for k in range(1, _N_SHOWN + 1))
        return {"psychometric": Psychometric("log_ratio"), "weight of shapes": ShapeWeights(names)}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No shape, and the same shape, the weakest for the second target, at all locations.

        Returns:
            One vector for each.
        """
        fixation = torch.zeros(self.n_inputs)
        fixation[0] = 1.0
        for_second = [weight for weight in self.shape_weights if weight > 0] or list(self.shape_weights)
        same = fixation.clone()
        same[1 + self.shape_weights.index(min(for_second)) :: len(self.shape_weights)] = 1.0
        return {"fixation": fixation, "weak shapes": same}

    @staticmethod
    def _shape_epochs() -> list[str]:
        return [f"stimulus_{k}" for k in range(1, _N_SHOWN + 1)]

    def _shapes(self, draws: TrialDraws, epochs: Epochs, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each shape at its location, from its onset to the end of the last one, ``(batch, time, channel)``."""
        identity = weights[..., None] == np.array(self.shape_weights)  # (batch, order, shape)
        order = np.argsort(draws.permutations("locations", _N_SHOWN), axis=1)  # which comes to each location
        at_location = np.take_along_axis(identity, order[..., None], axis=1)
        seen = np.stack(
            [~epochs.before(name) for name in self._shape_epochs()], axis=-1
        )  # (batch, time, order)
        seen = np.take_along_axis(seen, order[:, None], axis=2) & epochs.before("delay")[..., None]
        shown = seen[..., None] & at_location[:, None]
        return shown.reshape(*shown.shape[:2], -1).astype(np.float64)
