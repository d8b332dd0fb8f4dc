r"""Integrals and inverses of transfer functions, in torch and differentiable."""

__all__ = ["integral", "inverse"]

import math

import numpy as np
import torch
from torch import Tensor

from neurornn.activations import Activation

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_PANEL = 1.0  # length of the panels of the quadrature
_MOST_PANELS = 200
_HALVINGS = 200


def integral(activation: Activation, x: Tensor) -> Tensor:
    r""":math:`\int_0^x \phi(s)\,ds`, elementwise.

    In closed form for the activations with one, otherwise by Gauss-Legendre quadrature with 20 nodes on each stretch
    of length 1 away from 0: a kink at 0 does no harm, a kink elsewhere costs digits.

    Args:
        activation: The transfer function :math:`\phi`.
        x: Upper ends.

    Returns:
        The integrals.
    """
    name = activation.name
    if name == "tanh":
        return _log_cosh(x)
    if name == "retanh":
        return _log_cosh(torch.relu(x))
    if name == "sigmoid":
        return torch.nn.functional.softplus(x, threshold=1e4) - math.log(2)
    if name == "relu":
        return 0.5 * torch.relu(x) ** 2
    if name == "identity":
        return 0.5 * x**2
    if name == "power":
        return torch.relu(x) ** 3 / 3
    return _quadrature(activation, x)


def inverse(activation: Activation, rate: Tensor) -> Tensor:
    r"""The potential :math:`\phi^{-1}(r)`, elementwise.

    Where a range of potentials gives the same rate, as for all below 0 with ``relu``, the one nearest to 0 is taken.

    Args:
        activation: The transfer function; it must increase.
        rate: Rates.

    Returns:
        Potentials; NaN for rates that the function does not take.
    """
    r, name = rate, activation.name
    nan = torch.full_like(r, torch.nan)
    if name == "tanh":
        return torch.where(r.abs() < 1, torch.atanh(r.clamp(-1, 1)), nan)
    if name == "retanh":
        return torch.where((r >= 0) & (r < 1), torch.atanh(r.clamp(0, 1)), nan)
    if name == "sigmoid":
        return torch.where((r > 0) & (r < 1), torch.logit(r.clamp(0, 1)), nan)
    if name == "softplus":
        safe = r.clamp(min=torch.finfo(r.dtype).tiny)
        return torch.where(r > 0, safe + torch.log(-torch.expm1(-safe)), nan)
    if name == "relu":
        return torch.where(r >= 0, r, nan)
    if name == "identity":
        return r
    if name == "power":
        return torch.where(r >= 0, r.clamp(min=0).sqrt(), nan)
    return _bisection(activation, r)


def _log_cosh(x: Tensor) -> Tensor:
    size = x.abs()
    return size + torch.nn.functional.softplus(-2 * size, threshold=1e4) - math.log(2)


def _quadrature(activation: Activation, x: Tensor) -> Tensor:
    largest = float(x.detach().abs().nan_to_num(0.0, 0.0, 0.0).max()) if x.numel() else 0.0
    n_panels = min(max(1, math.ceil(largest / _PANEL)), _MOST_PANELS)
    nodes, weights = (torch.as_tensor(each).to(x) for each in (_NODES, _WEIGHTS))
    total = torch.zeros_like(x)
    for k in range(n_panels):
        share = (k + 0.5 * (1 + nodes)) / n_panels
        total = total + (activation(x.unsqueeze(-1) * share) * weights).sum(-1)
    return total * x * (0.5 / n_panels)


def _bisection(activation: Activation, r: Tensor) -> Tensor:
    with torch.no_grad():
        low, high = -torch.ones_like(r), torch.ones_like(r)
        for _ in range(60):
            low = torch.where(activation(low) > r, 2 * low, low)
            high = torch.where(activation(high) < r, 2 * high, high)
        known = (activation(low) <= r) & (activation(high) >= r) & (high.abs() < 1e6) & (low.abs() < 1e6)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            below = activation(middle) < r
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        x = 0.5 * (low + high)
    if r.requires_grad:  # one Newton step carries the derivative
        x = x - (activation(x) - r) / activation.derivative(x)
    return torch.where(known, x, torch.full_like(x, torch.nan))
