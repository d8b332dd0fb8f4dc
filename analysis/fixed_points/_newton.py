r"""Where candidates go: to zeros of the drift, to minima of the speed, or nowhere.

A trust-region Newton iteration (Powell's dogleg) seeks :math:`F(x) = 0`. Where it stalls, because the Jacobian is
singular while :math:`F \ne 0`, Newton's method on :math:`q = |F|^2/2` takes over and ends at a minimum of the
speed; from a kink, where that ends nowhere, a few undamped steps are tried. All candidates run in one batch, and those
that have arrived leave it.
"""

__all__ = ["FIXED", "LOST", "SLOW", "Solved", "solve", "solve_linear", "typical_rate"]

from typing import NamedTuple

import torch
from torch import Tensor

from neurornn.analysis._system import System

FIXED, SLOW, LOST = 0, 1, 2
_EPS = torch.finfo(torch.float64).eps
_RUNAWAY = 1e6  # times the distance scale: such a candidate is leaving for infinity
_LEAPS = 20  # full Newton steps granted to a candidate that no descent moves
_SETTLED = 1e-6  # times the distance scale: last Newton step towards a minimum of the speed


class Solved(NamedTuple):
    """Where each candidate ended.

    Attributes:
        state: Last state, ``(batch, unit)``.
        speed: Norm of the drift there, in 1/ms.
        status: ``FIXED``, ``SLOW`` (a minimum of the speed that is not 0) or ``LOST`` (did not converge).
        error: First-order estimate of the distance to the exact point.
        n_iterations: Number of Jacobians spent.
    """

    state: Tensor
    speed: Tensor
    status: Tensor
    error: Tensor
    n_iterations: Tensor


class _Walk:
    """The batch on its way; ``rows`` are the candidates still under way."""

    def __init__(self, system: System, input: Tensor, start: Tensor, rate: float, tolerance: float) -> None:
        self.system, self.input, self.rate, self.tolerance = system, input, rate, tolerance
        n = start.shape[0]
        self.x = start.clone()
        self.F = system.drift(start, input)
        self.status = torch.full((n,), LOST, device=start.device)
        self.error = torch.full((n,), float("nan"), dtype=start.dtype, device=start.device)
        self.n_iterations = torch.zeros(n, dtype=torch.long, device=start.device)
        self.limit = _RUNAWAY * (1 + start.norm(dim=1).sum())
        self.rows = torch.arange(n, device=start.device)[self.F.isfinite().all(1)]

    def move(self, rows: Tensor, d: Tensor, predicted: Tensor) -> Tensor:
        """Take the steps that lower the speed; gives the ratio of true to predicted decrease of q."""
        x = self.x[rows] + d
        F = self.system.drift(x, self.input)
        gain = (_half_square(self.F[rows]) - _half_square(F)) / predicted.clamp(min=1e-300)
        gain = gain.nan_to_num(nan=-1.0, posinf=-1.0, neginf=-1.0)
        good = gain > 1e-4
        self.x[rows[good]], self.F[rows[good]] = x[good], F[good]
        return gain

    def arrived(self, F: Tensor, x: Tensor) -> Tensor:
        return F.norm(dim=1) <= self.tolerance * self.rate * (1 + x.norm(dim=1))

    def settle(self, rows: Tensor, status: int, error: Tensor) -> None:
        self.status[rows], self.error[rows] = status, _finite(error, 1e300)

    def result(self) -> Solved:
        return Solved(self.x, self.F.norm(dim=1), self.status, self.error, self.n_iterations)


def typical_rate(system: System, input: Tensor, state: Tensor) -> float:
    r"""Scale of the drift in 1/ms: the median of :math:`\|J\|_F / \sqrt N` over some states.

    Args:
        system: The system.
        input: Input held.
        state: States; the first 16 are used.

    Returns:
        About one over the time constant for a leaky network.
    """
    state = state[:16]
    norms = [system.jacobian(part, input).flatten(1).norm(dim=1) for part in state.split(system.block)]
    rate = torch.cat(norms).nan_to_num(0.0).median().item() / system.n_units**0.5
    return max(rate, torch.finfo(torch.float64).tiny)


