"""The numbers behind a psychometric curve: scaling, starts, bounds, bootstrap."""

__all__ = ["MOST_LAPSES", "Curve", "fit_curve"]

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py, xlogy

from neurornn.analysis.behaviour._binomial_fit import BinomialFit, fit_binomial, probabilities
from neurornn.analysis.behaviour._psychometric_functions import AbstractPsychometricFunction

MOST_LAPSES = 0.2  # of all trials at either end: beyond it a subject does something else than the task
_SHARPEST = 20.0  # largest slope times the smallest step between stimuli: a jump
_FLAT = 1e-3  # of log-likelihood: less is no evidence against a step


class Curve(NamedTuple):
    """A fitted curve and its bootstrap replicates.

    Attributes:
        parameters: Bias, slope, lapse rate at the low and at the high end, ``(1 + replicate, 4)``; the first row is
            the fit, replicates without both choices are NaN.
        fitted: Probabilities on the grid, ``(1 + replicate, grid)``.
        at_bound: Which of the four the data do not pin.
        log_likelihood: Sum over trials.
        converged: Whether the optimiser ended at a maximum.
    """

    parameters: NDArray[np.float64]
    fitted: NDArray[np.float64]
    at_bound: NDArray[np.bool_]
    log_likelihood: float
    converged: bool


def fit_curve(
    strength: NDArray[np.float64],
    positive: NDArray[np.bool_],
    grid: NDArray[np.float64],
    *,
    function: AbstractPsychometricFunction,
    lapses: bool,
    n_bootstrap: int,
    seed: int,
) -> Curve:
    """Fit a curve and its bootstrap replicates.

    Args:
        strength: Stimulus of each trial.
        positive: Choice of each trial.
        grid: Where the curve is evaluated.
        function: Shape of the curve.
        lapses: Whether lapse rates are free.
        n_bootstrap: Number of replicates.
        seed: Their seed.

    Returns:
        The curve; all NaN and at its bounds if all choices are the same.

    Raises:
        ValueError: If there are not two stimuli to fit a slope to.
    """
    levels, level = np.unique(strength, return_inverse=True)
    usable = levels if function.two_sided else levels[levels > 0]
    if usable.size < 2:
        kind = "stimuli" if function.two_sided else "stimuli above 0"
        raise ValueError(
            f"A psychometric curve needs at least two {kind}: got {usable.tolist()} in {strength.size} trials."
        )
    if positive.all() or not positive.any():
        nothing = np.full((1 + n_bootstrap, 4), np.nan)
        return Curve(nothing, np.full((1 + n_bootstrap, grid.size), np.nan), np.ones(4, bool), 0.0, True)
    n = np.bincount(level).astype(np.float64)
    k = np.bincount(level, weights=positive).astype(np.float64)
    problem = _Problem.of(levels, usable, n, function, lapses)
    best = problem.maximise(k)
    p = probabilities(best.theta, problem.design, function)[0]
    drawn = np.random.default_rng(seed).binomial(n.astype(np.int64), p, (n_bootstrap, n.size))
    theta = np.concatenate([best.theta, problem.refit(drawn.astype(np.float64), best.theta)])
    parameters = problem.parameters(theta)
    bias, _, low, high = parameters[0]
    at_bound = np.array([
        not usable[0] <= bias <= usable[-1],
        problem.is_step(best, k),
        lapses and function.lower_asymptote is None and low > MOST_LAPSES - 1e-9,
        lapses and high > MOST_LAPSES - 1e-9,
    ])
    fitted = probabilities(theta, problem.design_of(grid), function)
    return Curve(parameters, fitted, at_bound, float(best.log_likelihood[0]), bool(best.converged[0]))


