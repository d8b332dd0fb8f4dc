"""Initial recurrent weights, scaled on the matrix the network really uses."""

__all__ = ["AbstractInitialiser", "BalancedGamma", "Gaussian", "Identity", "Orthogonal", "fan_in_normal"]

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammaincinv
from torch import Tensor
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.connectivity._weights import SynapticWeights
from neurornn.connectivity._wiring import Wiring
from neurornn.random import derive_seed, normal_array, uniform_array


class AbstractInitialiser(ABC):
    """A recipe for the initial recurrent matrix."""

    @abstractmethod
    def matrix(self, wiring: Wiring, sign: NDArray[np.float64] | None, seed: int) -> NDArray[np.float64]:
        """Draw the effective matrix.

        Args:
            wiring: Synapses that exist and those that are fixed.
            sign: +1 or -1 for each presynaptic unit, or None without Dale's law.
            seed: Seed.

        Returns:
            A matrix ``(post, pre)`` that obeys the signs, the mask and the fixed weights.
        """


@dataclass(frozen=True)
class Gaussian(AbstractInitialiser):
    r"""Independent normal weights; under Dale's law their magnitudes, with the declared signs.

    Under Dale's law magnitudes alone leave excitation and inhibition unbalanced, and one outlier eigenvalue
    carries the whole spectral radius: prefer :class:`BalancedGamma` there.

    Attributes:
        spectral_radius: Largest modulus of the eigenvalues of the effective matrix.

    Examples:
        >>> W = Gaussian(spectral_radius=1.5).matrix(Wiring(np.ones((50, 50), dtype=bool)), None, seed=0)
        >>> round(float(abs(np.linalg.eigvals(W)).max()), 9)
        1.5
    """

    spectral_radius: float = 1.0

    @override
    def matrix(self, wiring: Wiring, sign: NDArray[np.float64] | None, seed: int) -> NDArray[np.float64]:
        W = _normal(wiring.mask.shape[0], seed)
        if sign is not None:
            W = np.abs(W) * sign
        return _scaled(W, wiring, self.spectral_radius)


@dataclass(frozen=True)
class BalancedGamma(AbstractInitialiser):
    r"""Gamma-distributed magnitudes whose excitation and inhibition cancel on every unit.

    Inhibitory weights of each postsynaptic unit are scaled so that :math:`\sum_j W_{ij} = 0`. The outlier
    eigenvalue of the mean then vanishes and the spectral radius is that of the bulk.

    Attributes:
        spectral_radius: Largest modulus of the eigenvalues of the effective matrix.
        shape: Shape parameter of the gamma distribution; its scale is set by the radius.

    References:
        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792
    """

    spectral_radius: float = 1.5
    shape: float = 2.0

    @override
    def matrix(self, wiring: Wiring, sign: NDArray[np.float64] | None, seed: int) -> NDArray[np.float64]:
        if sign is None or not (sign < 0).any() or not (sign > 0).any():
            found = (
                "no cell types"
                if sign is None
                else f"{(sign > 0).sum()} excitatory, {(sign < 0).sum()} inhibitory"
            )
            raise ValueError(
                f"BalancedGamma balances excitation against inhibition and needs units of both types: got {found}. "
                "Change dale=Dale(fraction_excitatory=...) or n_units, or use Gaussian()."
            )
        n = wiring.mask.shape[0]
        u = uniform_array(derive_seed(seed, "recurrent weights"), n, n)
        W = gammaincinv(self.shape, u) * wiring.mask * sign
        excitation, inhibition = W[:, sign > 0].sum(1), -W[:, sign < 0].sum(1)
        ratio = np.divide(excitation, inhibition, out=np.ones(n), where=(inhibition > 0) & (excitation > 0))
        W[:, sign < 0] *= ratio[:, None]
        return _scaled(W, wiring, self.spectral_radius)


@dataclass(frozen=True)
class Orthogonal(AbstractInitialiser):
    r"""A random orthogonal matrix times a gain: every eigenvalue and singular value has that modulus.

    Attributes:
        gain: Modulus of the eigenvalues.

    References:
        Exact solutions to the nonlinear dynamics of learning in deep linear neural networks (Saxe et al., 2014)
        https://arxiv.org/abs/1312.6120
    """

    gain: float = 1.0

    @override
    def matrix(self, wiring: Wiring, sign: NDArray[np.float64] | None, seed: int) -> NDArray[np.float64]:
        _refuse_constraints("Orthogonal", wiring, sign)
        with single_threaded():
            Q, R = torch.linalg.qr(torch.from_numpy(_normal(wiring.mask.shape[0], seed)))
        return np.asarray(self.gain * Q * R.diagonal().sign())


