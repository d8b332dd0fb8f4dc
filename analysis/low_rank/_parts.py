"""The parameters of a network of low rank, and what they are to reproduce."""

__all__ = [
    "Free",
    "Parts",
    "Target",
    "name_of_matrix",
    "padded",
    "parts_of",
    "rebuilt",
    "target_of",
    "truncated",
]

import copy
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor

from neurornn import kernels
from neurornn.connectivity import AllToAll
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.random import torch_generator
from neurornn.trials import Trials


@dataclass(frozen=True)
class Free:
    """What is fitted beside the recurrent matrix; what is not keeps the values of the network.

    Attributes:
        inputs: The input weights.
        bias: The biases of the units.
        readout: The read-out weights and the biases of the outputs.
    """

    inputs: bool = True
    bias: bool = True
    readout: bool = False


class Parts(NamedTuple):
    """The parameters of a reduced network: ``W_rec = left @ right.T / n_units`` and the rest, empty where it is none of ours.

    Attributes:
        left: Left vectors, ``(unit, rank)``.
        right: Right vectors, ``(unit, rank)``.
        W_in: Input weights.
        bias: Biases of the units.
        W_out: Read-out weights.
        bias_out: Biases of the outputs.
    """

    left: Tensor
    right: Tensor
    W_in: Tensor
    bias: Tensor
    W_out: Tensor
    bias_out: Tensor

    @property
    def W_rec(self) -> Tensor:
        """The recurrent matrix."""
        return self.left @ self.right.T / len(self.left)

    def canonical(self) -> "Parts":
        """The same matrix with orthogonal vectors of equal length left and right, the strongest first."""
        U, S, Vh = torch.linalg.svd(self.W_rec.detach(), full_matrices=False)
        rank, scale = self.left.shape[1], (S * len(self.left)).sqrt()
        left, right = (U * scale)[:, :rank], (Vh.T * scale)[:, :rank]
        if rank:
            sign = left.gather(0, left.abs().argmax(0, keepdim=True)).sign()
            left, right = left * sign, right * sign
        return self._replace(left=left.contiguous(), right=right.contiguous())


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be reproduced: a network held still, and what it does in some trials without noise.

    Attributes:
        network: A noiseless copy of the network in the type of the fit.
        matrix: Name of its recurrent matrix; empty for a CTRNN.
        inputs: Inputs ``(batch, time, input)``.
        start: States before the first step.
        rate: Rates ``(batch, time, unit)``.
        output: Outputs ``(batch, time, output)``.
        inside: 1 inside the trials and 0 in the padding, ``(batch, time, 1)``.
    """

    network: AbstractNetwork
    matrix: str
    inputs: Tensor
    start: Tensor
    rate: Tensor
    output: Tensor
    inside: Tensor

    def run(self, parts: Parts) -> tuple[Tensor, Tensor]:
        """Rates and outputs of a reduced network in the same trials.

        Args:
            parts: Its parameters.

        Returns:
            Two arrays, differentiable with respect to the parameters.
        """
        if not isinstance(self.network, CTRNN):
            run = torch.func.functional_call(
                self.network, {self.matrix: parts.W_rec}, (self.inputs, self.start), strict=False
            )
            return run.rate, run.output
        circuit = self.network.circuit()._replace(
            W_rec=parts.W_rec,
            W_in=parts.W_in,
            bias=parts.bias,
            W_out=parts.W_out,
            bias_out=parts.bias_out,
            alpha=self.network.alpha.detach(),
        )
        done = kernels.run(circuit, self.inputs, self.start, None)
        return cast(Tensor, done.rate), done.output

    def unexplained(self, parts: Parts) -> tuple[Tensor, Tensor]:
        r"""Unexplained shares of the variance of rates and outputs, :math:`1 - R^2`.

        Args:
            parts: Parameters of a reduced network.

        Returns:
            Two scalars.
        """
        rate, output = self.run(parts)
        return _share(rate, self.rate, self.inside), _share(output, self.output, self.inside)


def target_of(network: AbstractNetwork, trials: Trials, dtype: torch.dtype) -> Target:
    """Run a network without noise for others to imitate.

    Args:
        network: The network.
        trials: The trials.
        dtype: Floating-point type of the fit.

    Returns:
        The target.

    Raises:
        ValueError: If rates or outputs do not vary.
    """
    still = copy.deepcopy(network).to(dtype).eval().requires_grad_(False)
    still.sigma_rec = 0.0
    here = trials.to(next(still.parameters()))
    with torch.no_grad():
        done = still(here.inputs)
        start = still.initial_state(trials.n_trials).clone()
    inside = here.valid[..., None]
    for name, values in (("rates", done.rate), ("outputs", done.output)):
        kept = values[inside[..., 0] > 0]
        if not bool((kept != kept[0]).any()):
            raise ValueError(
                f"The {name} of the network do not vary in these trials: there is nothing to explain. Pass trials that "
                "drive it."
            )
    matrix = "" if isinstance(network, CTRNN) else name_of_matrix(still)
    return Target(still, matrix, here.inputs, start, done.rate, done.output, inside)


def name_of_matrix(network: AbstractNetwork) -> str:
    """Name of the parameter that is the recurrent matrix of a network that is no CTRNN.

    Args:
        network: The network.

    Returns:
        The name.

    Raises:
        TypeError: If no parameter is the matrix: there are several, or it is computed from others.
    """
    W = network.W_rec
    for name, each in network.named_parameters():
        if each is W and each.shape == (network.n_units, network.n_units):
            return name
    raise TypeError(
        f"{type(network).__name__} has no single recurrent matrix to reduce: its W_rec is none of its parameters. Gates with "
        "matrices of their own are reduced one at a time: let W_rec return the parameter that is meant."
    )


def truncated(network: AbstractNetwork, rank: int) -> Parts:
    """The leading singular vectors of the recurrent matrix, everything else kept.

    Args:
        network: A network held still.
        rank: How many.

    Returns:
        The parameters.
    """
    U, S, Vh = torch.linalg.svd(network.W_rec)
    return parts_of(network, U[:, :rank] * S[:rank], Vh[:rank].T)


def padded(parts: Parts, rank: int, seed: int) -> Parts:
    """The same network with room for a higher rank: random left vectors beside right vectors of 0.

    Args:
        parts: Parameters.
        rank: New rank, at least the old one.
        seed: Seed of the random vectors.

    Returns:
        Parameters of the same matrix; no left vector is 0, where a descent would stay.
    """
    n, more = len(parts.left), rank - parts.left.shape[1]
    left = torch.cat([parts.left, parts.left.new_zeros(n, more)], 1)
    right = torch.cat([parts.right, parts.right.new_zeros(n, more)], 1)
    new = torch.randn(n, rank, generator=torch_generator(seed, "low rank", rank), dtype=torch.float64)
    absent = (left == 0).all(0) & (right == 0).all(0)
    return parts._replace(left=torch.where(absent, new.to(left), left), right=right)


def parts_of(network: AbstractNetwork, left: Tensor, right: Tensor) -> Parts:
    """The matrix ``left @ right.T`` beside everything else a network has.

    Args:
        network: A network held still.
        left: Left vectors, ``(unit, rank)``.
        right: Right vectors, ``(unit, rank)``.

    Returns:
        The parameters.
    """
    left, right = left.detach(), right.detach() * len(left)
    if not isinstance(network, CTRNN):
        return Parts(left, right, *(left.new_zeros(0) for _ in range(4))).canonical()
    bias, bias_out = (
        torch.zeros(size, dtype=left.dtype, device=left.device) if each is None else each.detach()
        for each, size in ((network.bias, network.n_units), (network.bias_out, network.n_outputs))
    )
    return Parts(left, right, network.W_in.detach(), bias, network.W_out.detach(), bias_out).canonical()


def rebuilt(network: AbstractNetwork, parts: Parts) -> AbstractNetwork:
    """A network of its own with these parameters, without Dale's law.

    Args:
        network: The network that was reduced; its dynamics, noise and names are taken over, and from one that is no CTRNN
            everything but the matrix.
        parts: Parameters.

    Returns:
        The network, in the type and on the device of the original.
    """
    if not isinstance(network, CTRNN):
        other = copy.deepcopy(network)
        with torch.no_grad():
            dict(other.named_parameters())[name_of_matrix(other)].copy_(parts.W_rec)
        return other
    like = next(network.parameters())
    twin = CTRNN(
        network.n_inputs,
        network.n_units,
        network.n_outputs,
        tau=network.tau.detach(),
        dt=network.dt,
        activation=network.activation,
        form=network.form,
        sigma_rec=network.sigma_rec,
        noise=network.noise,
        connectivity=AllToAll(autapses=True),
        dtype=like.dtype,
        device=like.device,
    )
    twin.areas = network.areas
    twin.W_rec, twin.W_in, twin.W_out = parts.W_rec, parts.W_in, parts.W_out
    with torch.no_grad():
        for own, value in (
            (twin.bias, parts.bias),
            (twin.bias_out, parts.bias_out),
            (twin.start, network.start),
        ):
            if own is not None:
                own.copy_(value)
    return twin


def _share(found: Tensor, wanted: Tensor, inside: Tensor) -> Tensor:
    """Squared error as a share of the variance around the mean of each column."""
    mean = (wanted * inside).sum((0, 1)) / inside.sum()
    total = ((wanted - mean).square() * inside).sum()
    return ((found - wanted).square() * inside).sum() / total
