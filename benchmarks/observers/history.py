"""Observers whose choices depend on those before and on what they brought."""

__all__ = ["STUDIES"]

import numpy as np
import xarray as xr
from scipy.special import expit

from neurornn.analysis import behaviour
from observers._study import Study, trials

STAY = np.array([0.6, 0.4, -0.1, 0.5])  # intercept, reward, transition, their product
REWARDS, CHOICES = np.array([1.2, 0.6, 0.0]), np.array([0.4, 0.0, -0.3])
WIN_STAY, LOSE_SHIFT = 0.85, 0.4
BLOCK, N_BLOCKS = 20, 80


def _stay_odds(reward: np.ndarray, transition: np.ndarray) -> np.ndarray:
    return np.stack([np.ones(reward.shape), reward, transition, reward * transition], axis=-1) @ STAY


def _two_step(rng: np.random.Generator) -> xr.Dataset:
    n = 500
    reward, transition = np.where(rng.random((2, n)) < [[0.5], [0.7]], 1, -1)
    stays = rng.random(n) < expit(_stay_odds(reward, transition))
    choice = np.concatenate([[0], np.cumsum(~stays[:-1]) % 2])
    return trials(
        choice=choice,
        reward=(reward > 0).astype(float),
        transition=np.where(transition > 0, "common", "rare"),
    )


def _win_stayer(rng: np.random.Generator) -> xr.Dataset:
    reward = (rng.random(400) < 0.6).astype(float)
    shifts = rng.random(400) < np.where(reward > 0, 1 - WIN_STAY, LOSE_SHIFT)
    return trials(choice=np.concatenate([[0], np.cumsum(shifts[:-1]) % 2]), reward=reward)


def _learner(rng: np.random.Generator, n_options: int) -> xr.Dataset:
    """Eight episodes of 150 decisions, by the log-odds of the model."""
    n, n_episodes = 150, 8
    choice, reward = np.zeros((2, n_episodes, n))
    for t in range(n):
        odds = np.zeros((n_episodes, n_options))
        for k, (a, b) in enumerate(zip(REWARDS, CHOICES, strict=True), start=1):
            if t >= k:
                was = choice[:, t - k, None] == np.arange(n_options)
                odds += was * (a * reward[:, t - k, None] + b)
        choice[:, t] = (odds + rng.gumbel(size=odds.shape)).argmax(1)
        reward[:, t] = rng.random(n_episodes) < 0.5
    episode = np.repeat(np.arange(n_episodes), n)
    return trials(choice=choice.reshape(-1).astype(int), reward=reward.reshape(-1), episode=episode)


def _found(since: np.ndarray) -> np.ndarray:
    """Probability of the good option, so many decisions after it became good."""
    return 0.1 + 0.75 * (1 - np.exp(-(since + 1) / 3.0))


def _reverser(rng: np.random.Generator) -> xr.Dataset:
    good = np.repeat(np.arange(N_BLOCKS) % 2, BLOCK)
    right = rng.random(good.size) < _found(np.tile(np.arange(BLOCK), N_BLOCKS))
    return trials(choice=np.where(right, good, 1 - good), good_option=good, reward=right.astype(float))


def _around(found: xr.Dataset) -> np.ndarray:
    lag = found["lag"].values
    return np.where(lag < 0, 1 - _found(BLOCK + lag), _found(lag))


def _history(n_options: int) -> Study:
    return Study(
        f"reward history, {n_options} options",
        ("RewardHistory",),
        lambda rng: _learner(rng, n_options),
        lambda ds, seed: behaviour.reward_history(ds, n_lags=3, seed=seed),
        truth={"reward_weight": REWARDS, "choice_weight": CHOICES, "perseveration": CHOICES.sum()},
    )


STUDIES = [
    Study(
        "stay probability",
        ("StayProbability",),
        _two_step,
        lambda ds, seed: behaviour.stay_probability(ds, seed=seed),
        truth={"weight": STAY},
        bands={"stay": expit(_stay_odds(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([[1.0, -1.0]] * 2)))},
    ),
    Study(
        "win-stay, lose-shift",
        ("WinStayLoseShift",),
        _win_stayer,
        lambda ds, seed: behaviour.win_stay_lose_shift(ds),
        truth={"probability": [WIN_STAY, LOSE_SHIFT]},
    ),
    _history(2),
    _history(4),
    Study(
        "choices around reversals",
        ("ReversalCurve",),
        _reverser,
        lambda ds, seed: behaviour.reversal_curve(ds),
        bands={"probability": _around},
    ),
]
