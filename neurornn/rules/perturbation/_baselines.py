"""What a reward is compared with: the less it surprises, the less noise there is in what is learned from it."""

__all__ = [
    "AbstractBaseline",
    "Antithetic",
    "LeaveOneOut",
    "NoBaseline",
    "Noiseless",
    "RunningMean",
    "types_of",
]

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.trials import Trials

_SLOTS: Final = 256  # trial types that a running mean can hold


class AbstractBaseline(ABC):
    r"""The reward expected of each trial, :math:`\bar R`; rules learn from :math:`R - \bar R`.

    A baseline that does not depend on the noise of its own trial leaves the mean of a score-function gradient as it is, and one
    near the expected reward takes variance away.

    Attributes:
        twin: What the exploration of a second run of the same trials is multiplied by: 0 for a twin that does not explore, -1
            for one that explores the other way; None for no second run.
    """

    twin: ClassVar[float | None] = None

    @abstractmethod
    def expected(
        self,
        reward: Float[Tensor, " batch"],
        twin: Float[Tensor, " batch"] | None,
        trials: Trials,
        memory: Mapping[str, Tensor],
    ) -> Float[Tensor, " batch"]:
        """The reward expected of each trial; a memory is changed in place.

        Args:
            reward: Rewards.
            twin: Rewards of the second run, if the baseline asks for one.
            trials: The trials.
            memory: Memory of the baseline.

        Returns:
            One number for each trial. A trial of which nothing can be expected yet expects its own reward, so that
            nothing is learned from it.
        """

    def initial_memory(self, like: Tensor) -> dict[str, Tensor]:
        """What the baseline remembers before the first batch.

        Args:
            like: A tensor on the wanted device.

        Returns:
            Named tensors.
        """
        del like
        return {}


@dataclass(frozen=True)
class NoBaseline(AbstractBaseline):
    """Nothing is expected: the reward itself is learned from, at the price of variance."""

    @override
    def expected(
        self, reward: Tensor, twin: Tensor | None, trials: Trials, memory: Mapping[str, Tensor]
    ) -> Tensor:
        return torch.zeros_like(reward)


@dataclass(frozen=True)
class RunningMean(AbstractBaseline):
    r"""A running mean of the rewards of earlier trials, all together or for each type of trial.

    .. math:: \bar R \leftarrow (1 - \eta)\,\bar R + \eta R

    trial after trial, those of a batch in their order: each is compared with the mean before it. The first trial of a type sets its
    mean.

    Attributes:
        rate: :math:`\eta`, above 0 and at most 1.
        by: Names of the conditions whose values together are the type of a trial; none for one mean of all trials.

    Raises:
        ValueError: If the rate makes no sense.

    References:
        Biologically plausible learning in recurrent neural networks reproduces neural dynamics observed during cognitive tasks
        (Miconi, 2017) https://doi.org/10.7554/eLife.20899

    Examples:
        >>> from neurornn import tasks
        >>> trials = tasks.make("perceptual-decision").sample(3, seed=0)
        >>> mean = RunningMean(0.5)
        >>> mean.expected(torch.tensor([1.0, 0.0, 0.0]), None, trials, mean.initial_memory(torch.zeros(1))).tolist()
        [1.0, 1.0, 0.5]
    """

    rate: float = 0.25
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise ValueError(f"The rate of a running mean must lie in (0, 1]: got {self.rate}.")
        _check_names(self.by)

    @override
    def initial_memory(self, like: Tensor) -> dict[str, Tensor]:
        return {
            "type": torch.zeros(_SLOTS, dtype=torch.int64, device=like.device),
            "mean": torch.zeros(_SLOTS, dtype=torch.float64, device=like.device),
        }

    @override
    def expected(
        self, reward: Tensor, twin: Tensor | None, trials: Trials, memory: Mapping[str, Tensor]
    ) -> Tensor:
        kinds, means = memory["type"].tolist(), memory["mean"].tolist()
        place = {kind: k for k, kind in enumerate(kinds) if kind}
        found = []
        for kind, value in zip(types_of(trials, self.by), reward.tolist(), strict=True):
            if kind not in place:
                if len(place) == _SLOTS:
                    raise ValueError(
                        f"There are more than {_SLOTS} types of trials by {', '.join(self.by)}. Name conditions with few values."
                    )
                place[kind] = len(place)
                kinds[place[kind]], means[place[kind]] = kind, value
            k = place[kind]
            found.append(means[k])
            means[k] += self.rate * (value - means[k])
        memory["type"].copy_(torch.tensor(kinds))
        memory["mean"].copy_(torch.tensor(means, dtype=torch.float64))
        return torch.tensor(found, dtype=torch.float64).to(reward)


