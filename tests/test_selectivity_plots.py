"""Plots of single-unit statistics draw what was found, and say what was left out."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from neurornn.analysis import selectivity as single


def trials(seed=0):
    """Poisson units of four kinds in a task with a side, a context and choices that follow some of them."""
    rng = np.random.default_rng(seed)
    side, context = np.tile([-1, 0, 1], 80), np.repeat([0, 1], 120)
    kinds = np.stack([0 * side, side, 1.0 * context, side + context, side * (2 * context - 1)])
    mean = 8 + np.repeat(kinds, 8, axis=0).T * rng.uniform(0.5, 3.5, size=40)
    state = rng.normal(size=(240, 1)) * np.linspace(0, 1, 40)
    counts = rng.poisson(np.maximum(mean + state, 0.1)[:, None] * np.ones((1, 5, 1)) / 5)
    choice = np.where(state[:, 5] * 30 + side + rng.normal(size=240) > 0, 1, -1)
    coords = {"side": side, "context": context, "choice": choice}
    return xr.Dataset(
        {
            "counts": (
                ("trial", "time", "unit"),
                counts.astype(float),
                {"long_name": "spikes in bin", "units": "1"},
            )
        },
        {k: ("trial", v, {"long_name": k, "units": "1"}) for k, v in coords.items()}
        | {"time": np.arange(5) * 20.0},
        {"dt": 20.0},
    )


@pytest.fixture(scope="module")
def ds():
    return trials()


def test_tuning_curves(ds):
    found = single.tuning(ds, "side", variable="counts")
    ax = single.plot_tuning(found)
    assert len(ax.containers) == 6
    assert ax.get_xlabel() == "side" and ax.get_ylabel() == "mean spikes in bin"
    drawn = ax.containers[0].lines[0].get_ydata()
    best = int(found.depth_crossed.values.argmax())
    np.testing.assert_allclose(drawn, found.mean_activity[:, best])
    labels = found.assign_coords(level=["a", "b", "c"])
    ax = single.plot_tuning(labels, units=[3])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"] and len(ax.containers) == 1


def test_classes_and_variance(ds):
    found = single.selectivity(ds, ["side", "context"], variable="counts", n_permutations=200)
    ax = single.plot_selectivity(found)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], found.share[:4])
    assert [t.get_text() for t in ax.texts] == [str(n) for n in found.n_units.values[:4]]
    assert ax.get_xlabel() == "selectivity for side, context"
    ax = single.plot_partial_variance(found, terms=("side", "side x context"))
    assert sum(len(each.get_offsets()) for each in ax.collections) == 40
    assert ax.get_ylabel() == "partial variance of side x context"
    with pytest.raises(ValueError, match="Two terms are needed, of: side, context, side x context"):
        single.plot_partial_variance(found, terms=("side", "colour"))


def test_choice_probabilities(ds):
    found = single.choice_probability(ds, by=["side"], variable="counts", n_permutations=200)
    ax = single.plot_choice_probability(found)
    assert sum(bar.get_height() for bar in ax.containers[0]) == 40
    assert sum(bar.get_height() for bar in ax.containers[1]) == int((found.p_value < 0.05).sum()) > 0
    assert ax.get_xlabel() == "grand choice probability" and ax.get_ylabel() == "units"
    plain = single.plot_choice_probability(single.choice_probability(ds, variable="counts", n_permutations=0))
    assert len(plain.containers) == 1


def test_ceilings(ds):
    found = single.split_half(ds, "counts", by=["side", "context"], n_splits=20)
    ax = single.plot_ceilings(found)
    drawn = ax.lines[0].get_ydata()
    assert (np.diff(drawn) <= 0).all() and drawn.size == 40
    assert ax.get_ylabel() == "noise ceiling of the correlation"
    share = single.explainable_variance(ds, "counts", by=["side", "context"])
    share["explainable_variance"][2] = np.nan
    assert "(1 undefined)" in single.plot_ceilings(share).get_xlabel()


def test_bits(ds):
    rates = ds.counts.groupby("side").mean("trial").sel(side=ds.side).assign_attrs(units="1")
    found = single.bits_per_spike(ds, rates)
    ax = single.plot_bits_per_spike(found)
    assert len(ax.collections[0].get_offsets()) == 40 and ax.get_xscale() == "linear"
    found["n_spikes"][0] = 5
    assert single.plot_bits_per_spike(found).get_xscale() == "log"
    own = plt.subplots()[1]
    assert single.plot_bits_per_spike(found, ax=own) is own
