"""Through which matrix the errors of the outputs reach the units."""

__all__ = ["AbstractFeedback", "Adaptive", "Given", "Random", "Symmetric", "random_matrix"]

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.networks import CTRNN
from neurornn.random import derive_seed, normal_array


class AbstractFeedback(ABC):
    r"""Weights :math:`B` of the learning signal :math:`L_t = B^\top e_t`, ``(output, unit)``.

    :math:`e_t` is the gradient of the objective with respect to the outputs of step :math:`t`. Final subclasses are
    frozen dataclasses, so that a rule that holds one stays hashable.
    """

    @abstractmethod
    def matrix(self, network: CTRNN, memory: Mapping[str, Tensor]) -> Float[Tensor, "output unit"] | None:
        """The weights of this batch.

        Args:
            network: Network that is trained.
            memory: Memory of the rule that uses the feedback.

        Returns:
            The weights in the type of the network, or None for the read-out as it is now.
        """

    def initial_memory(self, network: CTRNN) -> dict[str, Tensor]:
        """What the feedback carries from batch to batch, before the first one.

        Args:
            network: Network that is going to be trained.

        Returns:
            Named tensors, nothing unless the feedback learns.
        """
        return {}

    @contextmanager
    def learning(self, network: CTRNN, memory: Mapping[str, Tensor]) -> Iterator[None]:
        """Within this context the gradients of a batch are computed; feedback that learns does so when it ends.

        Args:
            network: Network that is trained.
            memory: Memory of the rule, changed in place.

        Yields:
            Nothing.
        """
        yield


@dataclass(frozen=True)
class Symmetric(AbstractFeedback):
    r"""The read-out itself: :math:`B = W_{out}`.

    The errors that reach the units are exact, at the price of weight transport: each feedback synapse must know the
    read-out synapse of its unit. It is the read-out of the moment, never a copy from before.
    """

    @override
    def matrix(self, network: CTRNN, memory: Mapping[str, Tensor]) -> None:
        return None


@dataclass(frozen=True)
class Random(AbstractFeedback):
    r"""Fixed random weights: :math:`B_{ki} = s\,\xi_{ki} / \sqrt{O}` with standard normal :math:`\xi`.

    No weight is transported. Learning works because the read-out comes to align with the feedback. The numbers are
    a function of the seed and of the number of units; Dale's law does not concern them unless asked to.

    Attributes:
        seed: Seed of the weights.
        scale: :math:`s`.
        nonnegative: Take absolute values, as for outputs that feed back through excitatory synapses.

    Raises:
        ValueError: If the scale is not a positive number.

    References:
        Random synaptic feedback weights support error backpropagation for deep learning (Lillicrap et al., 2016)
        https://doi.org/10.1038/ncomms13276

    Examples:
        >>> from neurornn import CTRNN
        >>> tuple(Random(seed=1).matrix(CTRNN(3, 10, 2), {}).shape)
        (2, 10)
    """

    seed: int = 0
    scale: float = 1.0
    nonnegative: bool = False

    def __post_init__(self) -> None:
        _check_positive("Random feedback", "scale", self.scale)

    @override
    def matrix(self, network: CTRNN, memory: Mapping[str, Tensor]) -> Tensor:
        numbers = random_matrix(self.seed, "feedback", network.n_outputs, network.n_units)
        like = next(network.parameters())
        B = torch.from_numpy(numbers).to(like) * (self.scale / math.sqrt(network.n_outputs))
        return B.abs() if self.nonnegative else B


