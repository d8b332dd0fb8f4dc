r"""How far a linear system is from a normal one, and how much that lets it amplify before it decays."""

__all__ = ["NonNormality", "non_normality", "propagator_norm"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor

from neurornn.analysis.mechanism._kreiss import kreiss
from neurornn.random import derive_seed, normal_array

_PER_OCTAVE = 4  # lags tried for each doubling before the maximum is refined
_LAST = 40.0  # in units of the slowest decay: exp(-40) is gone even behind large condition numbers
_HUGE = 1e150
_EPS = np.finfo(np.float64).eps
_ROUNDING = 1e-13  # a difference of two sums of squares below this fraction of them is rounding


class NonNormality(NamedTuple):
    r"""Measures of one matrix; none changes when the space is rotated.

    Attributes:
        spectral_abscissa: :math:`\max \operatorname{Re} \lambda`, the growth rate in the end.
        numerical_abscissa: :math:`\lambda_{\max}\big((J + J^\top)/2\big)`, the largest growth rate of
            :math:`\lVert x \rVert` at the start.
        henrici: Henrici's departure from normality :math:`\sqrt{\lVert J \rVert_F^2 - \sum_i |\lambda_i|^2} /
            \lVert J \rVert_F`: 0 for a normal matrix, 1 for a nilpotent one.
        amplification: :math:`\sup_{t \ge 0} \lVert e^{Jt} \rVert_2`; infinite for an unstable matrix.
        amplification_time: Where it is attained: 0 if the norm never grows, infinite if it only tends to it.
        kreiss: Kreiss constant :math:`K = \sup_{\operatorname{Re} z > 0} \operatorname{Re} z\, \lVert (z - J)^{-1}
            \rVert_2`, a lower bound on the amplification that knows no particular time: :math:`K \le \sup_t \lVert
            e^{Jt} \rVert_2 \le e\,N K`. NaN where an eigenvalue does not decay.
        kreiss_bound: Upper bound on it.
    """

    spectral_abscissa: float
    numerical_abscissa: float
    henrici: float
    amplification: float
    amplification_time: float
    kreiss: float
    kreiss_bound: float


def non_normality(
    J: NDArray[np.float64],
    eigenvalue: NDArray[np.complex128],
    *,
    margin: float = 0.0,
    transient: bool = True,
) -> NonNormality:
    """Measure one matrix.

    Args:
        J: A square matrix, in 1/time.
        eigenvalue: Its eigenvalues.
        margin: Eigenvalues whose real part is no further than this from 0 neither decay nor grow.
        transient: Whether to look for the amplification and the Kreiss constant; they are NaN otherwise.

    Returns:
        The measures; times are in the inverse of the unit of the matrix.
    """
    growth = np.sort(eigenvalue.real)[::-1]
    size = float(np.linalg.norm(J))
    numerical = float(np.linalg.eigvalsh((J + J.T) / 2)[-1])
    rest = size**2 - float((np.abs(eigenvalue) ** 2).sum())
    henrici = float(np.sqrt(rest)) / size if rest > _ROUNDING * size**2 else 0.0
    if not transient:
        return NonNormality(float(growth[0]), numerical, henrici, *(4 * [np.nan]))
    if growth[0] > margin:
        supremum = np.inf, np.inf
    elif numerical <= 4 * _EPS * size:
        supremum = 1.0, 0.0
    else:
        decays = -growth[growth < -margin]
        supremum = _supremum(J, _LAST / (float(decays.min()) if decays.size else 1e-4 * size))
    bounds = kreiss(J, eigenvalue) if growth[0] < -margin else (np.nan, np.nan)
    return NonNormality(float(growth[0]), numerical, henrici, *supremum, *bounds)


def propagator_norm(J: NDArray[np.float64], step: float, n: int) -> NDArray[np.float64]:
    r"""Largest growth of a perturbation after some time, :math:`\lVert e^{Jt} \rVert_2`.

    Args:
        J: A square matrix, in 1/time.
        step: Time between two values.
        n: Number of values, the first at time 0.

    Returns:
        One norm for each time, infinite where it overflows.
    """
    once = torch.linalg.matrix_exp(torch.as_tensor(J * step))
    powers = [torch.eye(len(J), dtype=torch.float64)]
    for _ in range(n - 1):
        powers.append(powers[-1] @ once)
    stack = torch.stack(powers)
    finite = (stack.abs() < _HUGE).all(2).all(1)  # NaN is not
    norms = _norms(torch.where(finite[:, None, None], stack, 0.0))
    return np.where(finite.numpy(), norms, np.inf)


def _supremum(J: NDArray[np.float64], last: float) -> tuple[float, float]:
    """The largest norm of the propagator up to a time at which it only decays, and when."""
    A = torch.as_tensor(J)
    first = 0.05 / float(torch.linalg.matrix_norm(A, 2))
    octaves = max(1, int(np.ceil(np.log2(last / first))))
    powers = torch.stack([
        torch.linalg.matrix_exp(A * first * 2 ** (k / _PER_OCTAVE)) for k in range(_PER_OCTAVE)
    ])
    norms = []
    for _ in range(octaves + 1):
        norms.append(_norms(powers))
        powers = powers @ powers
    curve = np.concatenate(norms)
    top = int(curve.argmax())
    if top == len(curve) - 1 or curve[top] <= curve[-1] * (1 + 1e-6):
        return float(curve[-1]), np.inf
    exponent = np.log(first) + np.log(2.0) / _PER_OCTAVE * np.array([top - 1, top + 1])
    found = minimize_scalar(
        lambda s: -float(torch.linalg.matrix_norm(torch.linalg.matrix_exp(A * np.exp(s)), 2)),
        bounds=tuple(exponent),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return (-float(found.fun), float(np.exp(found.x))) if -found.fun > 1 else (1.0, 0.0)


def _norms(matrices: Tensor) -> NDArray[np.float64]:
    """Largest singular values: exact where that is quick, else by subspace iteration."""
    n = matrices.shape[1]
    if n <= 24:
        return np.asarray(torch.linalg.matrix_norm(matrices, 2).numpy())
    start = torch.as_tensor(normal_array(derive_seed(0, "subspace iteration"), n, 6))
    block = start.expand(len(matrices), n, 6)
    for _ in range(12):
        block = torch.linalg.qr(matrices.mT @ (matrices @ block))[0]
    return np.asarray(torch.linalg.matrix_norm(matrices @ block, 2).numpy())
