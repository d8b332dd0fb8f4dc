"""The linear dynamics around states: modes, time constants, and which way stability goes."""

__all__ = ["Modes", "linearise"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._parts import in_parts
from neurornn.analysis.fixed_points._roots import SINGULAR

_NANOSECONDS = 1.4  # of a decomposition, for each unit to the third power, roughly
_NUMBERS = 2**14  # of the matrices of a part
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
    x = torch.as_tensor(state, device=system.device)
    parts = [_shared(system.jacobian(part, input).cpu(), rate, system.dt) for part in x.split(system.block)]
    return _joined(parts)


def _shared(J: Tensor, rate: float, dt: float) -> Modes:
    """Modes of matrices, a few at a time: one decomposition gains nothing from a second thread, many do."""
    n = J.shape[-1]
    parts = in_parts(
        lambda part: _modes(J[part], rate, dt), len(J), max(1, _NUMBERS // n**2), len(J) * n**3 * _NANOSECONDS
    )
    return _joined(parts)


def _joined(parts: list[Modes]) -> Modes:
    return (
        parts[0]
        if len(parts) == 1
        else Modes(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    )


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
    unit = max(rate, 1e-9 * np.abs(values).max(initial=0.0))
    order = np.lexsort((-values.imag, np.abs(values.imag), -np.round(values.real / unit, 9)), axis=-1)
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
