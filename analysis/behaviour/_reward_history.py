"""How far back rewards and choices weigh on the next choice."""

__all__ = ["RewardHistory", "plot_reward_history", "reward_history"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.behaviour._choices import percentile_interval
from neurornn.analysis.behaviour._decisions import decisions_of
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_ITERATIONS = 100
_GRADIENT = 1e-9  # of the mean log-likelihood


def reward_history(
    ds: xr.Dataset,
    *,
    n_lags: int = 5,
    choice: str = "choice",
    reward: str = "reward",
    ridge: float = 1e-3,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Conditional logistic regression of the choice on past rewards and past choices.

    .. math:: P(c_t = a) \propto \exp\Big( b_a + \sum_{k=1}^{K} \beta^r_k\, r_{t-k}\, [c_{t-k} = a] + \beta^c_k\, [c_{t-k} = a] \Big)

    for any number of options :math:`a`. :math:`\beta^r_k` is what a reward :math:`k` decisions ago adds to the log-odds of the option that brought it;
    :math:`\beta^c_k` is what having chosen it adds without a reward. ``perseveration`` is :math:`\sum_k \beta^c_k`. With two
    options this is the logistic regression of Lau & Glimcher, in other units.

    Intervals are 95 % percentiles over resampled decisions, where each replicate takes one Newton step from the fit; with enough
    decisions that is where it would end. If the past predicts every choice the likelihood has no maximum: ``separated`` says so, and the penalty
    :math:`\tfrac12 \rho \sum \beta^2` sets the size of the weights. Otherwise the default of 0.001 hardly matters.

    Args:
        ds: Decisions in order, with ``episode`` if there are several.
        n_lags: How many decisions :math:`K` to look back; the first of each episode are left out.
        choice: Name of the choice.
        reward: Name of the reward.
        ridge: Penalty :math:`\rho`, at least 0.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``reward_weight (lag)``, ``choice_weight (lag)`` and ``perseveration``, each with its ``_interval``; ``bias
        (option)``, that of the first option being 0; ``log_likelihood``, ``n``, ``n_excluded``, ``converged`` and ``separated``.

    Raises:
        ValueError: If a variable is missing, fewer than two options were chosen, or no decision has a long enough past.

    References:
        Dynamic response-by-response models of matching behavior in rhesus monkeys (Lau & Glimcher, 2005)
        https://doi.org/10.1901/jeab.2005.110-04

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> choice, reward = [0], []
        >>> for _ in range(4000):  # one who stays after a reward, with log-odds of 2
        ...     reward.append(int(rng.random() < 0.5))
        ...     stays = rng.random() < (1 / (1 + np.exp(-2.0)) if reward[-1] else 0.5)
        ...     choice.append(choice[-1] if stays else 1 - choice[-1])
        >>> ds = xr.Dataset({"choice": ("trial", choice[:-1]), "reward": ("trial", reward)})
        >>> bool(abs(reward_history(ds, n_lags=2).reward_weight[0] - 2.0) < 0.2)
        True
    """
    if n_lags < 1 or n_bootstrap < 0 or not ridge >= 0:
        raise ValueError(
            f"n_lags must be at least 1, n_bootstrap and ridge at least 0: got {n_lags}, {n_bootstrap} and {ridge}."
        )
    sequence = decisions_of(ds, choice=choice, reward=reward)
    n_options = sequence.options.size
    if n_options < 2:
        raise ValueError(
            f"Only one option was ever chosen, {sequence.options.tolist()}: there is nothing to explain."
        )
    past = [sequence.before(k) for k in range(1, n_lags + 1)]
    known = (sequence.choice >= 0) & (sequence.since >= n_lags)
    for last, won in past:
        known &= (last >= 0) & np.isfinite(won)
    if not known.any():
        raise ValueError(f"No decision has {n_lags} others before it in its episode. Look back less far.")
    option = np.arange(n_options)
    was = [(last[known, None] == option).astype(np.float64) for last, _ in past]
    brought = [each * won[known, None] for each, (_, won) in zip(was, past, strict=True)]
    constants = [np.broadcast_to((option == a).astype(np.float64), was[0].shape) for a in option[1:]]
    X = np.stack([*brought, *was, *constants], axis=2)  # (decision, option, weight)
    penalty = np.concatenate([np.full(2 * n_lags, ridge), np.zeros(n_options - 1)])
    fit = _conditional_logit(X, sequence.choice[known], penalty)
    child = derive_seed(seed, "reward history")
    replicates = _one_step(fit, n_bootstrap, child)
    lags = np.arange(1, n_lags + 1)
    variables: dict[str, object] = {}
    described = {
        "reward_weight": (slice(0, n_lags), "what a reward adds to the log-odds"),
        "choice_weight": (slice(n_lags, 2 * n_lags), "what a choice adds to the log-odds"),
    }
    for name, (part, long_name) in described.items():
        variables[name] = ("lag", fit.theta[part], {"long_name": long_name, "units": "1"})
        variables[f"{name}_interval"] = (("lag", "interval"), percentile_interval(replicates[:, part]))
    kept = slice(n_lags, 2 * n_lags)
    variables["perseveration"] = (
        (),
        fit.theta[kept].sum(),
        {"long_name": "sum of choice weights", "units": "1"},
    )
    variables["perseveration_interval"] = ("interval", percentile_interval(replicates[:, kept].sum(1)))
    variables["bias"] = ("option", np.concatenate([[0.0], fit.theta[2 * n_lags :]]))
    return xr.Dataset(
        variables
        | {
            "log_likelihood": ((), fit.log_likelihood),
            "n": ((), int(known.sum())),
            "n_excluded": ((), int((~known).sum())),
            "converged": ((), fit.converged),
            "separated": ((), fit.separated),
        },
        coords={
            "lag": ("lag", lags, {"long_name": "decisions back", "units": "1"}),
            "option": sequence.options,
            "interval": ["low", "high"],
        },
        attrs=provenance("neurornn.RewardHistory/1")
        | {"ridge": ridge, "n_bootstrap": n_bootstrap, "seed": seed},
    )


def plot_reward_history(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Weights of past rewards and past choices against how long ago they were.

    Args:
        ds: Result of :func:`reward_history`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    axes.axhline(0.0, color="0.4", linewidth=0.8)
    lag = ds["lag"].values
    for name, colour, marker in (("reward", "#0072B2", "o"), ("choice", "#D55E00", "s")):
        w, ends = ds[f"{name}_weight"].values, ds[f"{name}_weight_interval"].values
        axes.fill_between(lag, *ends.T, color=colour, alpha=0.2, linewidth=0)
        axes.plot(lag, w, f"{marker}-", color=colour, markersize=4.5, label=name)
    axes.set(xlabel=label(ds["lag"]), ylabel="weight on the log-odds")
    axes.set_xticks(lag)
    legend_beside(axes)
    return axes


@dataclass(frozen=True)
class RewardHistory(AbstractMeasure):
    """Weights of past rewards and choices (:func:`reward_history`).

    Attributes:
        n_lags: How many decisions to look back.
        choice: Name of the choice.
        reward: Name of the reward.
    """

    n_lags: int = 5
    choice: str = "choice"
    reward: str = "reward"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return reward_history(ds, n_lags=self.n_lags, choice=self.choice, reward=self.reward)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_reward_history(result, ax=ax)


class _Fit(NamedTuple):
    theta: NDArray[np.float64]
    log_likelihood: float
    converged: bool
    separated: bool
    scores: NDArray[np.float64]  # (decision, weight), of the log-likelihood
    curvature: NDArray[np.float64]
    penalty: NDArray[np.float64]


def _conditional_logit(
    X: NDArray[np.float64], choice: NDArray[np.int64], penalty: NDArray[np.float64]
) -> _Fit:
    """Newton's method with step halving; the penalised likelihood is concave."""
    rows = np.arange(choice.size)
    theta = np.zeros(X.shape[2])
    taken = X[rows, choice]
    converged = False

    def value(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        eta = X @ at
        eta -= eta.max(1, keepdims=True)
        weights = np.exp(eta)
        total = weights.sum(1, keepdims=True)
        log_p = eta - np.log(total)
        log_likelihood = float(log_p[rows, choice].sum())
        return log_likelihood - 0.5 * float(penalty @ at**2), weights / total, log_p

    best, p, _ = value(theta)
    for _ in range(_N_ITERATIONS):
        expected = np.einsum("na,naj->nj", p, X)
        scores = taken - expected
        gradient = scores.sum(0) - penalty * theta
        second = np.einsum("na,nai,naj->ij", p, X, X, optimize=True)
        curvature = second - expected.T @ expected + np.diag(penalty)
        if np.abs(gradient).max() < _GRADIENT * choice.size:
            converged = True
            break
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        size = 1.0
        while size > 1e-8:
            found = value(theta + size * step)
            if found[0] > best:
                break
            size /= 2
        else:
            converged = True  # at the limit of rounding
            break
        theta, best, p = theta + size * step, found[0], found[1]
    separated = bool((p[rows, choice] > 0.5).all())
    log_likelihood = best + 0.5 * float(penalty @ theta**2)
    return _Fit(theta, log_likelihood, converged, separated, scores, curvature, penalty)


def _one_step(fit: _Fit, n_bootstrap: int, seed: int) -> NDArray[np.float64]:
    """Replicates of the weights: one Newton step under resampled decisions."""
    n = len(fit.scores)
    if n_bootstrap == 0:
        return np.empty((0, fit.theta.size))
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_bootstrap)
    gradient = counts @ fit.scores - fit.penalty * fit.theta
    return fit.theta + np.linalg.lstsq(fit.curvature, gradient.T, rcond=None)[0].T
