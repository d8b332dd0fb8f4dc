"""Populations with known truth for the tests of the comparison."""

import numpy as np
import xarray as xr

from neurornn.analysis.similarity import RSA, HeldOutProcrustes, LinearCKA, LinearPredictivity

N_CONDITIONS, N_BINS = 10, 8
MEASURES = (LinearPredictivity(), HeldOutProcrustes(), LinearCKA(debiased=True), RSA())
FEW = {"by": "stimulus", "n_subsamples": 4, "n_splits": 4, "n_shuffles": 40, "n_bootstrap": 20}


def latents(seed, k=4, n_conditions=N_CONDITIONS, n_bins=N_BINS):
    """Smooth courses that differ between conditions, ``(condition, bin, k)``."""
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal((n_conditions, n_bins + 4, k)).cumsum(1)
    return raw[:, 4:] - raw[:, 4:].mean((0, 1))


def mixed(courses, n_units, seed):
    """Units that each read the courses with weights of their own."""
    return courses @ np.random.default_rng(seed).standard_normal((courses.shape[-1], n_units))


def trials(mean, n_each=12, noise=0.0, seed=0, **coords):
    """Trials of condition averages with independent noise, as a dataset."""
    rng = np.random.default_rng(seed)
    condition = np.tile(np.arange(len(mean)), n_each)
    rate = mean[condition] + noise * rng.standard_normal((condition.size, *mean.shape[1:]))
    time = ("time", 20.0 * np.arange(mean.shape[1]), {"units": "ms"})
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate)},
        {
            "trial": np.arange(condition.size),
            "unit": np.arange(mean.shape[2]),
            "time": time,
            "stimulus": ("trial", condition * 0.1),
            **coords,
        },
    )


def one_unit_a_session(ds, seed=0):
    """The same trials as a pseudo-population: each unit was recorded in its own half of them."""
    rng = np.random.default_rng(seed)
    rate = ds["rate"].values.copy()
    for unit in range(rate.shape[2]):
        rate[rng.permutation(len(rate))[: len(rate) // 2], :, unit] = np.nan
    return ds.assign(rate=(("trial", "time", "unit"), rate))


S = mixed(latents(0), 20, 1)  # the true rates of 20 units
OTHER = mixed(latents(5), 20, 6)  # those of a circuit that does something else
