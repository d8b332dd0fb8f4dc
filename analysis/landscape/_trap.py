r"""Neighbourhoods of stable fixed points that no state leaves: what decides that a state has arrived."""

__all__ = ["Trap", "inside", "trap"]

import copy
from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.systems import HasDrift
from neurornn.networks import CTRNN
from neurornn.random import derive_seed, normal_array

_PROBES = 24  # pairs of opposite directions in which the Jacobian is looked at
_LARGEST = 1e3  # radius of a trap in units of the state, at most
_SAFETY = 4.0  # by how much a radius that was only probed is reduced
_HALVINGS = 60
_PROXIMITY = 1e-9  # times (1 + |x|): where nothing can be shown, a state must come this near

# Largest slope of the derivative of an activation, away from its kink.
_CURVATURE = {
    "tanh": 4 / (3 * np.sqrt(3)),
    "retanh": 4 / (3 * np.sqrt(3)),
    "sigmoid": 1 / (6 * np.sqrt(3)),
    "softplus": 0.25,
    "power": 2.0,
    "identity": 0.0,
    "relu": 0.0,
}
_KINKED = {"relu", "retanh"}


class Trap(NamedTuple):
    r"""The states with :math:`\lVert R (x - x^*) \rVert \le \rho`, all of which go to the fixed point :math:`x^*`.

    In the norm :math:`\lVert R\,\cdot \rVert` any two states in there come closer all the time, at least at half
    the rate of the slowest mode (a quarter if probed).

    Attributes:
        state: :math:`x^*`.
        root: :math:`R`, upper triangular, with :math:`R^\top R` a Lyapunov function of the linear dynamics.
        radius: :math:`\rho`; 0 if there is no such neighbourhood.
        reach: Largest distance of a state in there from the fixed point, in units of the state.
        kind: ``"certified"`` by a bound on the Jacobian that holds in the whole neighbourhood, ``"probed"`` at a
            number of states, ``"proximity"`` (nothing shown: the states within 1e-9 of a point on a kink), or ``"none"``.
        time_constant: Time constant of the slowest mode in ms.
    """

    state: NDArray[np.float64]
    root: NDArray[np.float64]
    radius: float
    reach: float
    kind: str
    time_constant: float


def inside(found: Trap, state: Tensor) -> Tensor:
    """Which states are in a trap.

    Args:
        found: The trap.
        state: States, ``(batch, unit)``.

    Returns:
        One truth value for each state.
    """
    away = state - torch.as_tensor(found.state, device=state.device)
    answer = away.norm(dim=1) <= found.reach
    rows = answer.nonzero().squeeze(1)
    if rows.numel():
        root = torch.as_tensor(found.root, device=state.device)
        answer[rows] = (away[rows] @ root.T).norm(dim=1) <= found.radius
    return answer


def trap(
    network: HasDrift,
    system: System,
    input: Tensor,
    state: NDArray[np.float64],
    *,
    rate: float,
    discrete: bool,
) -> Trap:
    r"""The largest neighbourhood of a stable fixed point that can be shown to be one.

    With the Jacobian :math:`A` at the point and :math:`s` half of its slowest decay, :math:`P = R^\top R` solves
    :math:`A^\top P + P A + 2 s P = -I` (for the map :math:`M = I + dt\,A`, with :math:`s` midway between its
    spectral radius and 1, :math:`M^\top P M - s^2 P = -I`). In the norm :math:`\lVert R\,\cdot\rVert` the linear
    dynamics then contract, and so do the full ones where the Jacobian differs from :math:`A` by less than half of
    that.

    Args:
        network: The network, for what is known of its nonlinearity.
        system: Its frozen copy.
        input: Input held.
        state: A fixed point.
        rate: Scale of the drift in 1/ms.
        discrete: Whether the map is meant, rather than the differential equation.

    Returns:
        The trap; of radius 0 if the point is not stable, or too little for a numerical answer.
    """
    x = torch.as_tensor(state, device=system.device)
    A = system.jacobian(x[None], input)[0].cpu().numpy()
    n = len(A)
    none = Trap(state, np.eye(n), 0.0, 0.0, "none", np.inf)
    if not np.isfinite(A).all():
        return none
    values = np.linalg.eigvals(A)
    try:
        if discrete:
            M = np.eye(n) + system.dt * A
            size = float(np.abs(1 + system.dt * values).max())
            if size >= 1 - 1e-7 * system.dt * rate:
                return none
            s = 0.5 * (1 + size)
            P = scipy.linalg.solve_discrete_lyapunov(M.T / s, np.eye(n))
            R = scipy.linalg.cholesky(0.5 * (P + P.T))
            slack = (1 - float(np.linalg.norm(_seen(R, M), 2))) / system.dt  # what the Jacobian may change by
        else:
            s = -0.5 * float(values.real.max())
            if s <= 1e-7 * rate:
                return none
            P = scipy.linalg.solve_continuous_lyapunov((A + s * np.eye(n)).T, -np.eye(n))
            R = scipy.linalg.cholesky(0.5 * (P + P.T))
            G = _seen(R, A)
            slack = -float(np.linalg.eigvalsh(0.5 * (G + G.T))[-1])
    except np.linalg.LinAlgError:  # too non-normal to be told stable
        return none
    if not slack > 0:
        return none
    shortest = float(np.linalg.svd(R, compute_uv=False)[-1])
    radius, kind = _certified(network, system, input, x, R, 0.5 * slack), "certified"
    if radius is None:
        radius, kind = _probed(system, input, x, R, A, 0.5 * slack, _LARGEST * shortest), "probed"
    radius = min(radius, _LARGEST * shortest)
    time_constant = -1 / float(values.real.max())
    least = _PROXIMITY * (1 + float(np.linalg.norm(state)))
    if radius / shortest < least:  # on a kink, where the dynamics are linear in no neighbourhood
        return Trap(state, np.eye(n), least, least, "proximity", time_constant)
    return Trap(state, R, radius, radius / shortest, kind, time_constant)


