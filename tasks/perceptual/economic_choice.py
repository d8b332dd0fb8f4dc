"""Economic choice: so much of one juice, or so much of another."""

__all__ = ["EconomicChoice"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, RelativeValue
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, Uniform
from neurornn.tasks._two_choice import AbstractTwoChoice, side_of
from neurornn.trials import Trials

_OFFERS = ((1, 0), (3, 1), (2, 1), (1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (0, 2))


@register
@dataclass(frozen=True, kw_only=True)
class EconomicChoice(AbstractTwoChoice):
    r"""Choose between quantities of two juices, one of which is worth more.

    A unit of juice A is worth ``relative_value`` units of juice B, so the correct choice is A if
    :math:`\rho\, q_A > q_B`, where :math:`q` are the quantities offered and :math:`\rho` is the relative value; a coin
    settles a tie. One offer is on the left and one on the right: two channels for each side say which juice it is,
    and one how much, divided by ``scale``. The offers stay on until the go cue, when the fixation input goes off.

    The juices, a relative value of 2.2 and choices that depend on the quantities follow Padoa-Schioppa & Assad
    (2006); the nine offers and the times are those with which Song et al. (2017) modelled it. The noise is chosen such
    that a subject errs near indifference.

    Attributes:
        offers: Offers as pairs of a quantity of A and a quantity of B.
        relative_value: Units of B that are worth one unit of A.
        stimulus: Duration of the offers.
        scale: Quantity that is shown as an input of 1.

    References:
        Neurons in the orbitofrontal cortex encode economic value (Padoa-Schioppa & Assad, 2006)
        https://doi.org/10.1038/nature04676

        Reward-based training of recurrent neural networks for cognitive and value-based tasks (Song, Yang & Wang,
        2017) https://doi.org/10.7554/eLife.21492

    Examples:
        One A against two B is worth taking, against three B it is not.

        >>> offers = {"n_a": 1, "n_b": [2, 3], "side_of_a": "left"}
        >>> EconomicChoice().sample(2, seed=0, conditions=offers).conditions["correct_choice"].tolist()
        [-1, 1]
    """

    name = "economic-choice-v1"
    input_names = (
        "fixation",
        "left_is_a",
        "left_is_b",
        "right_is_a",
        "right_is_b",
        "left_quantity",
        "right_quantity",
    )
    output_names = ("choose_left", "choose_right")

    sigma_in: float = 0.1
    offers: tuple[tuple[float, float], ...] = _OFFERS
    relative_value: float = 2.2
    fixation: Timing = 750.0
    stimulus: Timing = Uniform(1000.0, 2000.0)  # noqa: RUF009
    decision: Timing = 750.0
    scale: float = 5.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        pairs = [tuple(offer) for offer in self.offers]
        if not pairs or any(
            len(pair) != 2 or min(pair) < 0 or not 0 < sum(pair) < math.inf for pair in pairs
        ):
            raise ValueError(
                f"offers needs pairs of a quantity of A and one of B, not both 0: got {self.offers}."
            )
        if len(set(pairs)) < len(pairs):
            raise ValueError(f"offers must be different: got {self.offers}.")
        if not (0 < self.relative_value < math.inf and 0 < self.scale < math.inf):
            raise ValueError(
                f"relative_value and scale must be finite and above 0: got {self.relative_value} and {self.scale}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        n_a, n_b = draws.together(("n_a", "n_b"), self.offers)
        side = draws.choice("side_of_a", ("left", "right"))
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "decision": draws.duration("decision", self.decision),
            },
        )
        a_left = side == "left"
        shown = epochs.during("stimulus")
        channels = {
            "left_is_a": a_left,
            "left_is_b": ~a_left,
            "right_is_a": ~a_left,
            "right_is_b": a_left,
            "left_quantity": np.where(a_left, n_a, n_b) / self.scale,
            "right_quantity": np.where(a_left, n_b, n_a) / self.scale,
        }
        for_b = side_of(n_b - self.relative_value * n_a, draws)
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                **{name: held(value, shown) for name, value in channels.items()},
            },
            correct_choice=np.where(a_left, for_b, -for_b),
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The choice of a side, and of a juice.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            What :meth:`AbstractTwoChoice.behaviour` gives, and ``"juice"``: +1 for B, -1 for A, 0 for none.
        """
        found = super().behaviour(trials, output)
        b_is_right = trials.conditions["side_of_a"] == "left"
        return found | {"juice": np.where(b_is_right, found["choice"], -found["choice"].astype(np.int64))}

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.97, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"relative value": RelativeValue("n_a", "n_b", "juice")}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """An offer of equal value with A on either side, and no offer.

        Returns:
            One vector for each.
        """
        a, b = 1.0 / self.scale, self.relative_value / self.scale
        return {
            "A left, equal value": torch.tensor([1.0, 1.0, 0.0, 0.0, 1.0, a, b]),
            "A right, equal value": torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, b, a]),
            "no offer": torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        }
