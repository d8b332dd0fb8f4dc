r"""The potential of a gradient system, by integrating its drift."""

__all__ = ["potential"]

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import System, check_drift, freeze, plain
from neurornn.analysis.landscape._flow import held_input
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PROBES = 64


def potential(
    network: HasDrift,
    states: ArrayLike | Tensor,
    *,
    input: ArrayLike | Tensor,
    origin: ArrayLike | Tensor | None = None,
    tolerance: float = 1e-6,
    n_panels: int = 8,
) -> xr.Dataset:
    r"""Potential :math:`U` of a system whose drift is a gradient, :math:`F = -\nabla U`.

    .. math:: U(x) = -\int_0^1 F\big(o + s\,(x - o)\big)^\top (x - o)\,ds

    from the origin :math:`o`. A drift is a gradient exactly if its Jacobian is symmetric, which is checked at the
    states and half-way to them. Few networks are: linear ones with symmetric weights and equal time constants, and
    units that do not interact. A network with symmetric weights has an *energy* (:func:`energy`), but its drift is not
    the gradient of that.

    With white noise of intensity :math:`D`, :math:`dx = F\,dt + \sqrt{2D}\,dW`, a gradient system and no other has
    states distributed as :math:`e^{-U/D}`. For the library's noise :math:`D = \sigma_{rec}^2 / \tau` in 1/ms.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms; it is
            left untouched.
        states: States ``(state, unit)``.
        input: Input held, one number for each channel.
        origin: State at which the potential is 0; all zeros if None.
        tolerance: Largest asymmetry of a Jacobian allowed, relative to its largest entry.
        n_panels: Stretches into which each path is cut for the quadrature, with 16 nodes each.

    Returns:
        A dataset along ``state``: ``potential`` in 1/ms (units of the state squared).

    Raises:
        TypeError: If the network has no drift.
        ValueError: If the drift is no gradient, the network is noisy or the states or the input do not fit.

    Examples:
        >>> from neurornn.analysis.systems import Drift
        >>> well = Drift(lambda x, u: x - x**3, n_units=1)
        >>> potential(well, [[0.0], [1.0], [2.0]], input=[]).potential.values.round(9).tolist()
        [0.0, -0.25, 2.0]
    """
    x = np.atleast_2d(plain(states))
    n_units = getattr(network, "n_units", x.shape[-1])
    start = np.zeros(n_units) if origin is None else plain(origin)
    if x.ndim != 2 or x.shape[1] != n_units or start.shape != (n_units,):
        raise ValueError(
            f"states must be (state, unit) and origin (unit,) with {n_units} units: got shapes {x.shape} and {start.shape}."
        )
    system = freeze(network, n_units)
    held = torch.as_tensor(held_input(input, getattr(network, "n_inputs", None)), device=system.device)
    with torch.no_grad(), single_threaded():
        check_drift(system, torch.as_tensor(x, device=system.device), held)
        _check_gradient(system, held, np.concatenate([x, 0.5 * (x + start), start[None]]), tolerance)
        U = np.zeros(len(x))
        for k in range(n_panels):
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                share = (k + 0.5 * (1 + node)) / n_panels
                here = torch.as_tensor(start + share * (x - start), device=system.device)
                F = system.drift(here, held).cpu().numpy()
                U -= 0.5 * weight / n_panels * (F * (x - start)).sum(1)
    return xr.Dataset(
        {
            "potential": ("state", U, {"long_name": "potential", "units": "1/ms"}),
            "position": (("state", "unit"), x, {"long_name": "state", "units": "1"}),
        },
        attrs=provenance("neurornn.Potential/1") | {"tolerance": tolerance},
    )


def _check_gradient(system: System, input: Tensor, states: NDArray[np.float64], tolerance: float) -> None:
    chosen = states[np.unique(np.linspace(0, len(states) - 1, min(_PROBES, len(states))).round().astype(int))]
    for part in torch.as_tensor(chosen, device=system.device).split(system.block):
        J = system.jacobian(part, input).cpu().numpy()
        difference, size = np.abs(J - J.swapaxes(1, 2)).max((1, 2)), np.abs(J).max((1, 2))
        worst = int((difference / np.maximum(size, 1e-300)).argmax())
        if difference[worst] > tolerance * size[worst]:
            i, j = np.unravel_index(int(np.abs(J[worst] - J[worst].T).argmax()), J[worst].shape)
            raise ValueError(
                f"The drift is no gradient: its Jacobian has {J[worst, i, j]:.4g} at [{i}, {j}] and {J[worst, j, i]:.4g} "
                f"at [{j}, {i}] (1/ms), a difference of {difference[worst] / size[worst]:.3g} of its largest entry. There is "
                "no potential; estimate a quasi-potential from noisy runs instead: landscape.quasi_potential."
            )
