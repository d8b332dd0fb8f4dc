"""Fixed points the way they are usually sought: Adam on the squared speed of the map, all candidates jointly."""

__all__ = ["JointAdam", "Points", "distinct"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Points(NamedTuple):
    """Distinct points and what is known of them.

    Attributes:
        state: Positions ``(point, unit)``.
        q: Half the squared displacement by one step.
        jacobian: Derivative of the map, ``(point, unit, unit)``.
        eigenvalue: Its eigenvalues.
        n_steps: Steps of Adam.
    """

    state: Tensor
    q: Tensor
    jacobian: Tensor
    eigenvalue: Tensor
    n_steps: int


@dataclass(frozen=True)
class JointAdam:
    r"""Minimise the mean over candidates of :math:`q(x) = \tfrac12 \lVert G(x) - x \rVert^2`.

    One Adam runs all candidates. It ends when each has ``q < tol_q`` or moved its q by less than ``tol_dq`` times the
    learning rate, or after ``max_steps``. Points far from all candidates are dropped, and of points closer than
    ``tol_unique`` the one with the lowest q is kept. There is no threshold on q, as in the tool this restates: what
    it returns is what it gives to its users.

    Attributes:
        learning_rate: At the start; lowered by a plateau rule.
        factor: What the plateau rule multiplies it with.
        patience: Steps without a lower loss before it does.
        max_steps: Steps of Adam at most.
        tol_q: Above.
        tol_dq: Above.
        tol_unique: Above.
        outlier_scale: Points farther from the centroid of the candidates than this many mean distances are dropped.
    """

    learning_rate: float = 1.0
    factor: float = 0.95
    patience: int = 5
    max_steps: int = 5000
    tol_q: float = 1e-12
    tol_dq: float = 1e-20
    tol_unique: float = 1e-3
    outlier_scale: float = 10.0

    def find(self, step: Callable[[Tensor], Tensor], start: Tensor) -> Points:
        """Search, keep the distinct points, and linearise the map at each.

        Args:
            step: The map of states ``(batch, unit)``.
            start: Candidates ``(candidate, unit)``.

        Returns:
            The points.
        """
        x, q, n_steps = self._descend(step, start)
        centre = start.mean(0)
        within = self.outlier_scale * (start - centre).norm(dim=1).mean()
        near = (x - centre).norm(dim=1) <= within
        kept = distinct(x[near], q[near], self.tol_unique)
        state, q = x[near][kept], q[near][kept]
        jacobian = torch.func.vmap(torch.func.jacrev(lambda each: step(each[None])[0]))(state)
        return Points(state, q, jacobian, torch.linalg.eig(jacobian)[0], n_steps)

    def _descend(self, step: Callable[[Tensor], Tensor], start: Tensor) -> tuple[Tensor, Tensor, int]:
        x = start.clone().requires_grad_()
        adam = torch.optim.Adam([x], lr=self.learning_rate)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, factor=self.factor, patience=self.patience)
        before, n_steps = None, 0
        while n_steps < self.max_steps:
            n_steps += 1
            q = 0.5 * (step(x) - x).square().sum(1)
            adam.zero_grad()
            loss = q.mean()
            loss.backward()
            done = q.detach() < self.tol_q
            if before is not None:
                moved = (q.detach() - before).abs()
                done |= moved < self.tol_dq * adam.param_groups[0]["lr"]
            if bool(done.all()):
                break
            before = q.detach()
            adam.step()
            plateau.step(loss.detach())
        with torch.no_grad():
            return x.detach(), 0.5 * (step(x) - x).square().sum(1), n_steps


def distinct(state: Tensor, q: Tensor, radius: float) -> Tensor:
    """Rows of points farther than a radius from every point of lower q that is kept.

    Args:
        state: Points ``(point, unit)``.
        q: What decides which of several close points is kept.
        radius: Distance below which two points are one.

    Returns:
        Row numbers.
    """
    kept: list[int] = []
    left = torch.argsort(q, stable=True)
    while left.numel():
        kept.append(int(left[0]))
        left = left[(state[left] - state[left[0]]).norm(dim=1) > radius]
    return torch.tensor(kept, dtype=torch.long)
