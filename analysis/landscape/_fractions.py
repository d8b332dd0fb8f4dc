r"""How large basins are: shares of a distribution over the whole state space, with their uncertainty."""

__all__ = ["basin_fractions"]

import logging

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis.landscape._basins import about, about_attractors, check_duration, prepare
from neurornn.analysis.landscape._memories import Memories
from neurornn.analysis.landscape._motion import STEPS, AbstractMotion
from neurornn.analysis.landscape._samplers import AbstractSampler
from neurornn.analysis.landscape._settle import OUTCOMES, Settled, settle
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance
from neurornn.random import derive_seed

_log = logging.getLogger(__name__)
_WAVE = 256  # states of the first wave; each further wave doubles the number


def basin_fractions(
    network: HasDrift,
    sampler: AbstractSampler,
    *,
    input: ArrayLike | Tensor,
    attractors: xr.Dataset | ArrayLike | Tensor | None = None,
    n: int = 2048,
    precision: float | None = None,
    confidence: float = 0.95,
    motion: AbstractMotion = STEPS,
    duration: float | None = None,
    seed: int = 0,
) -> xr.Dataset:
    r"""Share of the states of a distribution that flows to each attractor while the input is held.

    The counts :math:`k_i` of :math:`n` independent states are multinomial. With :math:`\hat p_i = k_i/n`

    .. math:: \operatorname{cov}(\hat p_i, \hat p_j) \approx \frac{\hat p_i \delta_{ij} - \hat p_i \hat p_j}{n},

    and the interval of each share is that of Clopper and Pearson, which holds it with at least the stated
    probability, also where no state or all states were counted. An attractor that no state reached has at most a
    share of :math:`1 - (1 - c)^{1/n}` at confidence :math:`c`: the attribute ``unseen_below``.

    How states move and when they have arrived is told in :func:`basins`. States that have arrived take no more time,
    and with ``precision`` no more states are drawn than are needed.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms; it is
            left untouched.
        sampler: Where states are drawn from: :class:`Box`, :class:`Normal` or :class:`Given`. A share is one of this
            distribution, and another distribution gives another.
        input: Input held, one number for each channel.
        attractors: Stable fixed points known: a result of ``fixed_points.find`` or states ``(attractor, unit)``.
        n: Number of states, at most; of :class:`Given` no more than there are.
        precision: Stop once all intervals reach no further than this to either side of their share; use all ``n``
            states if None. Numbers of states are 256, 512, 1024 and so on, so that the choice of when to stop is
            made a few times only.
        confidence: Probability with which each interval holds its share.
        motion: How states move.
        duration: Time in ms after which a state that has not arrived is given up, as in :func:`basins`.
        seed: Seed of the states.

    Returns:
        A dataset. Along ``basin`` (the attractors, then the outcomes that are no fixed point, by ``basin_name``):
        ``count``, ``fraction``, ``fraction_low``, ``fraction_high``, ``median_arrival_time`` in ms; over
        ``(basin, other_basin)``: ``covariance``. Along ``attractor_index`` as in :func:`basins`. Along ``sample``:
        ``start`` (the states drawn), ``basin_of_sample`` and ``arrival_time``.

    Raises:
        TypeError: If the network has no drift, or the sampler is none.
        ValueError: If the network is noisy, a point given is no attractor, or a number makes no sense.

    References:
        The use of confidence or fiducial limits illustrated in the case of the binomial (Clopper & Pearson, 1934)
        https://doi.org/10.1093/biomet/26.4.404

    Examples:
        A unit that remembers one bit, with a bias that shifts the boundary between its basins to x = -0.206.

        >>> import neurornn
        >>> from neurornn.analysis.landscape import Box
        >>> network = neurornn.CTRNN(1, 1, 1, activation="tanh")
        >>> network.W_rec = 2 * torch.eye(1)
        >>> _ = torch.nn.init.constant_(network.bias, 0.2)
        >>> found = basin_fractions(network, Box([-1.0], [1.0]), input=[0.0], attractors=[[-1.66], [2.15]])
        >>> exact = (1 - 0.206) / 2
        >>> bool(found.fraction_low[0] < exact < found.fraction_high[0]), int(found["count"].sum())
        (True, 2048)
    """
    if not isinstance(sampler, AbstractSampler):
        raise TypeError(
            f"sampler says where states are drawn from: got {type(sampler).__name__}. Use Box(low, high), "
            "Normal(mean, covariance) or Given(states)."
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is a probability between 0 and 1: got {confidence}.")
    if n < 1 or (precision is not None and not precision > 0):
        raise ValueError(f"n is at least 1 and precision above 0: got n={n} and precision={precision}.")
    check_duration(duration)
    most = n if sampler.n_available is None else min(n, sampler.n_available)
    key = derive_seed(seed, "basin fractions")
    with torch.no_grad(), single_threaded():
        memories = prepare(
            network, sampler.n_units, input, attractors, motion, sampler.draw(key, min(most, 64))
        )
        found: list[Settled] = []
        done, goal = 0, most if precision is None else min(_WAVE, most)
        while True:
            start = sampler.draw(key, goal)
            found.append(settle(memories, start[done:], motion, duration=duration))
            done = goal
            total = Settled(*(np.concatenate(column) for column in zip(*found, strict=True)))
            counts = _counts(memories, total)
            if done >= most or (precision is not None and _precise(counts, precision, confidence)):
                break
            goal = min(2 * done, most)
            _log.info("%d states drawn, going on to %d", done, goal)
    return _dataset(memories, start, total, counts, confidence, motion, sampler, seed)


def clopper_pearson(
    count: NDArray[np.int64], n: int, confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval that holds a proportion with at least the stated probability.

    Args:
        count: Successes.
        n: Trials.
        confidence: The probability.

    Returns:
        Low and high ends.
    """
    tail = 0.5 * (1 - confidence)
    k = np.asarray(count, dtype=np.float64)
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high


def _precise(counts: NDArray[np.int64], precision: float, confidence: float) -> bool:
    n = int(counts.sum())
    low, high = clopper_pearson(counts, n, confidence)
    share = counts / n
    return bool(np.maximum(high - share, share - low).max() <= precision)


def _counts(memories: Memories, found: Settled) -> NDArray[np.int64]:
    """Number of states in each basin, then of each outcome that is no fixed point."""
    n_attractors = len(memories.traps)
    return np.bincount(_basin(n_attractors, found), minlength=n_attractors + len(OUTCOMES) - 1)


def _basin(n_attractors: int, found: Settled) -> NDArray[np.int64]:
    return np.where(found.label >= 0, found.label, n_attractors + found.outcome - 1)


def _dataset(
    memories: Memories,
    start: NDArray[np.float64],
    found: Settled,
    counts: NDArray[np.int64],
    confidence: float,
    motion: AbstractMotion,
    sampler: AbstractSampler,
    seed: int,
) -> xr.Dataset:
    n, n_attractors = len(start), len(memories.traps)
    share = counts / n
    low, high = clopper_pearson(counts, n, confidence)
    names = [f"attractor {k}" for k in range(n_attractors)] + list(OUTCOMES[1:])
    basin = _basin(n_attractors, found)
    times = [
        float(np.median(found.time[basin == k])) if k < n_attractors and counts[k] else np.nan
        for k in range(len(counts))
    ]
    one = ("basin",)
    percent = f"{confidence:.0%}"
    return xr.Dataset(
        {
            "count": (one, counts, about("states counted")),
            "fraction": (one, share, about("basin fraction")),
            "fraction_low": (one, low, about(f"lower end of the {percent} interval")),
            "fraction_high": (one, high, about(f"upper end of the {percent} interval")),
            "median_arrival_time": (one, np.array(times), about("median time of arrival", "ms")),
            "covariance": (
                ("basin", "other_basin"),
                (np.diag(share) - np.outer(share, share)) / n,
                about("covariance of the fractions"),
            ),
            **about_attractors(memories),
            "start": (("sample", "unit"), start, about("state drawn")),
            "basin_of_sample": ("sample", basin, about("basin")),
            "arrival_time": ("sample", found.time, about("time of arrival", "ms")),
        },
        coords={
            "basin": np.arange(len(counts)),
            "basin_name": ("basin", np.array(names), {"long_name": "basin"}),
            "attractor_index": np.arange(n_attractors),
            "unit": np.arange(memories.system.n_units),
        },
        attrs=provenance("neurornn.BasinFractions/1")
        | {
            "n": n,
            "confidence": confidence,
            "unseen_below": float(1 - (1 - confidence) ** (1 / n)),
            "sampler": sampler.describe(),
            "motion": repr(motion),
            "dt": memories.system.dt,
            "seed": seed,
        },
    )
