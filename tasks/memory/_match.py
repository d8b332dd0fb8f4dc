"""What tasks that compare a test direction with a remembered sample share."""

__all__ = ["AbstractDelayedMatch", "check_ring", "ring_names"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, SignalDetection
from neurornn.tasks._decoding import angular_error
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import ring
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import Channel, held
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractDelayedMatch(AbstractTwoChoice, ABC):
    """A sample direction, a delay, a test direction, and a question about both.

    Directions tile the circle and enter as a bump of activity on a ring of channels (:func:`ring`, with the height
    and width of Yang et al. 2019).

    Attributes:
        n_directions: Number of directions.
        n_ring: Number of channels of the ring.
        sample_shown: Duration of the sample.
        delay: Duration between sample and test.
        test_shown: Duration of the test.
        held_out_samples: Sample directions that training never shows as samples and a test shows alone.
    """

    sigma_in: float = 0.05
    fixation: Timing = 300.0
    decision: Timing = 900.0
    n_directions: int = 8
    n_ring: int = 16
    sample_shown: Timing = 500.0
    delay: Timing = 1000.0
    test_shown: Timing = 500.0
    held_out_samples: tuple[float, ...] = ()

    @property
    def cue_names(self) -> tuple[str, ...]:
        """Names of the channels that tell the rule, if there are any."""
        return ()

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *ring_names("ring", self.n_ring), *self.cue_names)

    @property
    @abstractmethod
    def _directions(self) -> NDArray[np.float64]:
        """Sample directions in degrees."""

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_ring(self.n_directions, self.n_ring)

    def _sample(self, draws: TrialDraws) -> NDArray[np.float64]:
        """The sample direction of each trial."""
        return draws.choice("sample", self._directions, unit="degree", held_out=self.held_out_samples)

    def _compare(
        self,
        draws: TrialDraws,
        sample: NDArray[np.float64],
        test: NDArray[np.float64],
        *,
        correct_choice: NDArray[np.int64],
        sought: NDArray[np.float64],
        cue: NDArray[np.float64] | None = None,
        conditions: Mapping[str, NDArray[Any]] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Trials:
        """Trials that show the sample, then the test, then ask.

        Args:
            draws: Random quantities.
            sample: Sample directions.
            test: Test directions.
            correct_choice: +1 or -1.
            sought: The direction the test is compared with; its distance to the test becomes ``test_distance``.
            cue: Channels of the rule, ``(batch, cue)``, on until the decision.
            conditions: Further conditions that follow from the drawn ones.
            units: Their units.

        Returns:
            The trials.
        """
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
        before = epochs.before("decision")
        bumps = held(ring(sample, self.n_ring), epochs.during("sample")) + held(
            ring(test, self.n_ring), epochs.during("test")
        )
        inputs: dict[str, Channel] = {"fixation": before, "ring": bumps}
        if cue is not None:
            inputs["cue"] = held(cue, before)
        return self._decide(
            draws,
            epochs,
            inputs=inputs,
            correct_choice=correct_choice,
            conditions={
                "test": test,
                "test_distance": np.abs(angular_error(test, sought)),
                **(conditions or {}),
            },
            units={"test": "degree", "test_distance": "degree", **(units or {})},
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "sensitivity and criterion": SignalDetection(),
            "accuracy by sample-test distance": Accuracy(by="test_distance"),
            "accuracy by sample": Accuracy(by="sample"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone, and the cue where there is one.

        Returns:
            One vector, or one for each cue.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        if not self.cue_names:
            return {"delay": delay}
        cues = {}
        for k, name in enumerate(self.cue_names):
            cues[f"delay, {name.replace('_', ' ')}"] = vector = delay.clone()
            vector[1 + self.n_ring + k] = 1.0
        return cues


def ring_names(prefix: str, n: int) -> tuple[str, ...]:
    """Names of the channels of a ring.

    Args:
        prefix: What the ring stands for.
        n: Number of channels.

    Returns:
        A name with the preferred direction in degrees for each.
    """
    return tuple(f"{prefix}_{360 * i / n:g}" for i in range(n))


def check_ring(n_directions: int, n_ring: int) -> None:
    """Refuse numbers of directions and channels that tell nothing apart.

    Args:
        n_directions: Number of directions.
        n_ring: Number of channels.

    Raises:
        ValueError: If one is no whole number of at least 2.
    """
    if not all(isinstance(n, int | np.integer) and n >= 2 for n in (n_directions, n_ring)):
        raise ValueError(
            "A match can only be told from a non-match with two directions and two channels or more: "
            f"got n_directions={n_directions} and n_ring={n_ring}."
        )
