"""How a manifold of states lies to what is read out of them."""

__all__ = ["Alignment", "Readout"]

import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from neurornn.analysis._system import System, plain
from neurornn.analysis.systems import HasDrift


class Alignment(NamedTuple):
    """Tangents and read-out; one row for each state.

    Attributes:
        output: What is read out, ``(state, output)``.
        cosine: Cosine of the angle of each output's gradient to the tangent space, ``(state, output)``; with its
            sign along the tangent of a curve.
        angle: Principal angles of the tangent space and the space of the gradients in degrees, smallest first.
    """

    output: NDArray[np.float64]
    cosine: NDArray[np.float64]
    angle: NDArray[np.float64]


class Readout:
    r"""The outputs :math:`y(x)` of states and their gradients.

    Args:
        network: The network; its own read-out is used unless a matrix is given.
        system: The frozen system, whose device is used.
        W_out: Read-out ``(output, unit)`` of the rates if the network has rates, else of the states; or None.

    Raises:
        ValueError: If the matrix has another number of units.
    """

    def __init__(self, network: HasDrift, system: System, W_out: ArrayLike | Tensor | None) -> None:
        self.device = system.device
        twin: Any = copy.deepcopy(network)
        if isinstance(twin, nn.Module):
            twin.to(system.device).double().eval().requires_grad_(False)
        rate = getattr(twin, "rate", None)
        rate = rate if callable(rate) else _same
        matrix = None
        if W_out is not None:
            matrix = torch.as_tensor(plain(W_out), device=system.device)
            if matrix.ndim != 2 or matrix.shape[1] != system.n_units or not len(matrix):
                raise ValueError(
                    f"W_out must be (output, unit) with {system.n_units} units: got shape {tuple(matrix.shape)}."
                )
        own = getattr(twin, "read_out", None)
        self.function = None
        if matrix is not None:
            self.function = lambda x: rate(x) @ matrix.mT
        elif callable(own):
            self.function = lambda x: own(rate(x))

    def align(self, states: NDArray[np.float64], basis: NDArray[np.float64]) -> Alignment | None:
        """Lay tangents beside the read-out.

        Args:
            states: States, ``(state, unit)``.
            basis: Orthonormal tangents, ``(state, unit, dimension)``.

        Returns:
            The alignment, or None if nothing is read out.
        """
        if self.function is None:
            return None
        x = torch.as_tensor(states, device=self.device)
        output = self.function(x).cpu().numpy()
        gradient = torch.func.vmap(torch.func.jacrev(self.function))(x).cpu().numpy()
        size = np.linalg.norm(gradient, axis=2)
        inside = np.divide(
            np.einsum("sok,skd->sod", gradient, basis),
            size[:, :, None],
            out=np.zeros((*size.shape, basis.shape[2])),
            where=size[:, :, None] > 0,
        )
        cosine = inside[:, :, 0] if basis.shape[2] == 1 else np.linalg.norm(inside, axis=2)
        n_angles = min(basis.shape[2], output.shape[1])
        rows = [_row_space(each) for each in gradient]
        angle = np.full((len(states), n_angles), np.nan)
        for row, (space, tangent) in enumerate(zip(rows, basis, strict=True)):
            sizes = np.linalg.svd(space @ tangent, compute_uv=False)[:n_angles]
            angle[row, : len(sizes)] = np.degrees(np.arccos(sizes.clip(0, 1)))
        return Alignment(output, cosine, angle)


def _same(x: Tensor) -> Tensor:
    return x


def _row_space(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal rows that span those of a matrix."""
    _, sizes, V = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(V[sizes > 1e-10 * max(sizes.max(), 1e-300)])
