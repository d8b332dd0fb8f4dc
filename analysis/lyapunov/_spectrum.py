r"""Lyapunov spectra: how fast small differences grow or shrink along trajectories, in every direction."""

__all__ = ["spectrum"]

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import check_drift, freeze, plain
from neurornn.analysis.lyapunov._run import N_BLOCKS, Course, Growth, run, standard_error
from neurornn.analysis.lyapunov._schemes import AbstractScheme, EulerMap
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance

_CHECK_ROUNDING = 1e-6  # of the rate: accuracy of finite differences between two trajectories


def spectrum(
    network: HasDrift,
    *,
    start: ArrayLike | Tensor | xr.DataArray,
    inputs: ArrayLike | Tensor | None = None,
    scheme: AbstractScheme = EulerMap(),  # noqa: B008
    duration: float,
    transient: float | None = None,
    basis_transient: float | None = None,
    n_exponents: int | None = None,
    every: int = 10,
    tolerance: float = 0.01,
    seed: int = 0,
) -> xr.Dataset:
    r"""Lyapunov exponents of trajectories, the largest first.

    Perturbations :math:`Q` of a trajectory move on by the derivative of the dynamics and are made orthonormal
    again every few steps, :math:`D_k Q_{k-1} = Q_k R_k` (QR decomposition; :math:`D_k` is the derivative of all
    the steps between). The exponents are

    .. math:: \lambda_i = \frac1T \sum_k \log |R_k|_{ii} \qquad (1/\mathrm{ms})

    over the time :math:`T` that counts. States first run for ``transient``, then the basis turns for
    ``basis_transient``; neither counts. A positive exponent means chaos, a zero one a direction along which
    differences neither grow nor shrink (time along a cycle, a continuous attractor).

    The error is estimated from the averages over 64 blocks of the time that counts: the largest standard error
    of their mean when 1, 2, 4 or 8 neighbours are taken together. The first exponent is measured once more without
    any derivative, from the distance to a second trajectory put back to about :math:`10^{-7}` every few steps.

    With the exponents :math:`\lambda_1 \ge \lambda_2 \ge \dots` and :math:`j` the largest number for which the first
    :math:`j` add up to 0 or more, the Kaplan-Yorke dimension is

    .. math:: D = j + \frac{\lambda_1 + \dots + \lambda_j}{|\lambda_{j+1}|},

    and the sum of the positive exponents bounds the rate of entropy. Exponents not told from 0 count as 0.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms; it is
            left untouched.
        start: States to start from, ``(unit,)`` or ``(trajectory, unit)``.
        inputs: Input held, ``(input,)`` or ``(trajectory, input)``; or changing, ``(trajectory, time, input)``, each
            row lasting ``dt`` and the sequence begun again when it ends. Zero if None. One start goes with many
            inputs and one input with many starts.
        scheme: :class:`EulerMap` for the network as it is simulated, or :class:`RungeKutta` for the differential
            equation.
        duration: Time that counts, in ms; rounded up to 64 blocks of equal length.
        transient: Time the states run before, in ms; a quarter of the duration if None.
        basis_transient: Time the basis turns, in ms; a quarter of the duration if None.
        n_exponents: How many of the largest exponents; all if None.
        every: Steps between two QR decompositions, at most. Where directions grow so differently that one more than
            :math:`10^{10}` times as much as another, it is halved and the stretch repeated.
        tolerance: Largest standard error of a converged exponent, in units of the ``rate`` (the root mean square of
            the eigenvalues' size, about one over the time constant).
        seed: Seed of the first perturbations.

    Returns:
        A dataset over ``trajectory`` and ``exponent_index``: ``exponent`` and its ``standard_error`` in 1/ms, ``sign``
        (1, -1, or 0 where it is not told from 0 by 3 standard errors); ``kaplan_yorke_dimension`` (NaN if more
        exponents are needed to tell), ``entropy_rate``, ``two_trajectory_exponent`` with its error, and
        ``check_passed`` (both first exponents agree within 4 standard errors and the accuracy of differences);
        ``converged`` (all errors are below the tolerance), ``finite`` (False, and NaN all over, for a trajectory that
        left for infinity), ``stretch`` (the largest ratio of growths between two decompositions), ``final`` state,
        ``rate``. Along ``time`` the averages so far: ``running_exponent`` and ``running_two_trajectory_exponent``.

    Raises:
        TypeError: If the network has no drift, or one of another shape or type than its states.
        ValueError: If the network is noisy or its drift random, or an argument makes no sense.

    References:
        Lyapunov characteristic exponents for smooth dynamical systems and for Hamiltonian systems; a method for
        computing all of them (Benettin et al., 1980) https://doi.org/10.1007/BF02128236

    Examples:
        The logistic map at its most chaotic doubles small differences in every step, on average.

        >>> from neurornn.analysis.systems import StepMap
        >>> logistic = StepMap(lambda x, u: 4 * x * (1 - x), n_units=1)
        >>> found = spectrum(logistic, start=[[0.2], [0.3]], duration=6400.0)
        >>> abs(found.exponent.values - np.log(2)).max() < 0.01, found.sign.values.tolist()
        (np.True_, [[1], [1]])
    """
    states, rows = _batch(network, start, inputs)
    n_units = states.shape[1]
    n = n_units if n_exponents is None else n_exponents
    if not 1 <= n <= n_units:
        raise ValueError(f"n_exponents must lie between 1 and {n_units}, the number of units: got {n}.")
    if every < 1:
        raise ValueError(f"every is a number of steps, at least 1: got {every}.")
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive: got {tolerance}.")
    system = freeze(network, n_units)
    course = _course(scheme.length(system.dt), duration, transient, basis_transient, every)
    repeat = _repeat(scheme.length(system.dt), system.dt, rows)
    gpus = [system.device] if system.device.type == "cuda" else []
    with torch.no_grad(), single_threaded(), torch.random.fork_rng(devices=gpus):
        x, u = (torch.as_tensor(each, device=system.device) for each in (states, rows))
        check_drift(system, x, u[:, 0])
        parts = [
            run(system, scheme, *pair, repeat=repeat, n_exponents=n, course=course, seed=seed)
            for pair in zip(x.split(system.block), u.split(system.block), strict=True)
        ]
        J = torch.cat([system.jacobian(a, b[:, 0]) for a, b in zip(x.split(1), u.split(1), strict=True)])
        rate = J.flatten(1).norm(dim=1).cpu().numpy() / n_units**0.5
    found = Growth(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    span = course.block * scheme.length(system.dt)
    return _dataset(found, rate, span, tolerance).assign_attrs(
        scheme=type(scheme).__name__,
        step=scheme.length(system.dt),
        dt=system.dt,
        duration=span * N_BLOCKS,
        transient=course.transient * scheme.length(system.dt),
        basis_transient=course.basis_transient * scheme.length(system.dt),
        every=int(found.every.min()),
        tolerance=float(tolerance),
        seed=int(seed),
    )


def _batch(
    network: HasDrift, start: ArrayLike | Tensor | xr.DataArray, inputs: ArrayLike | Tensor | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """States ``(trajectory, unit)`` and inputs ``(trajectory, time, input)``."""
    if isinstance(start, xr.DataArray) and "unit" in start.dims:
        start = start.transpose(..., "unit")
    states = np.atleast_2d(plain(start))
    n_units, n_inputs = getattr(network, "n_units", None), getattr(network, "n_inputs", None)
    if states.ndim != 2 or 0 in states.shape or n_units not in {None, states.shape[1]}:
        raise ValueError(
            f"start must be states (trajectory, unit) with {n_units or 'at least 1'} units: got shape {states.shape}."
        )
    if inputs is None and n_inputs is None:
        raise ValueError("The network does not say how many inputs it has (n_inputs): pass inputs.")
    rows = np.zeros((1, n_inputs or 0)) if inputs is None else np.atleast_2d(plain(inputs))
    given, rows = rows.shape, rows[:, None] if rows.ndim == 2 else rows
    if rows.ndim != 3 or 0 in rows.shape[:2] or n_inputs not in {None, rows.shape[2]}:
        raise ValueError(
            f"inputs must be (input,), (trajectory, input) or (trajectory, time, input) with {n_inputs or 'its'} "
            f"channels: got shape {given}."
        )
    for name, values in (("start", states), ("inputs", rows)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite.")
    n = max(len(states), len(rows))
    if {len(states), len(rows)} - {1, n}:
        raise ValueError(
            f"One start goes with many inputs, one input with many starts, or as many of each: got {len(states)} starts "
            f"and {len(rows)} inputs."
        )
    return np.repeat(states, n // len(states), axis=0), np.repeat(rows, n // len(rows), axis=0)


def _course(
    step: float, duration: float, transient: float | None, basis_transient: float | None, every: int
) -> Course:
    if not N_BLOCKS * step * (1 - 1e-9) <= duration < np.inf:
        raise ValueError(
            f"duration must give the error {N_BLOCKS} blocks of at least a step of {step:g} ms: got {duration} ms. Choose "
            f"{N_BLOCKS * step:g} ms or more."
        )
    quarter = 0.25 * duration
    spans = {
        "transient": quarter if transient is None else transient,
        "basis_transient": quarter if basis_transient is None else basis_transient,
    }
    for name, span in spans.items():
        if not 0 <= span < np.inf:
            raise ValueError(f"{name} is a time in ms, at least 0: got {span}.")
    counts = {name: int(np.ceil(span / step - 1e-9)) for name, span in spans.items()}
    return Course(**counts, block=int(np.ceil(duration / step / N_BLOCKS - 1e-9)), every=every)


def _repeat(step: float, dt: float, rows: NDArray[np.float64]) -> int:
    """Steps that one row of a changing input lasts."""
    if rows.shape[1] == 1:
        return 1
    repeat = round(dt / step)
    if repeat < 1 or abs(repeat * step - dt) > 1e-9 * dt:
        raise ValueError(
            f"Each row of a changing input lasts dt={dt:g} ms, which must be a whole number of steps: got step={step:g} "
            "ms. Choose a step that divides dt."
        )
    return repeat


def _dataset(found: Growth, rate: NDArray[np.float64], span: float, tolerance: float) -> xr.Dataset:
    order = np.argsort(-found.exponent.mean(1), axis=1, kind="stable")
    blocks = np.take_along_axis(found.exponent, order[:, None, :], axis=2)
    so_far = np.arange(1, N_BLOCKS + 1)
    value, error = blocks.mean(1), standard_error(blocks.swapaxes(1, 2))
    check, check_error = found.check.mean(1), standard_error(found.check)
    accuracy = _CHECK_ROUNDING * rate
    zero = np.abs(value) <= 3 * error + 1e-9 * rate[:, None]
    sign = np.where(zero, 0, np.sign(np.nan_to_num(value))).astype(np.int64)
    agree = np.abs(value[:, 0] - check) <= 4 * np.hypot(error[:, 0], check_error) + accuracy
    counted = np.where(zero, 0.0, value)
    complete = value.shape[1] == found.final.shape[1]
    dimension = np.array([_kaplan_yorke(row, complete) for row in counted])
    entropy = np.where(found.finite, np.clip(counted, 0, None).sum(1), np.nan)
    one, each = ("trajectory",), ("trajectory", "exponent_index")

    def about(long_name: str, units: str = "1") -> dict[str, str]:
        return {"long_name": long_name, "units": units}

    return xr.Dataset(
        {
            "exponent": (each, value, about("Lyapunov exponent", "1/ms")),
            "standard_error": (each, error, about("standard error of the exponent", "1/ms")),
            "sign": (each, sign, about("sign of the exponent")),
            "kaplan_yorke_dimension": (one, dimension, about("Kaplan-Yorke dimension")),
            "entropy_rate": (one, entropy, about("sum of the positive exponents", "1/ms")),
            "two_trajectory_exponent": (one, check, about("first exponent from two trajectories", "1/ms")),
            "two_trajectory_standard_error": (one, check_error, about("its standard error", "1/ms")),
            "check_passed": (one, agree, about("first exponents agree")),
            "converged": (
                one,
                (error <= tolerance * rate[:, None]).all(1),
                about("standard errors below the tolerance"),
            ),
            "finite": (one, found.finite, about("stayed finite")),
            "stretch": (one, found.stretch, about("largest ratio of growths between decompositions")),
            "rate": (one, rate, about("rate of the network", "1/ms")),
            "final": (("trajectory", "unit"), found.final, about("last state")),
            "running_exponent": (
                ("trajectory", "time", "exponent_index"),
                blocks.cumsum(1) / so_far[:, None],
                about("Lyapunov exponent so far", "1/ms"),
            ),
            "running_two_trajectory_exponent": (
                ("trajectory", "time"),
                found.check.cumsum(1) / so_far,
                about("first exponent from two trajectories so far", "1/ms"),
            ),
        },
        coords={
            "trajectory": np.arange(len(value)),
            "exponent_index": np.arange(value.shape[1]),
            "time": ("time", span * so_far, about("time averaged over", "ms")),
        },
        attrs=provenance("neurornn.LyapunovSpectrum/1"),
    )


def _kaplan_yorke(exponent: NDArray[np.float64], complete: bool) -> float:
    total = np.cumsum(exponent)
    if np.isnan(exponent).any():
        return float("nan")
    j = int((np.cumprod(total >= 0)).sum())
    if j == len(exponent):
        return float(j) if complete else float("nan")
    return j + (total[j - 1] / abs(exponent[j]) if j else 0.0)
