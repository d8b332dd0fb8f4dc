"""Through which weights credit travels back."""

__all__ = ["AbstractCredit", "AlignedCredit", "ExactCredit"]

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.rules._checks import check_size
from neurornn.rules._feedback import random_matrix


class AbstractCredit(ABC):
    """Gives each matrix of the network the matrix that stands in for it on the way back. Final subclasses are frozen dataclasses."""

    @abstractmethod
    def stand_in(self, name: str, weight: Float[Tensor, "post pre"]) -> Float[Tensor, "post pre"]:
        """The matrix whose transpose hands credit from the postsynaptic to the presynaptic units.

        Args:
            name: ``"recurrent"`` or ``"readout"``; ``"a_to_b"``, ``"b_to_a"`` in a network of two populations.
            weight: The matrix that runs forward.

        Returns:
            A matrix of the same shape, which carries no gradient.
        """


@dataclass(frozen=True)
class ExactCredit(AbstractCredit):
    """The matrices themselves, transposed: the exact gradient, at the price of weight transport."""

    @override
    def stand_in(self, name: str, weight: Tensor) -> Tensor:
        return weight.detach()


@dataclass(frozen=True)
class AlignedCredit(AbstractCredit):
    r"""Fixed random matrices: feedback alignment through time.

    .. math:: V_{ij} = g\, \xi_{ij} / \sqrt{n_{post}}, \qquad B_{ki} = \xi_{ki} / \sqrt{O}

    with standard normal :math:`\xi`, :math:`V` in place of each recurrent matrix and :math:`B` in place of the
    read-out. No weight is transported; learning works as far as the forward weights come to align with them.

    Attributes:
        seed: Seed of the matrices.
        gain: :math:`g`; above about 1 credit may grow without bound over long trials.

    Raises:
        ValueError: If the gain is negative or not finite.

    References:
        Random synaptic feedback weights support error backpropagation for deep learning (Lillicrap et al., 2016)
        https://doi.org/10.1038/ncomms13276
    """

    seed: int = 0
    gain: float = 1.0

    def __post_init__(self) -> None:
        check_size("gain", self.gain)

    @override
    def stand_in(self, name: str, weight: Tensor) -> Tensor:
        scale = (1.0 if name == "readout" else self.gain) / math.sqrt(weight.shape[0])
        return torch.from_numpy(random_matrix(self.seed, f"replay {name}", *weight.shape)).to(weight) * scale
