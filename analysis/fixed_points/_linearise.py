"""The linear dynamics around states: modes, time constants, and which way stability goes."""

__all__ = ["Modes", "Spectrum", "linearise", "spectrum"]

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._parts import in_parts
from neurornn.analysis.fixed_points._reseed import SMALL
from neurornn.analysis.fixed_points._roots import SINGULAR
from neurornn.random import derive_seed, normal_array

_NANOSECONDS = 1.4  # of a decomposition, for each unit to the third power, roughly
_NUMBERS = 2**14  # of the matrices of a part
_CAUTION = 1e3  # times the shift of an eigenvalue by rounding: what must not matter
_POWERS = 3  # steps of the power method
_EPS = np.finfo(np.float64).eps


class Modes(NamedTuple):
    r"""Eigenvalues and eigenvectors of the Jacobian, one row for each state.

    Attributes:
        eigenvalue: Eigenvalues in 1/ms, the least stable first, ``(state, mode)``.
        right: Right eigenvectors of unit length in columns, ``(state, unit, mode)``.
        left: Left eigenvectors in columns, :math:`\ell_m^\top J = \lambda_m \ell_m^\top`, with
            :math:`\ell_m^\top r_n = \delta_{mn}` (no conjugation).
        condition: :math:`\lVert\ell_m\rVert \lVert r_m\rVert`, how many times an error in J is magnified in the
            eigenvalue; 1 for a normal matrix.
        n_unstable: Number of eigenvalues in the right half plane.
        stable_ode: Whether all are in the left half plane.
        stable_map: Whether all of 1 + dt * eigenvalue are inside the unit circle.
        marginal: Whether one is not told from the imaginary axis.
    """

    eigenvalue: NDArray[np.complex128]
    right: NDArray[np.complex128]
    left: NDArray[np.complex128]
    condition: NDArray[np.float64]
    n_unstable: NDArray[np.int64]
    stable_ode: NDArray[np.bool_]
    stable_map: NDArray[np.bool_]
    marginal: NDArray[np.bool_]


class Spectrum(NamedTuple):
    """Eigenvalues of the Jacobian and what they say of stability, one row for each state; as in :class:`Modes`."""

    eigenvalue: NDArray[np.complex128]
    n_unstable: NDArray[np.int64]
    stable_ode: NDArray[np.bool_]
    stable_map: NDArray[np.bool_]
    marginal: NDArray[np.bool_]


_Kind = TypeVar("_Kind", Modes, Spectrum)


def spectrum(system: System, input: Tensor, state: NDArray[np.float64], *, rate: float) -> Spectrum:
    """Eigenvalues and stability, which cost far less than eigenvectors in a large network.

    How far rounding may have moved the eigenvalues is told by the resolvent of the Jacobian at the borders of
    stability, where the spectrum comes closest to them. Where it might matter all modes are worked out.

    Args:
        system: The system.
        input: Input held, ``(input,)``.
        state: States, ``(state, unit)``.
        rate: Scale of the drift in 1/ms, for what counts as 0.

    Returns:
        The eigenvalues, and stability as :func:`linearise` gives it.
    """
    return _each(system, input, state, lambda J: _spectrum(J, rate, system.dt))


def linearise(system: System, input: Tensor, state: NDArray[np.float64], *, rate: float) -> Modes:
    """Modes of the linear dynamics around each state.

    Args:
        system: The system.
        input: Input held, ``(input,)``.
        state: States, ``(state, unit)``.
        rate: Scale of the drift in 1/ms, for what counts as 0.

    Returns:
        The modes.
    """
    return _each(system, input, state, lambda J: _modes(J, rate, system.dt))


def _each(
    system: System, input: Tensor, state: NDArray[np.float64], work: Callable[[Tensor], _Kind]
) -> _Kind:
    """Work on the Jacobians, a few at a time: one decomposition gains nothing from a second thread, many do."""
    found: list[_Kind] = []
    for block in torch.as_tensor(state, device=system.device).split(system.block):
        found.extend(_shared(system.jacobian(block, input).cpu(), work))
    return _joined(found)


