"""Rules in which credit crosses synapses as a modulator that knows the types of cells, not the cells."""

__all__ = ["MDGL", "ModProp"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.networks import CTRNN
from neurornn.rules._feedback import AbstractFeedback, Symmetric
from neurornn.rules._recording import Recording
from neurornn.rules._recursion import credit_of, modulated, propagate
from neurornn.rules._reverse import AbstractFeedbackRule


class AbstractModulatedRule(AbstractFeedbackRule):
    r"""Credit between cells goes through :math:`\bar W`, in which each weight is the mean over its pair of cell types.

    The mean is over all pairs of cells of the two types, those without a synapse included, because a modulator diffuses to all.

    Attributes:
        n_types: Number of cell types. None takes excitatory and inhibitory ones, or a single type in a network without Dale's law;
            a number splits each of these evenly in the order of the units, and 0 lets no credit cross synapses.
    """

    n_types: int | None

    def type_means(self, network: CTRNN, W_rec: Tensor) -> Tensor:
        r""":math:`\bar W`.

        Args:
            network: Network that is trained.
            W_rec: Its effective recurrent matrix.

        Returns:
            A matrix ``(post, pre)``.
        """
        if self.n_types == 0:
            return torch.zeros_like(W_rec)
        types = torch.as_tensor(_types(network.cell_types, self.n_types), device=W_rec.device)
        member = torch.nn.functional.one_hot(types).to(W_rec)
        share = member / member.sum(0)
        return member @ (share.t() @ W_rec @ share) @ member.t()


@dataclass(frozen=True)
class MDGL(AbstractModulatedRule):
    r"""Multidigraph learning: cells also receive what their targets' types make of the error, one synapse away.

    .. math:: \Gamma_t = L_t + \bar W^\top\!\left(\alpha\,\phi'_{t+1} \odot L_{t+1}\right)

    takes the place of the learning signal :math:`L_t = B^\top e_t` of :class:`RFLO`; :math:`\phi'_t` is the slope of the activation at step
    :math:`t` and :math:`\bar W` the recurrent matrix averaged over pairs of cell types. Local: the second term is secreted by
    cell types and read by cell types. Dropped: which cell of a type was meant, credit that would cross two or more synapses, and credit that
    waits in a target before it crosses, because the modulator carries the signal of the moment.

    With ``n_types=0`` it is symmetric RFLO. With as many types as units :math:`\bar W = W_{rec}`, and only the wait is missing from
    :class:`KHop` with one hop: where units keep nothing from step to step (``tau`` equal to ``dt``) the two are the same.

    Attributes:
        n_types: Number of cell types; see :class:`ModProp`.
        feedback: Through which matrix the errors reach the units.

    Raises:
        ValueError: If the number of types is negative, or does not suit the network.

    References:
        Cell-type-specific neuromodulation guides synaptic credit assignment in a spiking neural network (Liu et al., 2021)
        https://doi.org/10.1073/pnas.2111821118
    """

    n_types: int | None = None
    feedback: AbstractFeedback = field(default_factory=Symmetric)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        _check_types(self.n_types)

    @override
    def adjoint(self, network: CTRNN, recording: Recording, memory: Mapping[str, Tensor]) -> Tensor:
        signal = recording.signal(self.feedback.matrix(network, memory))
        secreted = recording.circuit.alpha * (recording.slope * signal)[:, 1:]
        mean = self.type_means(network, recording.circuit.W_rec)
        return propagate(recording, modulated(signal, secreted, mean), None)


@dataclass(frozen=True)
class ModProp(AbstractModulatedRule):
    r"""Credit of any reach, carried between types of cells by modulators that see a constant slope.

    The recursion of back-propagation with two replacements on the way from cell to cell: the recurrent matrix by its
    means over pairs of cell types :math:`\bar W`, and the slope of the activation by a constant :math:`\mu`. What arrives,
    together with :math:`L_t = B^\top e_t`, then takes the place of the learning signal of :class:`RFLO`, whose own traces have the true
    slope. With a constant slope this amounts to fixed filters between types of cells.

    Dropped: which cell of a type was meant, and when its slope differed from the constant. With as many types
    as units and ``slope=None`` it is :class:`BPTT`; with ``n_types=0`` symmetric RFLO. Too large a slope makes credit grow
    without bound.

    Attributes:
        n_types: Number of cell types. None takes excitatory and inhibitory ones, or a single type in a network
            without Dale's law; a number splits each of these evenly in the order of the units, and 0 lets no credit cross synapses.
        slope: :math:`\mu`; None takes the true slope of each unit at each step.
        feedback: Through which matrix the errors reach the units.

    Raises:
        ValueError: If the number of types is negative or does not suit the network, or the slope is not finite.

    References:
        Biologically-plausible backpropagation through arbitrary timespans via local neuromodulators (Liu et al., 2022)
        https://arxiv.org/abs/2206.01338
    """

    n_types: int | None = None
    slope: float | None = 0.5
    feedback: AbstractFeedback = field(default_factory=Symmetric)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        _check_types(self.n_types)
        if self.slope is not None and not math.isfinite(self.slope):
            raise ValueError(f"slope must be a finite number, or None for the true one: got {self.slope}.")

    @override
    def adjoint(self, network: CTRNN, recording: Recording, memory: Mapping[str, Tensor]) -> Tensor:
        signal = recording.signal(self.feedback.matrix(network, memory))
        mean = self.type_means(network, recording.circuit.W_rec)
        assumed = recording
        if self.slope is not None:
            assumed = recording._replace(slope=torch.full_like(recording.slope, self.slope))
        travelling = credit_of(assumed, propagate(assumed, signal, mean))
        return propagate(recording, modulated(signal, travelling, mean), None)


def _types(cell_types: NDArray[np.str_], n_types: int | None) -> NDArray[np.intp]:
    """Number of the type of each unit; excitatory and inhibitory units never share one."""
    names, kind, sizes = np.unique(cell_types, return_inverse=True, return_counts=True)
    if n_types is None:
        return kind
    if not len(names) <= n_types <= len(kind):
        raise ValueError(
            f"n_types={n_types} does not suit a network of {len(kind)} units"
            f"{' of excitatory and inhibitory ones' if len(names) > 1 else ''}: give {len(names)} to {len(kind)}, or 0."
        )
    groups = np.ones(len(names), dtype=int)
    for _ in range(n_types - len(names)):
        groups[np.argmax(sizes / groups)] += 1  # the kind with the largest groups; never one of single units
    types = np.empty(len(kind), dtype=int)
    for k, first in enumerate(np.cumsum(groups) - groups):
        types[kind == k] = first + np.arange(sizes[k]) * groups[k] // sizes[k]
    return types


def _check_types(n_types: int | None) -> None:
    if n_types is not None and (not isinstance(n_types, int | np.integer) or n_types < 0):
        raise ValueError(
            f"n_types must be a whole number, at least 0, or None for the types of the network: got {n_types}."
        )
