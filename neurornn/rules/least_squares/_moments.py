"""Means and centred products of rows that come in batches, and the ridge regression they determine."""

__all__ = ["add_rows", "empty_moments", "ridge"]

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor


def empty_moments(n: int, n_outputs: int, device: torch.device) -> dict[str, Tensor]:
    """Moments of no rows, in double precision.

    Args:
        n: Number of regressors.
        n_outputs: Number of targets.
        device: Device.

    Returns:
        Weight, means, and centred products of regressors with regressors and with targets.
    """
    shapes: dict[str, tuple[int, ...]] = {
        "weight": (),
        "mean_x": (n,),
        "mean_y": (n_outputs,),
        "products_xx": (n, n),
        "products_xy": (n, n_outputs),
    }
    return {name: torch.zeros(shape, dtype=torch.float64, device=device) for name, shape in shapes.items()}


def add_rows(
    moments: Mapping[str, Tensor],
    x: Float[Tensor, "row n"],
    y: Float[Tensor, "row output"],
    weight: Float[Tensor, " row"],
) -> None:
    r"""Take rows into account, in place.

    Products are centred on the mean of each batch and shifted to the common mean, which loses no digits where means are large:
    :math:`M \leftarrow M + M_b + \frac{w\, w_b}{w + w_b} (\bar x_b - \bar x)(\bar x_b - \bar x)^\top`.

    Args:
        moments: Moments so far.
        x: Regressors.
        y: Targets.
        weight: Weight of each row.
    """
    total = weight.sum()
    if not total > 0:
        return
    x, y, weight = x.double(), y.double(), weight.double()
    mean_x, mean_y = weight @ x / total, weight @ y / total
    centred, other = x - mean_x, y - mean_y
    weighted = centred * weight[:, None]
    before, after = moments["weight"].clone(), moments["weight"] + total
    dx, dy = mean_x - moments["mean_x"], mean_y - moments["mean_y"]
    moments["products_xx"].addmm_(weighted.t(), centred).addr_(dx, dx * (before * total / after))
    moments["products_xy"].addmm_(weighted.t(), other).addr_(dx, dy * (before * total / after))
    moments["mean_x"].add_(dx * (total / after))
    moments["mean_y"].add_(dy * (total / after))
    moments["weight"].copy_(after)


def ridge(moments: Mapping[str, Tensor], alpha: float, *, intercept: bool) -> tuple[Tensor, Tensor]:
    r"""Weights that minimise :math:`\sum_k w_k \lVert W x_k + b - y_k \rVert^2 + \alpha \lVert W \rVert^2`; the intercept is not penalised.

    Args:
        moments: Moments of all rows.
        alpha: :math:`\alpha`.
        intercept: Whether there is a :math:`b`; else it is 0.

    Returns:
        Weights ``(output, n)``, and intercepts ``(output,)``.

    Raises:
        ValueError: If the solution is not unique.
    """
    gram, cross = moments["products_xx"].clone(), moments["products_xy"]
    mean_x, mean_y, total = moments["mean_x"], moments["mean_y"], moments["weight"]
    if not intercept:
        gram.addr_(mean_x, mean_x * total)
        cross = cross + torch.outer(mean_x, mean_y) * total
    gram.diagonal().add_(alpha)
    root, problem = torch.linalg.cholesky_ex(gram)
    if not bool(problem):
        W = torch.cholesky_solve(cross, root).t()
    elif alpha > 0:  # the penalty is below the rounding of the products, which takes its place
        sizes, directions = torch.linalg.eigh(gram)
        rounding = len(sizes) * torch.finfo(sizes.dtype).eps * float(sizes[-1])
        W = (directions @ ((directions.t() @ cross) / sizes.clamp(min=max(alpha, rounding))[:, None])).t()
    else:
        raise ValueError(
            "With alpha=0 the read-out is not determined: some rates depend linearly on others. Raise alpha, or use more data "
            "than units."
        )
    b = mean_y - W @ mean_x if intercept else torch.zeros_like(mean_y)
    return W, b
