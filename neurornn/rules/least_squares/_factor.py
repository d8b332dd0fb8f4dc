r"""A triangular factor of rows that come in batches, and the ridge regression it determines.

With rows :math:`X = (1, x)` and orthogonal :math:`Q`, :math:`X = QR` and :math:`Z = Q^\top Y` hold all that regression needs. Products
:math:`X^\top X = R^\top R` would do as well on paper, but they square what the rates hold: a direction in which rates move by
:math:`10^{-8}` of their largest movement would drown in rounding.
"""

__all__ = ["add_rows", "empty_factor", "ridge"]

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor


def empty_factor(n: int, n_outputs: int, device: torch.device) -> dict[str, Tensor]:
    """Factor of no rows, in double precision.

    Args:
        n: Number of regressors.
        n_outputs: Number of targets.
        device: Device.

    Returns:
        The factor of a constant and the regressors, and what goes with it of the targets.
    """
    shapes = {"factor": (1 + n, 1 + n), "rotated": (1 + n, n_outputs)}
    return {name: torch.zeros(shape, dtype=torch.float64, device=device) for name, shape in shapes.items()}


def add_rows(
    factor: Mapping[str, Tensor],
    x: Float[Tensor, "row n"],
    y: Float[Tensor, "row output"],
    weight: Float[Tensor, " row"],
) -> None:
    """Take rows into account, in place: the factor of the factor so far on top of the rows.

    Args:
        factor: Factor so far.
        x: Regressors.
        y: Targets.
        weight: Weight of each row.
    """
    R, Z = factor["factor"], factor["rotated"]
    root = weight.double().sqrt()[:, None]
    rows = torch.cat([R, torch.cat([root, root * x.double()], 1)])
    wanted = torch.cat([Z, root * y.double()])
    packed, tau = torch.geqrf(rows)
    R.copy_(packed[: len(R)].triu())
    Z.copy_(torch.ormqr(packed, tau, wanted, transpose=True)[: len(R)])


def ridge(
    factor: Mapping[str, Tensor], alpha: float, *, intercept: bool, units: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""Weights that minimise :math:`\sum_k w_k \lVert W x_k + b - y_k \rVert^2 + \alpha \lVert W \rVert^2`; the intercept is not penalised.

    Args:
        factor: Factor of all rows.
        alpha: :math:`\alpha`.
        intercept: Whether there is a :math:`b`; else it is 0.
        units: Numbers of the regressors that have weights; None for all. The other weights are 0.

    Returns:
        Weights ``(output, n)``, and intercepts ``(output,)``.

    Raises:
        ValueError: If the solution is not unique.
    """
    R, Z = factor["factor"], factor["rotated"]
    n = len(R) - 1
    units = torch.arange(n, device=R.device) if units is None else units
    first = int(intercept)  # below its first row the factor is that of centred rows
    own = _solved(R[first:, 1 + units], Z[first:], alpha)
    W = own.new_zeros(Z.shape[1], n)
    W[:, units] = own.t()
    if not intercept or R[0, 0] == 0:
        return W, W.new_zeros(len(W))
    return W, (Z[0] - W @ R[0, 1:]) / R[0, 0]


def _solved(A: Tensor, Y: Tensor, alpha: float) -> Tensor:
    r"""The :math:`B` that minimises :math:`\lVert A B - Y \rVert^2 + \alpha \lVert B \rVert^2`, without forming :math:`A^\top A`."""
    n = A.shape[1]
    packed, tau = torch.geqrf(torch.cat([A, alpha**0.5 * torch.eye(n).to(A)]))
    R, wanted = packed[:n].triu(), torch.cat([Y, Y.new_zeros(n, Y.shape[1])])
    sizes, eps = R.diagonal().abs(), torch.finfo(A.dtype).eps
    if bool((sizes > n * eps * sizes.max()).all()):
        return torch.linalg.solve_triangular(
            R, torch.ormqr(packed, tau, wanted, transpose=True)[:n], upper=True
        )
    if alpha == 0:
        raise ValueError(
            "With alpha=0 the read-out is not determined: some rates depend linearly on others. Raise alpha, or use more data "
            "than units."
        )
    # the penalty is below the rounding of the rates, which takes its place
    U, sizes, V = torch.linalg.svd(A, full_matrices=False)
    penalty = max(alpha, (n * eps * float(sizes.max())) ** 2)
    B: Tensor = V.t() @ ((U.t() @ Y) * (sizes / (sizes.square() + penalty))[:, None])
    return B