@dataclass(frozen=True)
class LeaveOneOut(AbstractBaseline):
    r"""The mean reward of the other trials of the batch, all or those of the same type.

    .. math:: \bar R_b = \frac{1}{n - 1} \sum_{b' \neq b} R_{b'}

    Attributes:
        by: Names of the conditions whose values together are the type of a trial; none compares all trials with each other.

    Examples:
        >>> from neurornn import tasks
        >>> trials = tasks.make("perceptual-decision").sample(3, seed=0)
        >>> LeaveOneOut().expected(torch.tensor([1.0, 0.0, 0.5]), None, trials, {}).tolist()
        [0.25, 0.75, 0.5]
    """

    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_names(self.by)

    @override
    def expected(
        self, reward: Tensor, twin: Tensor | None, trials: Trials, memory: Mapping[str, Tensor]
    ) -> Tensor:
        kinds = torch.tensor(types_of(trials, self.by), device=reward.device)
        same = (kinds[:, None] == kinds).to(reward).fill_diagonal_(0.0)
        others = same.sum(1)
        return torch.where(others > 0, same @ reward / others.clamp(min=1), reward)


@dataclass(frozen=True)
class Noiseless(AbstractBaseline):
    """The reward of the same trial in a second run that does not explore: exact for each trial, at the price of running it twice."""

    twin: ClassVar[float | None] = 0.0

    @override
    def expected(
        self, reward: Tensor, twin: Tensor | None, trials: Trials, memory: Mapping[str, Tensor]
    ) -> Tensor:
        return reward if twin is None else twin


@dataclass(frozen=True)
class Antithetic(AbstractBaseline):
    """Each trial is run twice, with exploration and with its mirror image, and both are learned from.

    What two such runs have in common cancels. Besides, each pair is compared with the mean of the other pairs; one pair
    alone with nothing.
    """

    twin: ClassVar[float | None] = -1.0

    @override
    def expected(
        self, reward: Tensor, twin: Tensor | None, trials: Trials, memory: Mapping[str, Tensor]
    ) -> Tensor:
        pairs = reward if twin is None else (reward + twin) / 2
        n = len(pairs)
        return (pairs.sum() - pairs) / (n - 1) if n > 1 else torch.zeros_like(pairs)


def types_of(trials: Trials, by: tuple[str, ...]) -> list[int]:
    """A number for the type of each trial, the same for the same values wherever they come.

    Args:
        trials: Trials.
        by: Names of conditions.

    Returns:
        Whole numbers above 0, below 2^63.

    Raises:
        ValueError: If the trials have no such condition.
    """
    for name in by:
        if name not in trials.conditions:
            raise ValueError(
                f"Task '{trials.info.task}' has no condition '{name}' to tell types of trials by. It has: "
                f"{', '.join(trials.conditions)}."
            )
    columns = [_texts(trials.conditions[name]) for name in by]
    rows = zip(*columns, strict=True) if columns else [()] * trials.n_trials
    return [1 + _number("\n".join(row)) for row in rows]


def _texts(values: NDArray[np.generic]) -> list[str]:
    return [repr(value) for value in values.tolist()]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 2


def _check_names(by: tuple[str, ...]) -> None:
    if not isinstance(by, tuple) or not all(isinstance(name, str) for name in by):
        raise ValueError(
            f"by must be a tuple of names of conditions, such as ('sample', 'test'): got {by!r}."
        )