@dataclass(frozen=True)
class Identity(AbstractInitialiser):
    r"""A multiple of the identity: each unit starts as an integrator of its input.

    Attributes:
        gain: Weight of each autapse.

    References:
        A simple way to initialize recurrent networks of rectified linear units (Le, Jaitly & Hinton, 2015)
        https://arxiv.org/abs/1504.00941
    """

    gain: float = 1.0

    @override
    def matrix(self, wiring: Wiring, sign: NDArray[np.float64] | None, seed: int) -> NDArray[np.float64]:
        _refuse_constraints("Identity", wiring, sign)
        return self.gain * np.eye(wiring.mask.shape[0])


def fan_in_normal(weights: SynapticWeights, key: int) -> Tensor:
    """Normal weights of variance 1 / (number of afferents), with the declared signs and mask.

    Args:
        weights: The matrix to draw for.
        key: Stream key.

    Returns:
        An effective matrix ``(post, pre)`` that obeys the declared structure.
    """
    W = torch.as_tensor(normal_array(key, *weights.raw.shape))
    if weights.sign is not None:
        W = W.abs() * weights.sign.cpu()
    mask = torch.ones_like(W) if weights.mask is None else weights.mask.cpu().to(W)
    return W * mask / mask.sum(1, keepdim=True).clamp(min=1).sqrt()


def _normal(n: int, seed: int) -> NDArray[np.float64]:
    return normal_array(derive_seed(seed, "recurrent weights"), n, n)


def _refuse_constraints(name: str, wiring: Wiring, sign: NDArray[np.float64] | None) -> None:
    if sign is not None:
        raise ValueError(
            f"{name} does not survive Dale's law: signs would destroy it. Use BalancedGamma() or Gaussian()."
        )
    if not wiring.mask.all() or wiring.fixed is not None:
        raise ValueError(
            f"{name} needs every synapse, autapses included, to exist and learn: here {int((~wiring.mask).sum())} are "
            "missing or some are fixed. Use Gaussian(), or connectivity=AllToAll(autapses=True)."
        )


def _scaled(W: NDArray[np.float64], wiring: Wiring, radius: float) -> NDArray[np.float64]:
    """Scale the plastic weights so that the whole effective matrix has the wanted spectral radius.

    Args:
        W: Unscaled matrix with the declared signs.
        wiring: Synapses that exist and those that are fixed.
        radius: Spectral radius wanted.

    Returns:
        The effective matrix.

    Raises:
        ValueError: If no scale gives this radius.
    """
    if not 0 <= radius < np.inf:
        raise ValueError(f"spectral_radius must be finite and at least 0: got {radius}.")
    fixed = np.zeros_like(W) if wiring.fixed is None else np.nan_to_num(wiring.fixed)
    plastic = W * wiring.mask if wiring.fixed is None else W * wiring.mask * np.isnan(wiring.fixed)

    def excess(scale: float) -> float:
        with single_threaded():
            eigenvalues = torch.linalg.eigvals(torch.from_numpy(fixed + scale * plastic))
        return float(eigenvalues.abs().max()) - radius

    if radius == 0 and wiring.fixed is None:
        return np.zeros_like(W)
    if wiring.fixed is None:
        largest = excess(1.0) + radius
        if largest < 1e-12 * max(1.0, float(np.abs(plastic).max())):
            raise ValueError(
                "The connectivity has no loops, so its eigenvalues are all 0 and no spectral radius can be set. "
                "Add recurrent synapses or use spectral_radius=0."
            )
        return plastic * (radius / largest)
    from scipy.optimize import brentq  # a third of a second to import, rarely needed

    low, high = excess(0.0), 1.0
    while excess(high) < 0 and high < 1e6:
        high *= 2
    if low > 0 or excess(high) < 0:
        raise ValueError(
            f"No scale of the plastic weights gives spectral_radius={radius}: the fixed weights alone have "
            f"{low + radius:.4g}. Choose a larger radius or smaller fixed weights."
        )
    return np.asarray(fixed + brentq(excess, 0.0, high, xtol=1e-14) * plastic)
