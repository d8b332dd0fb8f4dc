"""Trajectories and their derivatives with respect to where they start."""

__all__ = ["Array", "Flow"]

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.continuation._jacobian import jacobian
from neurornn.analysis.fixed_points._newton import typical_rate

Array = NDArray[np.float64]
_LIMIT = 100.0  # times the size of the first states: beyond it a trajectory has run away and is stopped
_TOLERANCE = 1e-11
_MOST = 50_000  # evaluations of the drift a trajectory may cost


class _Stiff(Exception):
    pass


class Flow:
    """The flow of a system at one input, by the Dormand-Prince method of order 8 with many states at a time.

    Args:
        system: The system.
        input: Input held, ``(input,)``.
        state: States of reference, ``(state, unit)``.
    """

    def __init__(self, system: System, input: Array, state: Array) -> None:
        self.system = system
        self.input = torch.as_tensor(input, device=system.device)
        rows = torch.as_tensor(state, device=system.device)
        self.rate = typical_rate(system, self.input, rows)
        self.size = 1 + float(np.abs(state).max())

    def velocity(self, state: Array) -> Array:
        """Drift of states ``(state, unit)`` in 1/ms."""
        return self.system.drift(self._tensor(state), self.input).cpu().numpy()

    def ran_away(self, state: Array) -> bool:
        """Whether a state is so large that trajectories are stopped there."""
        return not bool(np.abs(state).max() <= _LIMIT * self.size)

    def run(self, state: Array, duration: float, n: int, *, tolerance: float = _TOLERANCE) -> Array:
        """States along trajectories.

        Args:
            state: Where they start, ``(state, unit)``.
            duration: How long they run in ms; negative for backwards.
            n: Number of equal intervals.
            tolerance: Relative tolerance of a step.

        Returns:
            States ``(state, time, unit)`` at the ends of the intervals, the first included. One that runs away is
            held where it passes all limits; one that is too stiff to follow is NaN.
        """
        shape = state.shape

        def slope(_: float, flat: Array) -> Array:
            x = flat.reshape(shape)
            far = np.abs(x).max(1, keepdims=True) > _LIMIT * self.size
            return np.where(far, 0.0, np.nan_to_num(self.velocity(np.where(far, 0.0, x)))).ravel()

        path = self._solve(slope, state.ravel(), duration, n, tolerance, _MOST)
        return np.moveaxis(path.reshape(*shape, n + 1), 2, 1)

    def run_with_derivatives(self, state: Array, duration: float) -> tuple[Array, Array]:
        """Where trajectories end, and the derivatives of that with respect to where they start.

        Args:
            state: Where they start, ``(state, unit)``.
            duration: How long they run in ms.

        Returns:
            States ``(state, unit)`` and matrices ``(state, unit, unit)``.
        """
        m, n = state.shape

        def slope(_: float, flat: Array) -> Array:
            both = flat.reshape(m, n, n + 1)
            x = self._tensor(both[..., 0])
            moved = jacobian(self.system, x, self.input).cpu().numpy() @ both[..., 1:]
            drift = self.system.drift(x, self.input).cpu().numpy()
            return np.concatenate([drift[..., None], moved], axis=2).ravel()

        first = np.concatenate([state[..., None], np.broadcast_to(np.eye(n), (m, n, n))], axis=2)
        last = self._solve(slope, first.ravel(), duration, 1, _TOLERANCE, _MOST // 25)[:, -1].reshape(
            m, n, n + 1
        )
        return last[..., 0], last[..., 1:]

    def _solve(
        self,
        slope: Callable[[float, Array], Array],
        start: Array,
        duration: float,
        n: int,
        tolerance: float,
        most: int,
    ) -> Array:
        times = np.asarray(np.linspace(0.0, duration, n + 1), dtype=np.float64)
        spent = 0

        def counted(time: float, state: Array) -> Array:
            nonlocal spent
            spent += 1
            if spent > most:
                raise _Stiff
            return slope(time, state)

        try:
            solved = self._integrate(counted, start, times, tolerance)
        except _Stiff:
            return np.full((len(start), n + 1), np.nan)
        return solved

    def _integrate(
        self, slope: Callable[[float, Array], Array], start: Array, times: Array, tolerance: float
    ) -> Array:
        duration, n = float(times[-1]), len(times) - 1
        solved = solve_ivp(
            slope,
            (0.0, duration),
            start,
            method="DOP853",
            t_eval=times,
            rtol=tolerance,
            atol=0.01 * tolerance * self.size,
            first_step=min(0.01 / self.rate, abs(duration)),
        )
        if solved.y.shape[1] < n + 1:  # the steps became too short: hold what there is
            last = solved.y[:, -1:] if solved.y.size else start[:, None]
            return np.concatenate(
                [solved.y.reshape(len(start), -1), np.repeat(last, n + 1 - solved.y.shape[-1], 1)], 1
            )
        return np.asarray(solved.y)

    def _tensor(self, state: Array) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(state), device=self.system.device)