@dataclass(frozen=True)
class Adaptive(AbstractFeedback):
    r"""Weights that start at random and receive the updates of the read-out, transposed.

    .. math:: B \leftarrow B - \eta \left(\frac{\partial L}{\partial W_{out}} + \lambda B\right)

    once for each batch. The gradient is the sum over time of error times rate, which a feedback synapse sees as well as
    the read-out synapse of the same pair of cells. Where the read-out is trained by gradient descent
    with the learning rate :math:`\eta` and the weight decay :math:`\lambda`, as in ``torch.optim.SGD``, the difference between
    the two shrinks by :math:`1 - \eta\lambda` in each step and the feedback becomes the read-out, without weight
    transport. With another optimiser it follows in direction. Synapses the read-out does not have are not strengthened,
    and beside a frozen read-out the feedback rests. Where a read-out of one sign is held at zero, the feedback may go on to
    the other sign.

    Attributes:
        rate: :math:`\eta`, the learning rate of the read-out.
        decay: :math:`\lambda`, its weight decay.
        seed: Seed of the initial weights, those of :class:`Random`.
        scale: Scale of the initial weights.

    Raises:
        ValueError: If a number is negative or not finite, or the decay would turn the weights around.

    References:
        Backpropagation without weight transport (Kolen & Pollack, 1994) https://doi.org/10.1109/ICNN.1994.374486

        Deep learning without weight transport (Akrout et al., 2019) https://arxiv.org/abs/1904.05391
    """

    rate: float
    decay: float
    seed: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_positive("Adaptive feedback", "scale", self.scale)
        if not (0 <= self.rate < math.inf and 0 <= self.decay < math.inf and self.rate * self.decay < 1):
            raise ValueError(
                "Adaptive feedback needs a rate and a decay of at least 0 with rate * decay < 1: got "
                f"rate={self.rate} and decay={self.decay}. Take those of the optimiser of the read-out."
            )

    @override
    def initial_memory(self, network: CTRNN) -> dict[str, Tensor]:
        return {"feedback": Random(self.seed, self.scale).matrix(network, {}).clone()}

    @override
    def matrix(self, network: CTRNN, memory: Mapping[str, Tensor]) -> Tensor:
        return memory["feedback"].to(next(network.parameters()))

    @override
    @contextmanager
    def learning(self, network: CTRNN, memory: Mapping[str, Tensor]) -> Iterator[None]:
        raw = network.readout.raw
        if not raw.requires_grad:
            yield
            return
        found: list[Tensor] = []
        handle = raw.register_hook(lambda gradient: found.append(gradient.detach()))
        try:
            yield
        finally:
            handle.remove()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(
                network.W_out.sum(), raw
            )  # 1 or -1, and 0 where there is no synapse
        B = memory["feedback"]
        B.mul_(1 - self.rate * self.decay)
        for gradient in found:
            B.sub_(self.rate * (slope * gradient).to(B))


@dataclass(frozen=True, eq=False)
class Given(AbstractFeedback):
    """Weights of your own, fixed. Two objects are equal only if they are the same one.

    Attributes:
        weights: Feedback weights ``(output, unit)``.

    Raises:
        ValueError: If they are no matrix of finite numbers.
    """

    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        given = self.weights.detach().cpu().numpy() if isinstance(self.weights, Tensor) else self.weights
        weights = np.array(given, dtype=np.float64)
        if weights.ndim != 2 or not np.isfinite(weights).all():
            raise ValueError(
                f"Feedback weights must be a matrix (output, unit) of finite numbers: got shape {weights.shape}"
                f"{'' if np.isfinite(weights).all() else ' with values that are not finite'}."
            )
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)

    @override
    def matrix(self, network: CTRNN, memory: Mapping[str, Tensor]) -> Tensor:
        needed = (network.n_outputs, network.n_units)
        if self.weights.shape != needed:
            raise ValueError(
                f"Feedback weights are (output, unit), {needed} for this network: got {self.weights.shape}."
                f"{' Transpose them.' if self.weights.shape == needed[::-1] else ''}"
            )
        return torch.tensor(self.weights).to(next(network.parameters()))


@lru_cache(maxsize=8)
def random_matrix(seed: int, purpose: str, n_rows: int, n_columns: int) -> NDArray[np.float64]:
    """Standard normal numbers, always the same ones for a seed, a purpose and a shape.

    Args:
        seed: Seed.
        purpose: What the numbers are for.
        n_rows: Number of rows.
        n_columns: Number of columns.

    Returns:
        The matrix, shared between calls and never written to.
    """
    return normal_array(derive_seed(seed, purpose), n_rows, n_columns)


def _check_positive(what: str, name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{what} needs a finite {name} above 0: got {name}={value}.")
