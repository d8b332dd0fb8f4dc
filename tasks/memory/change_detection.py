"""Change detection: is one of several items another than before?"""

__all__ = ["ChangeDetection"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, SignalDetection
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class ChangeDetection(AbstractTwoChoice):
    """Say whether an array of coloured items, shown again after a delay, has changed in one of them.

    ``set_size`` items stand at random places, each of any colour; a place has one channel for each colour. In half of
    the trials one item comes back in another colour. Choice +1 says change.

    Sample, delay and test of 100, 900 and 2000 ms follow Luck & Vogel (1997), where the answer may come while the
    test is shown: here the fixation input goes off after ``test_shown`` and the test stays on in the decision epoch.
    Number of places, colours and set sizes are chosen here.

    Attributes:
        n_places: Number of places.
        n_colours: Number of colours.
        set_sizes: Numbers of items, all equally likely.
        sample_shown: Duration of the first array.
        delay: Duration between the arrays.
        test_shown: Duration of the second array before the go cue.

    References:
        The capacity of visual working memory for features and conjunctions (Luck & Vogel, 1997)
        https://doi.org/10.1038/36846

    Examples:
        >>> task = ChangeDetection(sigma_in=0.0)
        >>> trials = task.sample(2, seed=0, conditions={"change": [True, False]})
        >>> sample, test = (trials.inputs[trials.during(epoch)].reshape(2, -1, task.n_inputs)[:, 0, 1:]
        ...                 for epoch in ("sample", "test"))
        >>> (sample != test).sum(1).tolist()
        [2, 0]
    """

    name = "change-detection-v1"
    output_names = ("no_change", "change")

    sigma_in: float = 0.05
    decision: Timing = 1000.0
    n_places: int = 6
    n_colours: int = 7
    set_sizes: tuple[int, ...] = (1, 2, 3, 4, 6)
    sample_shown: Timing = 100.0
    delay: Timing = 900.0
    test_shown: Timing = 1000.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        places, colours = range(1, self.n_places + 1), range(1, self.n_colours + 1)
        return ("fixation", *(f"place_{k}_colour_{c}" for k in places for c in colours))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        sizes = self.set_sizes
        if not sizes or len(set(sizes)) < len(sizes) or not 1 <= min(sizes) <= max(sizes) <= self.n_places:
            raise ValueError(
                f"set_sizes needs different numbers from 1 to n_places={self.n_places}: got {sizes}."
            )
        if self.n_colours < 2:
            raise ValueError(f"A change needs n_colours >= 2: got {self.n_colours}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        size = draws.choice("set_size", self.set_sizes)
        change = draws.choice("change", (True, False))
        if not np.isin(size, np.arange(1, self.n_places + 1)).all():
            raise ValueError(f"set_size is a whole number from 1 to n_places={self.n_places}.")
        order = draws.permutations(
            "places", self.n_places
        )  # the items stand at the first places of the order
        rank = np.argsort(order, axis=1)
        colour = draws.integers("colours", self.n_colours, self.n_places)[..., 0]
        other = 1 + draws.integers("new colour", self.n_colours - 1, 1)[:, 0]
        changed = change[:, None] & (rank == 0)
        after = np.where(changed, (colour + other) % self.n_colours, colour)
        there = (rank < size[:, None])[..., None]
        sample, test = (
            (one_hot(each, range(self.n_colours)) * there).reshape(draws.n_trials, -1)
            for each in (colour, after)
        )
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "sample": draws.duration("sample_shown", self.sample_shown),
                "delay": draws.duration("delay", self.delay, optional=True),
                "test": draws.duration("test_shown", self.test_shown),
                "decision": draws.duration("decision", self.decision),
            },
        )
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "items": held(sample, epochs.during("sample"))
                + held(test, epochs.during("test", "decision")),
            },
            correct_choice=np.where(change, 1, -1),
            conditions={"changed_place": np.where(change, order[:, 0] + 1, 0)},
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "sensitivity and criterion by set size": SignalDetection(by="set_size"),
            "accuracy by set size": Accuracy(by="set_size"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone.

        Returns:
            One vector.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        return {"delay": delay}
