"""Pairs of populations that share courses, for the tests of similarity."""

import numpy as np

from neurornn.analysis.similarity import condition_folds

N_CONDITIONS, N_TIMES = 20, 8


def latents(seed, n_conditions=N_CONDITIONS, n_times=N_TIMES, rank=4):
    """Turning and decaying courses, from a random state of each condition."""
    rng = np.random.default_rng(seed)
    A = np.zeros((rank, rank))
    for k in range(0, rank, 2):
        angle, size = 0.3 + 0.4 * k, 0.97 - 0.03 * k
        A[k : k + 2, k : k + 2] = size * np.array([
            [np.cos(angle), -np.sin(angle)],
            [np.sin(angle), np.cos(angle)],
        ])
    x = rng.normal(size=(n_conditions, rank)) * np.linspace(1.5, 0.7, rank)
    course = []
    for _ in range(n_times):
        course.append(x)
        x = x @ A.T + 0.15 * rng.normal(size=x.shape)
    return np.stack(course, 1)


def populations(measure, seed=0, noise=0.4, n_model=6, n_brain=7, shuffle=False):
    """A model and a brain that mix the same courses, with noise of their own."""
    rng = np.random.default_rng(seed + 1000)
    z = latents(seed)
    out = []
    for n_units in (n_model, n_brain):
        clean = z @ rng.normal(size=(z.shape[-1], n_units)) + 2 * rng.normal(size=n_units)
        if measure.needs_splits:
            clean = clean + noise * rng.normal(size=(3, *clean.shape))
        else:
            clean = clean + noise * rng.normal(size=clean.shape)
        out.append(clean)
    if shuffle:
        out[1] = np.take(out[1], rng.permutation(N_CONDITIONS), axis=-3)
    return out


def folds_for(measure, seed=0):
    return condition_folds(N_CONDITIONS, seed=seed) if measure.fitted else None


def value(measure, X, Y):
    return measure.score(X, Y, folds_for(measure)).value


def rows(X):
    """Every condition at every time."""
    return X.reshape(-1, X.shape[-1])
