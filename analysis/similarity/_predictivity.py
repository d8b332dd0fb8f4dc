r"""How well a linear readout of the model predicts each recorded neuron in conditions it was not fitted on."""

__all__ = ["LinearPredictivity"]

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._samples import as_samples, pooled_correlation, principal


@final
@dataclass(frozen=True)
class LinearPredictivity(AbstractSimilarity):
    r"""Ridge regression from the model to each neuron, scored on held-out conditions.

    .. math:: \hat{y}_j = b_j + x^\top w_j, \qquad
       w_j = \operatorname{argmin}_w \|Y_j - \bar{Y}_j - (X - \bar{X}) w\|^2
             + \alpha_j \operatorname{tr}\!\big((X - \bar{X})^\top (X - \bar{X})\big) \|w\|^2

    where :math:`x` is the state of the model at one time of one condition, :math:`y_j` the rate of neuron :math:`j`
    there, and :math:`X, Y_j` those of the training conditions. The penalty is counted in fractions of the total variance
    of the model, so that a gain of the model changes nothing. Each neuron has an :math:`\alpha_j` of its own, the one
    with the smallest error when each training condition is left out in turn; the errors follow exactly from one singular
    value decomposition, without refitting. The score of a neuron is

    .. math:: R^2_j = 1 - \frac{\sum (y_j - \hat{y}_j)^2}{\sum (y_j - \bar{Y}_j)^2}

    over all held-out samples of all folds, with the mean of the training conditions as the rival prediction: 0 if the
    model adds nothing to that mean, below 0 if it misleads. ``"correlation"`` averages over folds instead the correlation
    between :math:`y_j` and :math:`\hat{y}_j`. The value is the median over neurons.

    A time course that all conditions share is predicted by any model that has one. Subtract the mean over conditions at
    each time from both sides where that is not the question.

    Args:
        alphas: Penalties to choose from, in fractions of the total variance of the model.
        metric: ``"r2"`` or ``"correlation"``.

    Raises:
        ValueError: If there is no penalty or one that is not positive.

    References:
        Performance-optimized hierarchical models predict neural responses in higher visual cortex
        (Yamins et al., 2014) https://doi.org/10.1073/pnas.1403112111

    Examples:
        >>> from neurornn.analysis.similarity import condition_folds
        >>> phase = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        >>> X = np.stack([np.cos(phase), np.sin(phase)], -1)[:, None]      # 20 conditions, 1 time, 2 units
        >>> Y = X @ np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]) + 4.0    # 3 neurons, linear in the 2 units
        >>> scores = LinearPredictivity().score(X, Y, condition_folds(20))
        >>> round(scores.value, 6), scores.per_unit.round(6).tolist()
        (1.0, [1.0, 1.0, 1.0])
    """

    alphas: tuple[float, ...] = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    metric: Literal["r2", "correlation"] = "r2"

    name: ClassVar[str] = "linear predictivity"
    fitted: ClassVar[bool] = True
    per_unit: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.alphas or not all(np.isfinite(a) and a > 0 for a in self.alphas):
            raise ValueError(f"alphas must be positive numbers, at least one: got {self.alphas}.")
        if self.metric not in ("r2", "correlation"):
            raise ValueError(f"metric is 'r2' or 'correlation': got {self.metric!r}.")

    @property
    @override
    def invariances(self) -> tuple[str, ...]:
        """Any rotation and gain of the model, the gain of each neuron, offsets and orders."""
        return (
            "unit permutation",
            "scale",
            "offset",
            "rotation of the model",
            "unit scale of the brain",
            "condition permutation",
            "time permutation",
        )

    @override
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        n_units, n_times = Y.shape[2], Y.shape[1]
        error, total = np.zeros(n_units), np.zeros(n_units)
        correlations = []
        for k, (train, test) in enumerate(folds):
            if len(train) < 2:
                raise ValueError(
                    f"Fold {k} trains on {len(train)} condition: 'linear predictivity' leaves out each training condition in "
                    "turn to choose its penalty and needs at least 2."
                )
            if self.metric == "correlation" and len(test) * n_times < 3:
                raise ValueError(
                    f"Fold {k} holds out {len(test) * n_times} samples and a correlation needs at least 3. Use fewer folds, or "
                    "metric='r2'."
                )
            W, mean_x, mean_y = _fit(X[train], Y[train], np.sort(self.alphas))
            truth = as_samples(Y[test]) - mean_y
            predicted = (as_samples(X[test]) - mean_x) @ W
            error += ((truth - predicted) ** 2).sum(0)
            total += (truth**2).sum(0)
            if self.metric == "correlation":
                r = pooled_correlation(truth, predicted)
                flat = (np.ptp(truth, axis=0) > 0) & np.isnan(r)
                correlations.append(np.where(flat, 0.0, r))  # a prediction that is constant explains nothing
        if self.metric == "correlation":
            per_unit = np.mean(correlations, axis=0)
        else:
            per_unit = np.full(n_units, np.nan)
            np.divide(error, total, out=per_unit, where=total > 0)
            per_unit = 1.0 - per_unit
        known = np.isfinite(per_unit)
        if not known.any():
            raise ValueError(
                "No neuron of the brain varies over the held-out conditions: there is nothing to predict."
            )
        return Scores(float(np.median(per_unit[known])), per_unit)


def _fit(
    X: NDArray[np.float64], Y: NDArray[np.float64], alphas: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Weights ``(unit, unit')`` and the means, each neuron with the penalty that predicts left-out conditions best."""
    rows, targets = as_samples(X), as_samples(Y)
    mean_x, mean_y = rows.mean(0), targets.mean(0)
    U, s, V = principal(rows - mean_x)
    centred = targets - mean_y
    projected = U.T @ centred
    penalties = alphas * float((s**2).sum())
    losses = np.stack([
        _left_out_error(U, s**2 / (s**2 + each), projected, centred, X.shape[:2]) for each in penalties
    ])
    best = penalties[losses.argmin(0)]
    return V @ ((s / (s**2 + best[:, None])).T * projected), mean_x, mean_y


def _left_out_error(
    U: NDArray[np.float64],
    shrink: NDArray[np.float64],
    projected: NDArray[np.float64],
    centred: NDArray[np.float64],
    shape: tuple[int, ...],
) -> NDArray[np.float64]:
    # With the hat matrix H = F F', of the intercept and the ridge, the error of the rows g of a condition left out is
    # (I - F_g F_g')^-1 e_g with the residuals e of the full fit; where a condition has more rows than F has columns,
    # e_g + F_g (I - F_g' F_g)^-1 F_g' e_g is the same for less.
    n_conditions, n_times = shape
    residual = (centred - (U * shrink) @ projected).reshape(n_conditions, n_times, -1)
    F = np.hstack([U * np.sqrt(shrink), np.full((len(U), 1), len(U) ** -0.5)])
    F = F.reshape(n_conditions, n_times, -1)
    if n_times <= F.shape[2]:
        left_out = np.linalg.solve(np.eye(n_times) - F @ F.swapaxes(1, 2), residual)
    else:
        inner = np.eye(F.shape[2]) - F.swapaxes(1, 2) @ F
        left_out = residual + F @ np.linalg.solve(inner, F.swapaxes(1, 2) @ residual)
    return np.asarray((left_out**2).sum((0, 1)), dtype=np.float64)
