r"""The energy of networks with symmetric weights, exactly."""

__all__ = ["energy", "energy_function"]

import copy
from collections.abc import Callable

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import freeze, plain
from neurornn.analysis.landscape._flow import held_input
from neurornn.analysis.landscape._integrals import integral, inverse
from neurornn.networks import CTRNN
from neurornn.provenance import provenance

_ASYMMETRY = 1e-6  # relative to the largest weight: above single-precision rounding of a symmetric matrix
_CHUNK = 2**20  # numbers evaluated at once


def energy(
    network: CTRNN,
    states: xr.DataArray | ArrayLike | Tensor,
    *,
    input: ArrayLike | Tensor,
    tolerance: float = _ASYMMETRY,
) -> xr.Dataset:
    r"""Energy of states of a network with symmetric recurrent weights, and its rate of change.

    With the rates :math:`r`, the drive :math:`I = W_{in} u + b` and a transfer function :math:`\phi` that never
    decreases,

    .. math:: E = -\tfrac12\, r^\top W_{rec}\, r - I^\top r + \sum_i \int_0^{r_i} \phi^{-1}(s)\,ds .

    *Current form*, :math:`T \dot x = -x + W_{rec} r + I` with :math:`r = \phi(x)` and :math:`T = \mathrm{diag}\,\tau`.
    The integral is :math:`x_i r_i - \int_0^{x_i} \phi`, up to a constant that is the same for all states, so that no
    inverse is needed and rates may be constant over a range of potentials. Then

    .. math:: \frac{\partial E}{\partial r_i} = -\tau_i \dot x_i, \qquad
        \dot E = -\sum_i \tau_i\, \phi'(x_i)\, \dot x_i^2 \le 0 .

    *Rate form*, :math:`T \dot r = -r + \phi(a)` with :math:`a = W_{rec} r + I`. The state is :math:`r`, and

    .. math:: \frac{\partial E}{\partial r_i} = \phi^{-1}(r_i) - a_i, \qquad
        \dot E = -\sum_i \frac{1}{\tau_i} \big(a_i - \phi^{-1}(r_i)\big) \big(\phi(a_i) - r_i\big) \le 0 ,

    each term being a product of two numbers of the same sign. The energy exists where all rates are values of
    :math:`\phi`; elsewhere it is NaN and ``defined`` is False (the dynamics lead from there to where it is).

    Where :math:`\phi' > 0` the energy rests at fixed points and nowhere else. It falls along the differential
    equation, for any time constants. The map of a network with a long time step may raise it: that is not a matter
    of the energy but of the step. In current form the flow is not the gradient of :math:`E` with respect to the
    state, and with noise the states are *not* distributed as :math:`e^{-E/\sigma^2}` except in a linear network: see
    :func:`quasi_potential`.

    Args:
        network: A noiseless :class:`~neurornn.CTRNN` whose effective recurrent weights are symmetric.
        states: States ``(..., unit)``; a :class:`xarray.DataArray` keeps its dimensions and coordinates.
        input: Input held, one number for each channel.
        tolerance: Largest asymmetry allowed, relative to the largest weight. The default lets single-precision
            rounding pass and nothing else.

    Returns:
        A dataset over the dimensions of the states without ``unit``: ``energy``, ``energy_rate`` (its derivative in
        time, 1/ms) and ``defined``.

    Raises:
        TypeError: If the network is no CTRNN.
        ValueError: If the weights are not symmetric, the transfer function decreases somewhere, the network is noisy
            or the states or the input do not fit.

    References:
        Neurons with graded response have collective computational properties like those of two-state neurons
        (Hopfield, 1984) https://doi.org/10.1073/pnas.81.10.3088

        Absolute stability of global pattern formation and parallel memory storage by competitive neural networks
        (Cohen & Grossberg, 1983) https://doi.org/10.1109/TSMC.1983.6313075

    Examples:
        A lone unit with self-excitation 2: :math:`E(x) = -\tanh^2 x + x \tanh x - \log\cosh x`, lowest in its memories.

        >>> import neurornn
        >>> network = neurornn.CTRNN(1, 1, 1, activation="tanh", bias=False)
        >>> network.W_rec = 2 * torch.eye(1)
        >>> found = energy(network, [[0.0], [1.0], [1.915008048155]], input=[0.0])
        >>> found.energy.values.round(6).tolist(), bool(abs(found.energy_rate[2]) < 1e-20)
        ([0.0, -0.252212, -0.326524], True)
    """
    evaluate = energy_function(network, input=input, tolerance=tolerance)
    values = (
        states.transpose(..., "unit")
        if isinstance(states, xr.DataArray) and "unit" in states.dims
        else states
    )
    array = plain(np.asarray(values) if isinstance(values, xr.DataArray) else values)
    if array.ndim == 0 or array.shape[-1] != network.n_units:
        raise ValueError(f"states must be (..., unit) with {network.n_units} units: got shape {array.shape}.")
    held = held_input(input, network.n_inputs)
    with torch.no_grad(), single_threaded():
        rows = torch.as_tensor(array.reshape(-1, network.n_units)).split(max(1, _CHUNK // network.n_units))
        parts = [(evaluate(part), _rate_of_change(network, part, torch.as_tensor(held))) for part in rows]
    shape = array.shape[:-1]
    E, slope = (
        torch.cat(column).numpy().reshape(shape) if parts else np.zeros(shape)
        for column in zip(*parts, strict=True)
    )
    dims = _dims(states, array.ndim - 1)
    coords = (
        {name: c for name, c in states.coords.items() if "unit" not in c.dims}
        if isinstance(states, xr.DataArray)
        else {}
    )
    return xr.Dataset(
        {
            "energy": (dims, E, {"long_name": "energy", "units": "1"}),
            "energy_rate": (dims, slope, {"long_name": "rate of change of the energy", "units": "1/ms"}),
            "defined": (
                dims,
                np.isfinite(E),
                {"long_name": "rates are in the range of the activation", "units": "1"},
            ),
            "inputs": ("input", held, {"long_name": "input held", "units": "1"}),
        },
        coords=coords,
        attrs=provenance("neurornn.Energy/1") | {"form": network.form, "activation": network.activation.name},
    )


def energy_function(
    network: CTRNN, *, input: ArrayLike | Tensor, tolerance: float = _ASYMMETRY
) -> Callable[[Float[Tensor, "*batch unit"]], Float[Tensor, "*batch"]]:
    """The energy as a function of torch, differentiable by the state.

    Args:
        network: A noiseless network with symmetric recurrent weights; its present weights are copied.
        input: Input held.
        tolerance: Largest asymmetry allowed, relative to the largest weight.

    Returns:
        A function from float64 states ``(..., unit)`` to energies; see :func:`energy`.

    Raises:
        TypeError: If the network is no CTRNN.
        ValueError: If there is no energy for it.

    Examples:
        >>> import neurornn
        >>> network = neurornn.CTRNN(1, 2, 1, activation="identity", bias=False)
        >>> network.W_rec = torch.zeros(2, 2)
        >>> energy_function(network, input=[0.0])(torch.tensor([3.0, 4.0], dtype=torch.float64)).item()
        12.5
    """
    if not isinstance(network, CTRNN):
        raise TypeError(
            f"The energy is known for neurornn.CTRNN: got {type(network).__name__}. For any gradient system, use "
            "landscape.potential."
        )
    freeze(network, network.n_units)
    held = held_input(input, network.n_inputs)
    twin = copy.deepcopy(network).cpu().double().requires_grad_(False)
    W = twin.W_rec.detach()
    _check_symmetric(W.numpy(), tolerance)
    _check_increasing(network)
    drive = torch.nn.functional.linear(torch.as_tensor(held), twin.W_in, twin.bias).detach()
    activation, form = network.activation, network.form

    def evaluate(state: Tensor) -> Tensor:
        x = state if form == "current" else inverse(activation, state)
        r = activation(state) if form == "current" else state
        stored = x * r - integral(activation, x)
        if form == "rate":  # 0 * infinity at the ends of the range
            stored = torch.where(torch.isfinite(x), stored, torch.nan)
        return -0.5 * (r * (r @ W)).sum(-1) - r @ drive + stored.sum(-1)

    return evaluate


def _check_symmetric(W: NDArray[np.float64], tolerance: float) -> None:
    difference = np.abs(W - W.T)
    largest = np.abs(W).max()
    i, j = np.unravel_index(int(difference.argmax()), W.shape)
    if difference[i, j] > tolerance * largest:
        raise ValueError(
            f"There is no such energy for weights that are not symmetric: W_rec[{i}, {j}]={W[i, j]:.6g} and "
            f"W_rec[{j}, {i}]={W[j, i]:.6g} differ by {difference[i, j] / largest:.3g} of the largest weight, more than "
            f"tolerance={tolerance:g}. Estimate a quasi-potential from noisy runs instead: landscape.quasi_potential."
        )


def _check_increasing(network: CTRNN) -> None:
    x = torch.linspace(-30, 30, 6001, dtype=torch.float64)
    slope = network.activation.derivative(x)
    if bool((slope < 0).any()):
        raise ValueError(
            f"The energy needs an activation that never decreases: '{network.activation.name}' has slope "
            f"{slope.min().item():.3g} at {x[slope.argmin()].item():.3g}."
        )


def _rate_of_change(network: CTRNN, state: Tensor, held: Tensor) -> Tensor:
    system = freeze(network, network.n_units)
    v = system.drift(state.to(system.device), held.to(system.device)).cpu()
    tau = network.tau.detach().cpu().double()
    if network.form == "current":
        return -(tau * network.activation.derivative(state) * v**2).sum(-1)
    twin = copy.deepcopy(network).cpu().double()
    a = torch.nn.functional.linear(state, twin.W_rec) + torch.nn.functional.linear(held, twin.W_in, twin.bias)
    return -((a - inverse(network.activation, state)) * v).sum(-1)


def _dims(states: xr.DataArray | ArrayLike | Tensor, n: int) -> tuple[str, ...]:
    if isinstance(states, xr.DataArray):
        return tuple(str(dim) for dim in states.dims if dim != "unit")
    return ("state",) if n == 1 else tuple(f"state_{k}" for k in range(n))
