"""Behaviour in bins of a condition."""

import numpy as np
import pytest
import xarray as xr

from neurornn.analysis.behaviour import (
    MeanInBins,
    mean_in_bins,
)


def trials(n=600, seed=0):
    rng = np.random.default_rng(seed)
    lag = rng.integers(10, 60, n)
    right = rng.random(n) < 1 - lag / 80
    return xr.Dataset({
        "lag": ("trial", lag, {"units": "symbols"}),
        "right": ("trial", right.astype(float)),
    })


def test_bins_hold_as_many_trials_each_and_all_of_them():
    ds = trials()
    found = mean_in_bins(ds, "right", "lag", n_bins=5)
    assert found["n"].sum() == 600 and np.all(np.abs(found["n"] - 120) <= 25)  # ties stay together
    for k in range(found.sizes["group"]):
        low, high = found["bin_edges"].values[k]
        last = k == found.sizes["group"] - 1
        inside = (ds["lag"] >= low) & ((ds["lag"] <= high) if last else (ds["lag"] < high))
        assert found["mean"].values[k] == pytest.approx(float(ds["right"].values[inside.values].mean()))
        assert found["group"].values[k] == pytest.approx(float(ds["lag"].values[inside.values].mean()))


def test_few_values_make_few_bins_and_missing_ones_are_counted():
    ds = xr.Dataset({"x": ("trial", [1.0, 1.0, 1.0, np.nan]), "y": ("trial", [0.0, 1.0, np.nan, 1.0])})
    found = mean_in_bins(ds, "y", "x", n_bins=4)
    assert found["mean"].values.tolist() == [0.5] and found["n_excluded"].values.tolist() == [1]
    assert found.attrs["n_trials_without_group"] == 1


def test_plots_name_what_they_show():
    ds = trials()
    lag = MeanInBins("right", "lag")
    axes = lag.plot(lag.apply(ds))
    assert axes.get_xlabel() == "lag (symbols)" and axes.get_ylabel() == "right"
    assert axes.get_ylim() == (-0.03, 1.03)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda ds: mean_in_bins(ds, "right", "delay"), "'delay' is not a variable of the trials"),
        (lambda ds: mean_in_bins(ds, "right", "lag", n_bins=0), "n_bins must be at least 1"),
        (lambda ds: mean_in_bins(ds.assign(lag=ds["lag"] * np.nan), "right", "lag"), "finite value of 'lag'"),
    ],
)
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act(trials())
