r"""What evidence held for a while does to the read-out, and how much of it goes through the slow mode."""

__all__ = ["held_response"]

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray


def held_response(
    lin: xr.Dataset, slow: xr.Dataset, weights: NDArray[np.float64], duration: float
) -> dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]:
    r"""Linear response of the decision variable, all modes together, and the share of the slow mode.

    .. math:: R_e = c^\top \int_0^T e^{Jt}\, dt\; b_e, \qquad
              R^{slow}_e = (c^\top r)(\ell^\top b_e) \int_0^T e^{\lambda t}\, dt

    The first is the exponential of a matrix and needs no eigenvectors.

    Args:
        lin: Result of :func:`linearise`.
        slow: The slow mode of each point and the drive of each evidence.
        weights: Weights over the outputs.
        duration: T in ms.

    Returns:
        ``decision``, ``alignment``, ``response`` and ``carried``.
    """
    slope = np.einsum("o,fou->fu", weights, lin["output_slope"].values)
    line, drive = slow["line"].values, slow["evidence_drive"].values
    growth = slow["slow_eigenvalue"].values
    values, right, left = (lin[name].values for name in ("eigenvalue", "eigenvector", "left_eigenvector"))
    n, units = line.shape
    response = np.empty(drive.shape[:2])
    for k in range(n):
        J = np.real((right[k] * values[k]) @ left[k].T)
        block = np.zeros((units + drive.shape[1],) * 2)
        block[:units, :units], block[:units, units:] = J, drive[k].T
        whole = torch.linalg.matrix_exp(torch.as_tensor(block * duration))[:units, units:].numpy()
        response[k] = slope[k] @ whole
    span = np.where(
        np.abs(growth * duration) < 1e-9, duration, np.expm1(growth * duration) / np.where(growth, growth, 1)
    )
    through = ((slope * line).sum(1) * span)[:, None] * slow["selected"].values
    with np.errstate(divide="ignore", invalid="ignore"):
        alignment = (slope * line).sum(1) / np.linalg.norm(slope, axis=1)
        carried = through / response
    return {
        "decision": (("fixed_point",), lin["output"].values @ weights),
        "alignment": (("fixed_point",), alignment),
        "response": (("fixed_point", "evidence"), response),
        "carried": (("fixed_point", "evidence"), carried),
    }
