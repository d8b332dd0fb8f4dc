"""Delayed paired association: does the second item belong to the first?"""

__all__ = ["PairedAssociation"]

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
class PairedAssociation(AbstractTwoChoice):
    """Respond if a test item is the learned partner of the sample shown before a delay; withhold if it is another's.

    Each of ``n_pairs`` samples has one partner among as many tests; all items are one-hot. Half of the trials show the
    partner, the others any other test. The pairs are arbitrary, so they can only be learned. Choice +1 responds.

    Two pairs, and items, response delay and decision of 1, 1 and 0.5 s follow NeuroGym's ``DelayPairedAssociation``.
    Its delay is 13 s, ``PairedAssociation(delay=13000.0)``; 2 s is chosen here to keep training short.

    Attributes:
        n_pairs: Number of pairs.
        sample_shown: Duration of the sample.
        delay: Duration between sample and test.
        test_shown: Duration of the test.
        response_delay: Duration between the test and the go cue.

    References:
        Neural organization for the long-term memory of paired associates (Sakai & Miyashita, 1991)
        https://doi.org/10.1038/354152a0

    Examples:
        >>> trials = PairedAssociation().sample(2, seed=0, conditions={"sample": 2, "paired": [True, False]})
        >>> trials.conditions["test"].tolist(), trials.conditions["correct_choice"].tolist()
        ([2, 1], [1, -1])
    """

    name = "paired-association-v1"
    output_names = ("withhold", "respond")

    sigma_in: float = 0.05
    decision: Timing = 500.0
    n_pairs: int = 2
    sample_shown: Timing = 1000.0
    delay: Timing = 2000.0
    test_shown: Timing = 1000.0
    response_delay: Timing = 1000.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *(f"{kind}_{k + 1}" for kind in ("sample", "test") for k in range(self.n_pairs)))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not (isinstance(self.n_pairs, int | np.integer) and self.n_pairs >= 2):
            raise ValueError(f"n_pairs must be a whole number of at least 2: got {self.n_pairs}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        numbers = tuple(range(1, self.n_pairs + 1))
        sample = draws.choice("sample", numbers)
        paired = draws.choice("paired", (True, False))
        if not np.isin(sample, numbers).all():
            raise ValueError(f"sample is a whole number from 1 to n_pairs={self.n_pairs}.")
        away = 1 + draws.integers("other", self.n_pairs - 1, 1)[:, 0, 0]
        test = np.where(paired, sample, (sample - 1 + away) % self.n_pairs + 1).astype(np.int64)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "sample": draws.duration("sample_shown", self.sample_shown),
                "delay": draws.duration("delay", self.delay, optional=True),
                "test": draws.duration("test_shown", self.test_shown),
                "response_delay": draws.duration("response_delay", self.response_delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "samples": held(one_hot(sample, numbers), epochs.during("sample")),
                "tests": held(one_hot(test, numbers), epochs.during("test")),
            },
            correct_choice=np.where(paired, 1, -1),
            conditions={"test": test},
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "sensitivity and criterion": SignalDetection(),
            "accuracy by sample": Accuracy(by="sample"),
            "accuracy by test": Accuracy(by="test"),
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