def solve(
    system: System,
    input: Tensor,
    start: Tensor,
    *,
    rate: float,
    reach: float,
    tolerance: float,
    max_iterations: int,
) -> Solved:
    """Send every candidate to a zero of the drift, or to a minimum of the speed.

    Args:
        system: The system.
        input: Input held, ``(input,)``.
        start: Candidates, ``(batch, unit)``.
        rate: Scale of the drift in 1/ms.
        reach: Length of the first step allowed, in units of the state.
        tolerance: A candidate has arrived when ``|F| <= tolerance * rate * (1 + |x|)``.
        max_iterations: Number of Jacobians a candidate may spend.

    Returns:
        Where each candidate ended, in their order.
    """
    parts = []
    for part in start.split(system.block):
        walk = _Walk(system, input, part, rate, tolerance)
        walk.rows = _seek_zero(walk, reach, max_iterations)
        _seek_minimum(walk, reach, max_iterations)
        _leap(walk, max_iterations)
        parts.append(walk.result())
    return Solved(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _seek_zero(walk: _Walk, reach: float, max_iterations: int) -> Tensor:
    """Dogleg steps; gives the rows that stalled."""
    system, input, rate = walk.system, walk.input, walk.rate
    radius = torch.full_like(walk.x[:, 0], reach)
    stalled = []
    best = walk.F.norm(dim=1)
    idle = torch.zeros_like(walk.n_iterations)
    while walk.rows.numel():
        rows = walk.rows
        x, F = walk.x[rows], walk.F[rows]
        J = system.jacobian(x, input)
        walk.n_iterations[rows] += 1
        newton = solve_linear(J, -F)
        done = walk.arrived(F, x)
        if done.any():
            walk.move(rows[done], _finite(newton[done]), _half_square(F[done]))
        slope = torch.einsum("bij,bi->bj", J, F)
        flat = slope.norm(dim=1) <= 1e-3 * rate * F.norm(dim=1)
        spent = walk.n_iterations[rows] >= max_iterations
        lost = ~x.isfinite().all(1) | (x.norm(dim=1) > walk.limit)
        speed = F.norm(dim=1)
        better = speed < 0.5 * best[rows]
        best[rows] = torch.where(better, speed, best[rows])
        idle[rows] = torch.where(better, 0, idle[rows] + 1)
        stall = (flat | (radius[rows] < 1e-4 * reach) | (idle[rows] > 10)) & ~done & ~lost & ~spent
        stalled.append(rows[stall])
        walk.settle(rows[done], FIXED, newton[done].norm(dim=1))
        stay = ~(done | stall | spent | lost)
        walk.rows = rows[stay]
        if walk.rows.numel():
            _dogleg(walk, F[stay], J[stay], slope[stay], newton[stay], radius)
    return torch.cat(stalled) if stalled else walk.rows


def _dogleg(walk: _Walk, F: Tensor, J: Tensor, slope: Tensor, newton: Tensor, radius: Tensor) -> None:
    """One step of each row, with the radius reduced until the speed falls."""
    along = torch.einsum("bij,bj->bi", J, slope)
    cauchy = -slope * (slope.square().sum(1) / along.square().sum(1).clamp(min=1e-300)).unsqueeze(1)
    todo = torch.arange(len(F), device=F.device)
    for _ in range(6):
        rows = walk.rows[todo]
        d = _dogleg_step(slope[todo], cauchy[todo], newton[todo], radius[rows])
        model = F[todo] + torch.einsum("bij,bj->bi", J[todo], d)
        gain = walk.move(rows, d, _half_square(F[todo]) - _half_square(model))
        length = d.norm(dim=1)
        at_edge = length > 0.9 * radius[rows]
        radius[rows] = torch.where(
            gain < 0.25, 0.25 * length, torch.where((gain > 0.75) & at_edge, 2 * radius[rows], radius[rows])
        )
        todo = todo[gain <= 1e-4]
        if not todo.numel():
            return


def _dogleg_step(slope: Tensor, cauchy: Tensor, newton: Tensor, radius: Tensor) -> Tensor:
    """Powell's path from the steepest descent to the Newton step, cut at the radius."""
    usable = newton.isfinite().all(1)
    newton = torch.where(usable.unsqueeze(1), newton, cauchy)
    length_c, length_n = cauchy.norm(dim=1), newton.norm(dim=1)
    leg = newton - cauchy
    a, b = leg.square().sum(1), (cauchy * leg).sum(1)
    c = length_c.square() - radius.square()
    fraction = (-b + (b.square() - a * c).clamp(min=0).sqrt()) / a.clamp(min=1e-300)
    bent = cauchy + fraction.clamp(0, 1).unsqueeze(1) * leg
    steepest = -slope * (radius / slope.norm(dim=1).clamp(min=1e-300)).unsqueeze(1)
    d = torch.where((length_c >= radius).unsqueeze(1), steepest, bent)
    return torch.where((usable & (length_n <= radius)).unsqueeze(1), newton, d)


def _seek_minimum(walk: _Walk, reach: float, max_iterations: int) -> None:
    """Newton's method on q; directions of negative curvature are followed downhill."""
    system, input, rate = walk.system, walk.input, walk.rate
    radius = torch.full_like(walk.x[:, 0], 0.1 * reach)
    floor = 1e-14 * rate**2
    while walk.rows.numel():
        x, F = walk.x[walk.rows], walk.F[walk.rows]
        J = system.jacobian(x, input)
        H = J.mT @ J + system.curvature(x, input, F)
        sane = H.isfinite().all(2).all(1)
        rows, x, F, J, H = walk.rows[sane], x[sane], F[sane], J[sane], H[sane]
        walk.n_iterations[rows] += 1
        curvature, axes = torch.linalg.eigh(H)
        slope = torch.einsum("bj,bjk->bk", torch.einsum("bij,bi->bj", J, F), axes)  # along the axes of H
        d = -slope / curvature.abs().clamp(min=floor)
        length, size = d.norm(dim=1), 1 + x.norm(dim=1)
        done = walk.arrived(F, x)
        promised = 0.5 * (slope * d).sum(1).abs()
        near = (length <= _SETTLED * size) & (promised <= 1e-3 * _half_square(F))
        slow = near & (curvature[:, 0] > floor) & ~done
        walk.move(rows[slow], torch.einsum("bij,bj->bi", axes[slow], d[slow]), promised[slow])
        walk.settle(rows[done], FIXED, length[done])
        walk.settle(rows[slow], SLOW, length[slow])
        spent = walk.n_iterations[rows] >= max_iterations
        lost = (size > walk.limit) | (radius[rows] < 1e-12 * size)
        stay = ~(done | slow | spent | lost)
        walk.rows = rows = rows[stay]
        d = d[stay] * (radius[rows] / length[stay]).clamp(max=1.0).unsqueeze(1)
        predicted = -(slope[stay] * d + 0.5 * curvature[stay] * d.square()).sum(1)
        at_edge = length[stay] >= radius[rows]
        gain = walk.move(rows, torch.einsum("bij,bj->bi", axes[stay], d), predicted)
        shorter, longer = 0.25 * d.norm(dim=1), 2 * radius[rows]
        radius[rows] = torch.where(
            gain < 0.25, shorter, torch.where((gain > 0.75) & at_edge, longer, radius[rows])
        )


def _leap(walk: _Walk, max_iterations: int) -> None:
    """Full Newton steps from where the speed has a kink, which no descent leaves.

    Where the drift is piecewise linear each step solves one linear region exactly and looks from there.
    """
    fits = (walk.status == LOST) & walk.x.isfinite().all(1) & (walk.n_iterations + _LEAPS <= max_iterations)
    rows = fits.nonzero().squeeze(1)
    x = walk.x[rows]
    for _ in range(_LEAPS):
        if not rows.numel():
            return
        F = walk.system.drift(x, walk.input)
        step = solve_linear(walk.system.jacobian(x, walk.input), -F)
        walk.n_iterations[rows] += 1
        there = walk.arrived(F, x)
        walk.x[rows[there]], walk.F[rows[there]] = x[there], F[there]
        walk.settle(rows[there], FIXED, step[there].norm(dim=1))
        stay = ~there & step.isfinite().all(1) & (x.norm(dim=1) < walk.limit)
        rows, x = rows[stay], (x + step)[stay]


def solve_linear(A: Tensor, b: Tensor) -> Tensor:
    """Solutions of ``A x = b``, one for each row; not finite where A is exactly singular.

    On the CPU a batch of large matrices is solved one by one: the batched call returns nonsense with more than
    one thread (https://github.com/pytorch/pytorch/issues/142815).

    Args:
        A: Matrices, ``(batch, unit, unit)``.
        b: Right-hand sides, ``(batch, unit)``.

    Returns:
        Solutions, ``(batch, unit)``.
    """
    b = b.unsqueeze(-1)
    if A.device.type != "cpu" or A.shape[-1] <= 64:
        return torch.linalg.solve_ex(A, b)[0].squeeze(-1)
    return torch.stack([torch.linalg.solve_ex(each, rhs)[0] for each, rhs in zip(A, b, strict=True)]).squeeze(
        -1
    )


def _half_square(F: Tensor) -> Tensor:
    return 0.5 * F.square().sum(-1)


def _finite(d: Tensor, fill: float = 0.0) -> Tensor:
    return torch.where(d.isfinite(), d, fill)
