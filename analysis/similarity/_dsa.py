r"""Dynamical similarity: do two populations follow the same rule from one moment to the next?"""

__all__ = ["DynamicalSimilarity", "Dynamics"]

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._conjugacy import closest_conjugate
from neurornn.analysis.similarity._samples import principal


class Dynamics(NamedTuple):
    """A linear rule fitted to delayed activity.

    Attributes:
        operator: From one moment to the next, ``(rank, rank)``, in coordinates of equal variance.
        r_squared: Part of the variance of the next moment that it explains, over all coordinates.
        variance: Part of the variance of the delayed activity within the coordinates.
    """

    operator: NDArray[np.float64]
    r_squared: float
    variance: float


@final
@dataclass(frozen=True)
class DynamicalSimilarity(AbstractSimilarity):
    r"""Angle between the linear dynamics of two populations in the best common frame (DSA).

    Each population is embedded with delays, :math:`h_t = (x_t, x_{t-s}, \dots, x_{t-(m-1)s})` of :math:`m` delays with steps
    of :math:`s`, within each condition; the :math:`r` leading principal components of :math:`h`, scaled to equal variance, are
    its coordinates :math:`v_t`, and

    .. math:: v_{t+s} \approx A\, v_t + a

    by least squares over all conditions; likewise :math:`B` for the other population. The distance is

    .. math:: \theta = \min_{C^\top C = I} \arccos \frac{\langle A, C B C^\top \rangle}{\|A\| \, \|B\|}
       \qquad\text{or}\qquad \min_{C^\top C = I} \|A - C B C^\top\|_F

    in radians, or without unit. The search is not convex. It starts from the frames in which symmetric matrices made of
    :math:`A` and of :math:`B` are diagonal, then from random ones, climbs with Newton steps, and then tries to prove that nothing is
    better: by the sorted eigenvalues of the symmetric and skew parts, and by the Lagrangian dual of the problem. The result
    carries the proven lower ``bound``; ``verified`` says that the two meet. Rotated copies and small deviations are
    verified; of very different operators the bound often stays a few percent below.

    Units, rotations and gains do not matter, only how activity goes on; the conditions may even differ between the
    populations in what they are. As the time step shrinks every :math:`A` approaches the identity and all angles shrink:
    choose ``step`` so that activity changes over it. Noise shrinks the eigenvalues of :math:`A`, since the next moment is
    then harder to predict: compare at equal noise, and look at :meth:`dynamics`.

    With 10 coordinates a comparison takes from hundredths of a second, where a proof is found at once, to a second or two,
    far more than the other measures; the proof works with matrices of side :math:`r^2`.

    Args:
        n_delays: Number of delays :math:`m`, the present included.
        rank: Number of coordinates :math:`r`.
        step: Time steps :math:`s` between delays and over which the rule leads.
        metric: ``"angular"`` or ``"euclidean"``.
        n_starts: Random starts at most, besides the spectral ones.
        seed: Seed of the random starts.

    Raises:
        ValueError: If a number is not positive, or the metric is neither of the two.

    References:
        Beyond Geometry: Comparing the Temporal Structure of Computation in Neural Circuits with Dynamical Similarity
        Analysis (Ostrow et al., 2023) https://arxiv.org/abs/2306.10168
        On Lagrangian Relaxation of Quadratic Matrix Constraints (Anstreicher & Wolkowicz, 2000)
        https://doi.org/10.1137/S0895479898340299

    Examples:
        Rotations of the plane, at 10 and 30 degrees a step, have symmetric parts of cos 10° and cos 30°; their angle is 20°:

        >>> def turning(degrees):
        ...     phase = np.radians(degrees) * np.arange(73) + np.radians([[0.0], [90.0]])
        ...     return np.stack([np.cos(phase), np.sin(phase)], -1)         # 2 conditions, 73 times, 2 units
        >>> scores = DynamicalSimilarity(n_delays=1, rank=2).score(turning(10.0), turning(30.0))
        >>> round(float(np.degrees(scores.value)), 2), scores.verified
        (20.0, True)
    """

    n_delays: int = 5
    rank: int = 10
    step: int = 1
    metric: Literal["angular", "euclidean"] = "angular"
    n_starts: int = 20
    seed: int = 0

    name: ClassVar[str] = "DSA"
    is_distance: ClassVar[bool] = True
    is_metric: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for field, least in (("n_delays", 1), ("rank", 1), ("step", 1), ("n_starts", 0)):
            if getattr(self, field) < least:
                raise ValueError(f"{field} must be at least {least}: got {getattr(self, field)}.")
        if self.metric not in ("angular", "euclidean"):
            raise ValueError(f"metric is 'angular' or 'euclidean': got {self.metric!r}.")

    @property
    @override
    def invariances(self) -> tuple[str, ...]:
        """Rotations, gains and offsets of either side, and the order of conditions, but not that of times."""
        return ("unit permutation", "scale", "offset", "rotation", "condition permutation")

    def dynamics(self, X: ArrayLike) -> Dynamics:
        """The linear rule of one population.

        Args:
            X: Activity ``(condition, time, unit)``, finite.

        Returns:
            The operator, how well it predicts, and how much of the delayed activity it is about.

        Raises:
            ValueError: If there are too few times or samples, or the activity has fewer dimensions than ``rank``.
        """
        data = np.asarray(X, dtype=np.float64)
        if data.ndim != 3 or not data.size or not np.isfinite(data).all():
            raise ValueError(
                f"Activity must be finite numbers (condition, time, unit): got shape {data.shape}."
            )
        n_conditions, n_times, _ = data.shape
        length = n_times - (self.n_delays - 1) * self.step  # moments at which all delays exist
        n_pairs = n_conditions * (length - self.step)
        if length <= self.step or n_pairs <= self.rank + 1:
            raise ValueError(
                f"{n_conditions} conditions of {n_times} times give {max(n_pairs, 0)} pairs of a delayed state and the next, with "
                f"{self.n_delays} delays and step {self.step}: {self.rank} coordinates need more than {self.rank + 1}. Use fewer "
                "delays, a lower rank, or more times."
            )
        delayed = np.concatenate(
            [data[:, k * self.step : k * self.step + length] for k in reversed(range(self.n_delays))], axis=2
        )
        rows = delayed.reshape(n_conditions * length, -1)
        U, s, _ = principal(rows - rows.mean(0))
        if s.size < self.rank:
            raise ValueError(
                f"rank={self.rank} coordinates were asked for and the delayed activity varies along {s.size}. Ask for fewer, or "
                "use more delays."
            )
        v = U[:, : self.rank].reshape(n_conditions, length, -1) * len(rows) ** 0.5
        now = v[:, : -self.step].reshape(n_pairs, -1)
        following = v[:, self.step :].reshape(n_pairs, -1)
        now, following = now - now.mean(0), following - following.mean(0)
        solution = np.linalg.lstsq(now, following, rcond=None)[0]
        left = float(((following - now @ solution) ** 2).sum())
        return Dynamics(
            np.asarray(solution.T, dtype=np.float64),
            1.0 - left / float((following**2).sum()),
            float((s[: self.rank] ** 2).sum() / (s**2).sum()),
        )

    @override
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        A, B = self.dynamics(X).operator, self.dynamics(Y).operator
        found = closest_conjugate(A, B, n_starts=self.n_starts, seed=self.seed, tolerance=1e-10)
        size_a, size_b = float(np.linalg.norm(A)), float(np.linalg.norm(B))
        turned = found.C @ B @ found.C.T
        if self.metric == "euclidean":
            value = float(np.linalg.norm(A - turned))
            bound = max(size_a**2 + size_b**2 - 2 * found.limit, 0.0) ** 0.5
            return Scores(value, None, min(bound, value))
        if size_a == 0 or size_b == 0:
            raise ValueError("One population has no linear dynamics at all: its operator is 0.")
        chord = float(np.linalg.norm(A / size_a - turned / size_b))
        value = float(2 * np.arcsin(min(chord / 2, 1.0)))
        bound = float(np.arccos(min(max(found.limit / (size_a * size_b), -1.0), 1.0)))
        return Scores(value, None, min(bound, value))
