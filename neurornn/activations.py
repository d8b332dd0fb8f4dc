r"""Transfer functions from potential to firing rate, each with its exact derivative."""

__all__ = ["Activation", "activation", "power"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from neurornn._words import did_you_mean


@dataclass(frozen=True)
class Activation:
    r"""A transfer function :math:`r = \phi(x)` and its derivative :math:`\phi'(x)`.

    The derivative is checked against autograd when the object is made: a wrong one would silently bend every
    Jacobian, fixed point and learning rule that uses it.

    Attributes:
        name: Name printed and saved.
        function: Elementwise map of a tensor.
        derivative: Elementwise derivative. At a kink either one-sided value is allowed.
        lower: Infimum of the function, ``-inf`` if unbounded below.
        upper: Supremum of the function, ``inf`` if unbounded above.

    Raises:
        ValueError: If the derivative disagrees with autograd, or the function does not act elementwise.

    Examples:
        >>> softsign = Activation("softsign", lambda x: x / (1 + x.abs()), lambda x: (1 + x.abs()) ** -2, -1.0, 1.0)
        >>> softsign(torch.tensor(1.0)).item()
        0.5
    """

    name: str
    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    lower: float = -float("inf")
    upper: float = float("inf")

    def __post_init__(self) -> None:
        with torch.enable_grad():
            x = torch.linspace(-2.9, 3.1, 24, dtype=torch.float64, requires_grad=True)  # no grid point at 0
            (expected,) = torch.autograd.grad(self.function(x).sum(), x)
            found = self.derivative(x)
            alone = torch.cat([self.function(each) for each in x.detach().split(1)])
        if not torch.allclose(alone, self.function(x.detach()), rtol=1e-9, atol=1e-12):
            raise ValueError(
                f"Activation '{self.name}' is not elementwise: its value at one number depends on the others. A transfer "
                "function acts on each unit alone."
            )
        worst = int((found - expected).abs().argmax())
        if not torch.allclose(found, expected, rtol=1e-6, atol=1e-8):
            raise ValueError(
                f"The derivative given for activation '{self.name}' is {found[worst].item():.6g} at "
                f"x={x[worst].item():.3g} but autograd finds {expected[worst].item():.6g}. Correct the derivative."
            )

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the function elementwise."""
        return self.function(x)

    @property
    def bounded(self) -> bool:
        """Whether rates stay in a finite interval whatever the potential."""
        return self.lower > -float("inf") and self.upper < float("inf")


def _step(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)


def _tanh_slope(x: Tensor) -> Tensor:
    return 1 - torch.tanh(x) ** 2


def _sigmoid_slope(x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 - s)


def _retanh(x: Tensor) -> Tensor:
    return torch.tanh(torch.relu(x))


def _retanh_slope(x: Tensor) -> Tensor:
    return _tanh_slope(x) * _step(x)


def _identity(x: Tensor) -> Tensor:
    return x


def _power(x: Tensor, exponent: float, gain: float) -> Tensor:
    return gain * torch.relu(x) ** exponent


def _power_slope(x: Tensor, exponent: float, gain: float) -> Tensor:
    return gain * exponent * torch.relu(x) ** (exponent - 1) * _step(x)


def power(exponent: float = 2.0, gain: float = 1.0) -> Activation:
    r"""Threshold power law :math:`\phi(x) = k\,[x]_+^n`.

    Args:
        exponent: :math:`n`, at least 1.
        gain: :math:`k`, positive.

    Returns:
        The activation. Only the default ``power()`` can be rebuilt by name from a saved configuration.

    Raises:
        ValueError: If the exponent is below 1 or the gain is not positive.

    References:
        Power-law input-output transfer functions explain the contrast-response and tuning properties of neurons
        in visual cortex (Persi et al., 2011) https://doi.org/10.1371/journal.pcbi.1001078

    Examples:
        >>> power(2.0, gain=0.5)(torch.tensor([-1.0, 3.0])).tolist()
        [0.0, 4.5]
    """
    if exponent < 1 or gain <= 0:
        raise ValueError(f"power needs exponent >= 1 and gain > 0: got exponent={exponent} and gain={gain}.")
    name = "power" if (exponent, gain) == (2.0, 1.0) else f"power({exponent:g}, gain={gain:g})"
    return Activation(
        name,
        partial(_power, exponent=exponent, gain=gain),
        partial(_power_slope, exponent=exponent, gain=gain),
        lower=0.0,
    )


_ACTIVATIONS = {
    each.name: each
    for each in (
        Activation("relu", torch.relu, _step, lower=0.0),
        Activation("softplus", torch.nn.functional.softplus, torch.sigmoid, lower=0.0),
        Activation("tanh", torch.tanh, _tanh_slope, lower=-1.0, upper=1.0),
        Activation("sigmoid", torch.sigmoid, _sigmoid_slope, lower=0.0, upper=1.0),
        Activation("retanh", _retanh, _retanh_slope, lower=0.0, upper=1.0),
        Activation("identity", _identity, torch.ones_like),
        power(),
    )
}


def activation(name: str | Activation) -> Activation:
    """Look up an activation by name; an :class:`Activation` passes through.

    Args:
        name: ``"relu"``, ``"softplus"``, ``"tanh"``, ``"sigmoid"``, ``"retanh"``, ``"power"``, ``"identity"``.

    Returns:
        The activation.

    Raises:
        ValueError: If there is no activation of that name.

    Examples:
        >>> activation("relu").derivative(torch.tensor([-1.0, 2.0])).tolist()
        [0.0, 1.0]
    """
    if isinstance(name, Activation):
        return name
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"No activation is called '{name}'.{did_you_mean(name, _ACTIVATIONS)} Known: {', '.join(_ACTIVATIONS)}; "
            "for your own, pass neurornn.Activation(name, function, derivative)."
        )
    return _ACTIVATIONS[name]