def _shared(J: Tensor, work: Callable[[Tensor], _Kind]) -> list[_Kind]:
    size, worth = J.shape[-1] ** 2, _NANOSECONDS * J.numel() * J.shape[-1]
    return in_parts(lambda part: work(J[part]), len(J), max(1, _NUMBERS // size), worth)


def _joined(parts: list[_Kind]) -> _Kind:
    return type(parts[0])(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _spectrum(J: Tensor, rate: float, dt: float) -> Spectrum:
    if J.shape[-1] <= SMALL:
        return _reduced(_modes(J, rate, dt))
    defined = J.isfinite().all(2).all(1)
    values = torch.linalg.eigvals(torch.where(defined[:, None, None], J, 0.0)).numpy()
    values = np.take_along_axis(values, _order(values, rate), axis=1)
    margin = SINGULAR * rate
    growth, factor = values.real, np.abs(1 + dt * values)
    found = Spectrum(
        values,
        (growth > margin).sum(1),
        (growth < -margin).all(1),
        (factor < 1 - dt * margin).all(1),
        (np.abs(growth) <= margin).any(1),
    )
    clear = [bool(defined[row]) and _is_clear(J[row], values[row], rate, dt) for row in range(len(J))]
    if not all(clear):
        rows = np.flatnonzero(~np.array(clear))
        for column, fresh in zip(found, _reduced(_modes(J[rows], rate, dt)), strict=True):
            column[rows] = fresh
    return found


def _is_clear(J: Tensor, values: NDArray[np.complex128], rate: float, dt: float) -> bool:
    """Whether no rounding error, nor anything near its size, takes an eigenvalue over a border of stability."""
    growth, factor = np.abs(values.real), np.abs(1 + dt * values)
    slow, edge = int(growth.argmin()), int(np.abs(factor - 1).argmin())
    if growth[slow] <= 2 * SINGULAR * rate or abs(factor[edge] - 1) <= 2 * SINGULAR * rate * dt:
        return False
    points = {0j, 1j * abs(values[slow].imag)}
    if edge != slow:
        on_circle = (1 + dt * values[edge]) / factor[edge]
        points.add(complex((on_circle - 1) / dt))
    least = _CAUTION * 10 * _EPS * J.norm().item()
    return all(_resolvent(J, point) * least < 1 for point in points)


def _resolvent(J: Tensor, point: complex) -> float:
    """About the norm of the inverse of J - point, or more: complex points with their conjugates, in real numbers."""
    n = J.shape[-1]
    A, most = J.clone(), 1.0
    if point.imag:
        A, most = J @ J - 2 * point.real * J, J.norm().item() + abs(point)
    A.diagonal().add_(abs(point) ** 2 if point.imag else -point.real)
    factors, pivots, info = torch.linalg.lu_factor_ex(A)
    v = torch.as_tensor(normal_array(derive_seed(0, "resolvent"), n, 1))
    size = np.inf
    for _ in range(_POWERS):
        w = torch.linalg.lu_solve(factors, pivots, v / v.norm())
        size = w.norm().item()
        v = torch.linalg.lu_solve(factors, pivots, w, adjoint=True)
    return size * most if info.item() == 0 and np.isfinite(size) else np.inf


def _reduced(modes: Modes) -> Spectrum:
    return Spectrum(modes.eigenvalue, *modes[-4:])


def _order(values: NDArray[np.complex128], rate: float) -> NDArray[np.int64]:
    unit = max(rate, 1e-9 * np.abs(values).max(initial=0.0))
    return np.lexsort((-values.imag, np.abs(values.imag), -np.round(values.real / unit, 9)), axis=-1)


def _modes(J: Tensor, rate: float, dt: float) -> Modes:
    undefined = ~J.isfinite().all(2).all(1)  # at a kink without a Jacobian
    J = torch.where(undefined[:, None, None], 0.0, J)
    values, right = (each.numpy() for each in torch.linalg.eig(J))
    left = _inverse(values, right)
    square = right.real**2 + right.imag**2
    largest = np.take_along_axis(right, square.argmax(1)[:, None, :], axis=1)
    factor = (
        np.abs(largest) / largest / np.sqrt(square.sum(1, keepdims=True))
    )  # unit length, largest entry positive
    right, left = right * factor, left / factor
    order = _order(values, rate)
    values = np.take_along_axis(values, order, axis=1)
    right, left = (np.take_along_axis(each, order[:, None, :], axis=2) for each in (right, left))
    condition = np.sqrt((left.real**2 + left.imag**2).sum(1))
    size = torch.linalg.matrix_norm(J).numpy()
    margin = SINGULAR * rate + 10 * _EPS * size[:, None] * condition
    growth = values.real
    none = undefined.numpy()
    values = np.where(none[:, None], np.nan, values)
    condition = np.where(none[:, None], np.nan, condition)
    right[none] = left[none] = np.nan
    return Modes(
        values,
        right,
        left,
        condition,
        (growth > margin).sum(1),
        (growth < -margin).all(1),
        (np.abs(1 + dt * values) < 1 - dt * margin).all(1),
        (np.abs(growth) <= margin).any(1),
    )


def _inverse(values: NDArray[np.complex128], right: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Left eigenvectors in columns: the inverse, in real numbers, of the real and imaginary parts of each pair."""
    second = (values.imag < 0)[
        :, None, :
    ]  # of a pair, of which LAPACK returns that with the positive part first
    basis = np.where(second, -right.imag, right.real)
    rows = np.stack([_inverse_of(each) for each in basis]) if len(basis) else basis
    real = rows.swapaxes(1, 2).astype(np.complex128)
    first = (values.imag > 0)[:, None, :]
    left = np.where(first, 0.5 * (real - 1j * np.roll(real, -1, axis=2)), real)
    return np.where(second, 0.5 * (np.roll(real, 1, axis=2) + 1j * real), left)


def _inverse_of(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse, info = torch.linalg.inv_ex(torch.as_tensor(matrix))
    if info.item() != 0:  # a defective Jacobian: there are fewer eigenvectors than modes
        return np.asarray(np.linalg.pinv(matrix), dtype=np.float64)
    return inverse.numpy()
