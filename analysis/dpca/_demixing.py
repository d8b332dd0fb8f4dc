r"""Reduced-rank regression with noise and a penalty, in closed form, and its penalty by cross-validation."""

__all__ = ["Regression", "explained", "noise_covariance", "principal_shares", "validate"]

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.dpca._marginal import Cells, Groups, marginalise
from neurornn.random import derive_seed

_LOG = logging.getLogger(__name__)


class _Target(NamedTuple):
    """A target's products with the regressors: orthonormal columns, and what they hold in the eigenvectors."""

    columns: NDArray[np.float64]
    rows: NDArray[np.float64]


class Regression:
    r"""Least-squares maps :math:`F D` of low rank from activity to parts of it.

    .. math:: \min_{F, D} \; |Y - F D X|^2 + \mathrm{tr}\big(F D\, (C + \mu I)\, D^\top F^\top\big)

    With :math:`G = X X^\top + C + \mu I` and :math:`A = Y X^\top G^{-1}`, the columns of :math:`F` are the leading
    eigenvectors of :math:`A G A^\top`, and :math:`D = F^\top A`.
    """

    def __init__(
        self, X: NDArray[np.float64], C: NDArray[np.float64], targets: Mapping[str, NDArray[np.float64]]
    ) -> None:
        self._values, self._vectors = np.linalg.eigh(X @ X.T + C)
        self._floor = len(X) * np.finfo(np.float64).eps * max(self._values[-1], 0.0)
        self._targets: dict[str, _Target] = {}
        for name, Y in targets.items():
            columns, singular, rows = np.linalg.svd(Y @ X.T @ self._vectors)
            rank = int((singular > len(X) * np.finfo(np.float64).eps * self._values[-1]).sum())
            self._targets[name] = _Target(columns[:, :rank], singular[:rank, None] * rows[:rank])

    def solve(self, name: str, rank: int, penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        r"""Encoder and decoder for one target.

        Args:
            name: Name of the target.
            rank: Number of components; fewer if the target has fewer dimensions.
            penalty: :math:`\mu`.

        Returns:
            Encoder ``(unit, component)`` with orthonormal columns, and decoder ``(component, unit)``, the strongest
            first.
        """
        columns, rows = self._targets[name]
        inverse = np.zeros_like(self._values)
        np.divide(1.0, self._values + penalty, out=inverse, where=self._values + penalty > self._floor)
        weighted = rows * inverse
        _, vectors = np.linalg.eigh(weighted @ rows.T)
        leading = vectors[:, ::-1][:, :rank]
        return columns @ leading, leading.T @ weighted @ self._vectors.T


def noise_covariance(cells: Cells, kind: str) -> NDArray[np.float64]:
    """Covariance of single trials about their condition average, summed over conditions and steps.

    Args:
        cells: The grid.
        kind: ``"diagonal"``: each unit on its own, from its own trials; ``"full"``: from trials in which every unit
            has a value at every step; ``"none"``.

    Returns:
        The matrix ``(unit, unit)``. Cells with one trial take the average of the others.

    Raises:
        ValueError: If nothing can be estimated.
    """
    n_units, n_conditions, _ = cells.n_trials.shape
    if kind == "none":
        return np.zeros((n_units, n_units))
    if kind == "diagonal":
        return np.diag(_noise_variance(cells.deviation, cells.n_trials))
    whole: NDArray[np.bool_] = np.all(np.isfinite(cells.values), axis=(1, 2))
    total, seen = np.zeros((n_units, n_units)), 0
    for k in range(n_conditions):
        rows = cells.values[whole & (cells.member == k)]
        if len(rows) >= 2:
            away = (rows - rows.mean(0)).reshape(-1, n_units)
            total += away.T @ away / (len(rows) - 1)
            seen += 1
    if not seen:
        raise ValueError(
            "noise='full' needs two trials of a condition in which every unit has a value at every step, and there "
            "are none. Units of different sessions have no covariance: use noise='diagonal'."
        )
    return total * (n_conditions / seen)


def validate(
    cells: Cells,
    names: Sequence[str],
    groups: Groups,
    ranks: Mapping[str, int],
    grid: NDArray[np.float64],
    *,
    noise: str,
    n_repeats: int,
    seed: int,
) -> NDArray[np.float64]:
    r"""Error of each penalty on held-out trials.

    One trial of each condition is held out, unit by unit; units with the same trials (a session) hold out the same.
    The error is that of the training averages of each marginalisation, predicted from the held-out trials. The noise
    is estimated from the training trials; from all where none has two left, and where its kind is ``"full"``.

    Args:
        cells: The grid.
        names: Parameters, time aside.
        groups: Terms of each marginalisation.
        ranks: Components of each marginalisation.
        grid: Values of :math:`\lambda`.
        noise: Kind of noise covariance.
        n_repeats: Number of times trials are held out.
        seed: Seed of the choice of trials.

    Returns:
        Errors ``(repeat, grid)``, as a fraction of the variance of the training averages.

    Raises:
        ValueError: If a unit has fewer than two whole trials of a condition.
    """
    n_units, n_conditions, n_steps = cells.n_trials.shape
    whole: NDArray[np.bool_] = np.all(np.isfinite(cells.values), axis=1)
    per_condition = np.stack([whole[cells.member == k].sum(0) for k in range(n_conditions)])
    if per_condition.min() < 2:
        n_few = int((per_condition < 2).any(0).sum())
        raise ValueError(
            f"Cross-validation holds out one whole trial of each condition, and {n_few} of {n_units} units have fewer "
            "than two of some condition. Leave those units out, or set the regularisation to a number."
        )
    _, session = np.unique(np.packbits(whole, axis=0), axis=1, return_inverse=True)
    covariance = noise_covariance(cells, noise)
    errors = np.empty((n_repeats, len(grid)))
    for repeat in range(n_repeats):
        rng = np.random.default_rng(derive_seed(seed, "dpca", repeat))
        test = np.empty((n_units, n_conditions, n_steps))
        for group in range(int(session.max()) + 1):
            members = np.flatnonzero(session.reshape(-1) == group)
            for k in range(n_conditions):
                trials = np.flatnonzero((cells.member == k) & whole[:, members[0]])
                test[members, k] = cells.values[rng.choice(trials)][:, members].T
        left = cells.n_trials - 1
        train = cells.mean + (cells.mean - test) / left
        C = covariance
        if noise == "diagonal":
            rest = cells.deviation - cells.n_trials / left * (test - cells.mean) ** 2
            enough = (left >= 2).any((1, 2))
            C = covariance.copy()
            C[enough, enough] = _noise_variance(np.maximum(rest[enough], 0.0), left[enough])
        X, held_out = _centred(train), _centred(test)
        parts = marginalise(X.reshape(n_units, *cells.shape, n_steps), names, groups)
        flat = {name: part.reshape(n_units, -1) for name, part in parts.items()}
        regression, power = Regression(X, C, flat), (X**2).sum()
        for j, value in enumerate(grid):
            total = 0.0
            for name, Y in flat.items():
                F, D = regression.solve(name, ranks[name], value**2 * power)
                total += ((Y - F @ (D @ held_out)) ** 2).sum()
            errors[repeat, j] = total / power
        _LOG.info(
            "Held-out trials %d of %d: best penalty %g", repeat + 1, n_repeats, grid[errors[repeat].argmin()]
        )
    return errors


def explained(
    encoder: NDArray[np.float64], decoder: NDArray[np.float64], Y: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""How much :math:`|Y|^2` exceeds :math:`|Y - f d^\top Y|^2`, component by component.

    Args:
        encoder: Encoders :math:`f` as rows.
        decoder: Decoders :math:`d` as rows.
        Y: Activity ``(unit, sample)``.

    Returns:
        One number for each component.
    """
    latent = decoder @ Y
    return 2 * (latent * (encoder @ Y)).sum(1) - (encoder**2).sum(1) * (latent**2).sum(1)


def principal_shares(X: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Fraction of variance explained by the first 1, 2, ..., n principal components of centred activity."""
    power = np.linalg.svd(X, compute_uv=False) ** 2
    shares = np.cumsum(power) / power.sum()
    return np.concatenate([shares, np.ones(max(n - len(shares), 0))])[:n]


def _centred(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = cells.reshape(len(cells), -1)
    return flat - flat.mean(1, keepdims=True)


def _noise_variance(deviation: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each unit the trial variance summed over cells; those with one trial take the average of the others."""
    usable = count >= 2
    variance = np.where(usable, deviation / np.maximum(count - 1, 1), 0.0)
    n_usable = usable.sum((1, 2))
    if not n_usable.all():
        raise ValueError(
            f"{int((n_usable == 0).sum())} of {len(count)} units have no condition with two trials: their noise cannot "
            "be estimated. Leave them out, or use noise='none'."
        )
    return variance.sum((1, 2)) * (count.shape[1] * count.shape[2] / n_usable)