@dataclass(frozen=True, eq=False)
class _Problem:
    """A fit in standardised units, where one box suits all stimuli."""

    function: AbstractPsychometricFunction
    middle: float
    spread: float
    sharpest: float
    design: NDArray[np.float64]
    n: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        levels: NDArray[np.float64],
        usable: NDArray[np.float64],
        n: NDArray[np.float64],
        function: AbstractPsychometricFunction,
        lapses: bool,
    ) -> "_Problem":
        position = function.transform(usable)
        middle, spread = float(position.mean()), float(position.std())
        step = max(float(np.diff(position).min()), float(np.ptp(position)) / 100) / spread
        sharpest = _SHARPEST / step
        far = sharpest * (float(np.ptp(position)) / spread + 1) + 40
        most = MOST_LAPSES if lapses else 0.0
        floor = function.lower_asymptote
        low = (0.0, most) if floor is None else (floor, floor)
        lower = np.array([-far, -sharpest if function.two_sided else 0.0, low[0], 0.0])
        upper = np.array([far, sharpest, low[1], most])
        standard = np.stack([np.ones(levels.size), (function.transform(levels) - middle) / spread], 1)
        return cls(function, middle, spread, sharpest, standard, n, lower, upper)

    def design_of(self, stimulus: NDArray[np.float64]) -> NDArray[np.float64]:
        position = (self.function.transform(stimulus) - self.middle) / self.spread
        return np.stack([np.ones(stimulus.size), position], 1)

    def maximise(self, k: NDArray[np.float64]) -> BinomialFit:
        """Best of several starts: first without lapses, then from there steeper and with more and more lapses."""
        slopes = np.array([0.5, 2.0, 8.0])
        slopes = np.concatenate([slopes, -slopes]) if self.function.two_sided else slopes
        plain = np.stack([0 * slopes, slopes, 0 * slopes, 0 * slopes], 1)
        fixed = np.array([0.0, 0.0]) if self.function.lower_asymptote is None else self.lower[2:]
        bounds = [np.concatenate([each[:2], fixed]) for each in (self.lower, self.upper)]
        first = self._run(k[None], plain, *bounds).best()
        if (self.lower[2:] == self.upper[2:]).all():
            return first
        steeper = np.array([1.0, 2.0, 5.0, 20.0])
        more = np.array([0.0, 0.02, 0.1])
        starts = [[*(first.theta[0, :2] * factor), lapse, lapse] for factor in steeper for lapse in more] + [
            [0.0, slope, 0.05, 0.05] for slope in slopes
        ]
        return self._run(k[None], np.array(starts), self.lower, self.upper).best()

    def refit(self, drawn: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Estimates of bootstrap replicates, each from the fit; NaN where all choices are the same."""
        theta = np.full((len(drawn), 4), np.nan)
        total = drawn.sum(1)
        both = (total > 0) & (total < self.n.sum())
        if both.any():
            starts = np.repeat(start, int(both.sum()), axis=0)
            theta[both] = self._run(drawn[both], starts, self.lower, self.upper).theta
        return theta

    def parameters(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bias, slope and lapse rates in the units of the stimulus."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            bias = self.function.untransform(self.middle - self.spread * theta[:, 0] / theta[:, 1])
        return np.stack([bias, theta[:, 1] / self.spread, theta[:, 2], theta[:, 3]], 1)

    def is_step(self, best: BinomialFit, k: NDArray[np.float64]) -> bool:
        """Whether the steepest curve with the same bias and lapses is as good as the best one."""
        theta = best.theta.copy()
        if theta[0, 1] == 0:
            return not self.function.two_sided
        theta[:, :2] *= self.sharpest / abs(theta[0, 1])
        p = probabilities(theta, self.design, self.function)[0]
        sharp = float((xlogy(k, p) + xlog1py(self.n - k, -p)).sum())
        return bool(best.log_likelihood[0] - sharp < _FLAT)

    def _run(
        self,
        k: NDArray[np.float64],
        start: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
    ) -> BinomialFit:
        return fit_binomial(
            self.design, k, self.n, sigmoid=self.function, start=start, lower=lower, upper=upper
        )
