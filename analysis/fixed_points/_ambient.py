r"""States from all over the region in which the fixed points of a bounded network must lie.

Far away a bounded network is a leak, :math:`F(x) \approx -\Lambda x` plus something bounded. Its fixed points satisfy
:math:`x = g(x)` with :math:`g(x) = x + \Lambda^{-1} F(x)`, so that all of them lie in the image of :math:`g`, a bounded
set: for a :class:`~neurornn.CTRNN` in current form the states :math:`W_{rec}\phi(x) + W_{in}u + b`, in rate form the
rates that occur.
"""

__all__ = ["Ambient"]

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.random import derive_seed, normal_array, uniform_array

_FAR = 1e6  # there every activation that saturates has
_CORNERS = 32
_DECADES = (-1.0, 2.0)  # spread of the states drawn, around the size of the region


class Ambient:
    """Draws from the image of g.

    Args:
        system: A bounded system.
        input: Input held.
    """

    def __init__(self, system: System, input: Tensor) -> None:
        self.system, self.input = system, input
        sign = np.where(normal_array(derive_seed(0, "far"), _CORNERS, system.n_units) < 0, -_FAR, _FAR)
        far = torch.as_tensor(sign, device=system.device)
        self.leak = self._leak(far[:1]) if system.bounded else None
        corners = far if self.leak is None else self._image(far, self.leak)
        self.size = corners.square().mean().sqrt().item()

    def draw(self, n: int, key: int) -> NDArray[np.float64]:
        """States of the region.

        Args:
            n: Number of states.
            key: Seed.

        Returns:
            States ``(n, unit)``; none if the system is not a leak far away.
        """
        if self.leak is None:
            return np.zeros((0, self.system.n_units))
        low, high = _DECADES
        scale = 10 ** (low + (high - low) * uniform_array(derive_seed(key, "scale"), n, 1))
        y = self.size * scale * normal_array(derive_seed(key, "ambient"), n, self.system.n_units)
        x: NDArray[np.float64] = (
            self._image(torch.as_tensor(y, device=self.system.device), self.leak).cpu().numpy()
        )
        return x[np.isfinite(x).all(1)]

    def _image(self, y: Tensor, leak: Tensor) -> Tensor:
        return y + self.system.drift(y, self.input) / leak

    def _leak(self, far: Tensor) -> Tensor | None:
        J = self.system.jacobian(far, self.input)[0]
        leak = -J.diagonal()
        rest = J + torch.diag(leak)
        fits = J.isfinite().all() and (leak > 0).all() and rest.abs().sum(1).max() <= 1e-6 * leak.min()
        return leak if bool(fits) else None