def _seen(R: NDArray[np.float64], A: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix in coordinates in which the norm is the plain one, R A R^-1."""
    return scipy.linalg.solve_triangular(R, (R @ A).T, trans="T").T


def _certified(
    network: HasDrift, system: System, input: Tensor, x: Tensor, R: NDArray[np.float64], slack: float
) -> float | None:
    """Radius by a Lipschitz bound of the Jacobian, for networks of which it is known."""
    if not isinstance(network, CTRNN) or network.activation.name not in _CURVATURE:
        return None
    twin = copy.deepcopy(network).double()
    with torch.no_grad():
        W = twin.W_rec.cpu().numpy()
        rows = R / twin.tau.expand(twin.n_units).cpu().numpy()  # R T^-1
        drive = torch.nn.functional.linear(input.to(twin.W_in), twin.W_in, twin.bias)
        here = x if network.form == "current" else drive + twin.W_rec @ x.to(drive)
    spread = scipy.linalg.solve_triangular(R, np.eye(len(R)))  # R^-1
    if network.form == "current":
        along, before, after = spread, rows @ W, spread
    else:
        along, before, after = W @ spread, rows, W @ spread
    moved = np.linalg.norm(along, axis=1)  # of each argument of the activation, in a ball of radius 1
    change = np.linalg.norm(before, 2) * _CURVATURE[network.activation.name]
    # |diag(d) after| with |d_i| <= moved_i is at most the norm of diag(moved) |after|
    change *= min(
        float(np.linalg.norm(moved[:, None] * np.abs(after), 2)),
        float(moved.max() * np.linalg.norm(after, 2)),
    )
    radius = slack / change if change > 0 else np.inf
    if network.activation.name in _KINKED:
        away = np.abs(here.cpu().numpy())
        with np.errstate(divide="ignore", invalid="ignore"):
            radius = min(radius, float(np.nanmin(np.where(moved > 0, away / moved, np.inf))))
    return float(radius)


def _probed(
    system: System,
    input: Tensor,
    x: Tensor,
    R: NDArray[np.float64],
    A: NDArray[np.float64],
    slack: float,
    largest: float,
) -> float:
    """Radius at which the Jacobian was seen to change by less than the slack, with a margin."""
    n = len(R)
    directions = normal_array(derive_seed(0, "probes of a trap"), _PROBES, n)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    spread = scipy.linalg.solve_triangular(R, np.concatenate([directions, -directions]).T).T
    offsets = torch.as_tensor(spread, device=system.device)
    radius = largest
    for _ in range(_HALVINGS):
        probes = x + radius * offsets
        worst = 0.0
        for part in probes.split(min(system.block, 32)):
            for J in system.jacobian(part, input).cpu().numpy():
                change = np.linalg.norm(_seen(R, J - A), 2) if np.isfinite(J).all() else np.inf
                worst = max(worst, float(change))
            if worst > slack:
                break
        if worst <= slack:
            return radius / _SAFETY
        radius *= 0.5
    return 0.0
