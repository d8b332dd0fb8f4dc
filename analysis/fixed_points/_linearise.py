"""The linear dynamics around states: modes, time constants, and which way stability goes."""

__all__ = ["Modes", "linearise"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn._share import share
from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._roots import SINGULAR

_NANOSECONDS = 1.4  # of a decomposition, for each unit to the third power, roughly
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
    """Modes of matrices, a share for each thread: one decomposition gains nothing from a second, many do."""
    found: dict[int, Modes] = {}

    def work(first: int, stop: int) -> None:
        found[first] = _modes(J[first:stop], rate, dt)

    share(work, len(J), len(J) * J.shape[-1] ** 3 * _NANOSECONDS)
    return _joined([found[first] for first in sorted(found)])


def _joined(parts: list[Modes]) -> Modes:
    return Modes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _modes(J: Tensor, rate: float, dt: float) -> Modes:
    undefined = ~J.isfinite().all(2).all(1)  # at a kink without a Jacobian
    J = torch.where(undefined[:, None, None], 0.0, J)
    values, vectors = (each.numpy() for each in torch.linalg.eig(J))
    unit = max(rate, 1e-9 * np.abs(values).max(initial=0.0))
    order = np.lexsort((-values.imag, np.abs(values.imag), -np.round(values.real / unit, 9)), axis=-1)
    values = np.take_along_axis(values, order, axis=1)
    right = np.take_along_axis(vectors, order[:, None, :], axis=2)
    right = right / np.linalg.norm(right, axis=1, keepdims=True)
    largest = np.take_along_axis(right, np.abs(right).argmax(1)[:, None, :], axis=1)
    right = right * (np.abs(largest) / largest)  # the largest entry real and positive
    left = np.stack([_inverse(each) for each in right]).swapaxes(1, 2) if len(right) else right
    condition = np.linalg.norm(left, axis=1)
    size = torch.linalg.matrix_norm(J).numpy()
    margin = SINGULAR * rate + 10 * _EPS * size[:, None] * condition
    growth = values.real
    none = undefined.numpy()
    values = np.where(none[:, None], np.nan, values)
    right, left = (np.where(none[:, None, None], np.nan, each) for each in (right, left))
    condition = np.where(none[:, None], np.nan, condition)
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


def _inverse(matrix: NDArray[np.complex128]) -> NDArray[np.complex128]:
    try:
        return np.asarray(np.linalg.inv(matrix), dtype=np.complex128)
    except np.linalg.LinAlgError:  # a defective Jacobian: there are fewer eigenvectors than modes
        return np.asarray(np.linalg.pinv(matrix), dtype=np.complex128)
