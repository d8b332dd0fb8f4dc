r"""Recursive least squares: the inverse correlation of all rows so far, updated in place.

After rows :math:`R_1, R_2, \ldots` (one row of regressors for each trial of a step) the state is

.. math:: P^{-1} = \lambda^n \alpha I + \sum_{k=1}^{n} \lambda^{n-k} R_k^\top R_k

and weights that follow :math:`W \leftarrow W - E_k^\top G_k^\top` from :math:`W_0`, with :math:`E_k` the errors before the update, minimise
:math:`\lambda^n \alpha \lVert W - W_0 \rVert^2 + \sum_k \lambda^{n-k} \lVert R_k W^\top - Y_k \rVert^2` at every step.
"""

__all__ = ["fold", "inverse_correlation"]

import torch
from jaxtyping import Float
from torch import Tensor


def inverse_correlation(n: int, alpha: float, like: Tensor) -> Float[Tensor, "n n"]:
    r"""The state before any data: :math:`P = I/\alpha`.

    Args:
        n: Number of regressors.
        alpha: Weight of a ridge penalty on the change of the weights.
        like: A tensor of the wanted type and device; half precision is widened.

    Returns:
        The matrix.
    """
    dtype = torch.promote_types(like.dtype, torch.float32)
    return torch.eye(n, dtype=dtype, device=like.device) / alpha


def fold(
    P: Float[Tensor, "n n"], rows: Float[Tensor, "row n"], forgetting: float = 1.0
) -> Float[Tensor, "row n"]:
    r"""Take rows into account, in place and in any order, and say how their errors move the weights.

    With :math:`K = P R^\top` and :math:`S = \lambda I + R K` (Woodbury)

    .. math:: G = K S^{-1}, \qquad P \leftarrow \frac{1}{\lambda} \left( P - K S^{-1} K^\top \right)

    For one row :math:`r` and :math:`\lambda = 1` the error shrinks by :math:`e^+/e^- = 1 / (1 + r^\top P r)`. The downdate is the product of
    a matrix with its own transpose, so that :math:`P` stays symmetric.

    Args:
        P: State, changed in place.
        rows: Regressors :math:`R`, times the root of their weight if they count unequally.
        forgetting: :math:`\lambda`, what the rows of each earlier call count for, in (0, 1].

    Returns:
        Gains :math:`G^\top`: errors :math:`E` of the rows change weights by :math:`-E^\top G^\top`.

    Raises:
        ValueError: If rounding has made the state indefinite.

    Examples:
        >>> P, r = inverse_correlation(3, 0.5, torch.zeros(())), torch.tensor([[1.0, 0.0, 2.0]])
        >>> gain = fold(P, r)
        >>> 1 - (gain @ r.T).item()     # e+/e- = 1 / (1 + r'r / 0.5) = 1 / 11
        0.0909...
    """
    if rows.shape[0] == 1:
        r = rows[0]
        k = torch.mv(P, r)
        s = torch.dot(r, k).add_(forgetting)
        a = k * s.rsqrt()
        P.addr_(a, a, beta=1 / forgetting, alpha=-1 / forgetting)
        return (k / s)[None]
    K = rows @ P
    S = K @ rows.t()
    S.diagonal().add_(forgetting)
    root, problem = torch.linalg.cholesky_ex(S)
    if bool(problem):
        raise ValueError(
            "Rounding has made the inverse correlation of the rates indefinite. Use dtype=torch.float64, a larger alpha, or a "
            "forgetting nearer to 1."
        )
    A = torch.linalg.solve_triangular(root, K, upper=False)
    P.addmm_(A.t(), A, beta=1 / forgetting, alpha=-1 / forgetting)
    return torch.linalg.solve_triangular(root.t(), A, upper=True)
