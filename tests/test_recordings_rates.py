"""From spikes to rates, and from one alignment to another."""

import numpy as np
import pytest
import xarray as xr

import neurornn
from neurornn import analysis, recordings, tasks
from neurornn.recordings import Alpha, Causal, Gaussian, _blocks


def poisson(rate, n_trials, n_units, duration, seed=0, **more):
    """Homogeneous trains, in Hz and ms."""
    rng = np.random.default_rng(seed)
    times = [
        [rng.uniform(0, duration, rng.poisson(rate * duration / 1000)) for _ in range(n_units)]
        for _ in range(n_trials)
    ]
    return recordings.spikes(times, start=0.0, stop=float(duration), **more)


def test_every_spike_falls_in_one_half_open_bin():
    ds = poisson(40.0, 7, 3, 1000.0)
    counts = recordings.to_counts(ds, bin_width=12.5)
    assert counts.sizes == {"trial": 7, "time": 80, "unit": 3}
    assert int(counts.counts.sum()) == ds.sizes["spike"] == counts.attrs["n_spikes"]
    edges = np.arange(81) * 12.5
    for i in range(7):
        for j in range(3):
            mine = (ds.spike_trial.values == i) & (ds.spike_unit.values == j)
            expected = np.histogram(ds.spike_time.values[mine], edges)[0]
            np.testing.assert_array_equal(counts.counts[i, :, j], expected)
    at_edges = recordings.spikes([[[0.0, 10.0, 20.0, 30.0]]], start=0.0, stop=30.0)
    found = recordings.to_counts(at_edges, bin_width=10.0)
    assert found.counts.values.ravel().tolist() == [1, 1, 1]  # the last spike is on the open end
    assert found.attrs["n_spikes_outside"] == 1


def test_the_rate_is_counts_over_bin_width():
    ds = poisson(30.0, 4, 2, 600.0, events={"go": [100.0, 150.0, 130.0, 101.3]})
    options = {"bin_width": 20.0, "align": "go", "window": (-100.0, 400.0)}
    counts, rates = recordings.to_counts(ds, **options), recordings.to_rates(ds, **options)
    np.testing.assert_allclose(rates.rate, counts.counts * 50.0, rtol=1e-6)
    assert rates.time.attrs == {"units": "ms", "long_name": "time from go", "aligned_to": "go"}
    assert rates.time.values[0] == -100.0 and rates.time.values[-1] == 380.0
    recordings.check(rates)


@pytest.mark.parametrize("kernel", [None, Gaussian(40.0), Causal(50.0), Alpha(30.0)], ids=repr)
def test_a_poisson_train_has_its_rate_up_to_the_edges(kernel):
    ds = poisson(20.0, 800, 10, 400.0)
    rates = recordings.to_rates(ds, bin_width=10.0, kernel=kernel)
    mean = rates.rate.values.mean((0, 2))
    error = np.sqrt(20.0 / 0.01 / 8000)  # of a bin without a kernel: less with one
    assert np.abs(mean - 20.0).max() < 4.5 * error
    assert abs(mean.mean() - 20.0) < 4 * np.sqrt(20.0 / 0.4 / 8000) * (1 if kernel is None else 1.5)


@pytest.mark.parametrize("kernel", [Gaussian(23.0), Causal(31.0), Alpha(17.0)], ids=repr)
def test_smoothing_is_direct_convolution(kernel):
    ds = poisson(25.0, 3, 2, 1500.0)
    wide = recordings.to_counts(ds, bin_width=5.0).counts.values
    lags, weights = kernel.weights(5.0)
    rates = recordings.to_rates(ds, bin_width=5.0, window=(500.0, 1000.0), kernel=kernel).rate.values
    for k in range(100):  # far from the edges, and with spikes from outside the window
        direct = sum(w * wide[:, 100 + k - lag] for lag, w in zip(lags, weights, strict=True)) * 200.0
        np.testing.assert_allclose(rates[:, k], direct, rtol=1e-5, atol=1e-4)
    assert abs(weights.sum() - 1) < 1e-12 and (weights >= 0).all()
    assert kernel == Gaussian(23.0) or lags[0] == 0


@pytest.mark.parametrize(
    ("kernel", "density"),
    [
        (Gaussian(40.0), lambda t: np.exp(-(t**2) / 3200.0) / np.sqrt(2 * np.pi) / 40.0),
        (Causal(50.0), lambda t: np.where(t >= 0, np.exp(-np.maximum(t, 0) / 50.0) / 50.0, 0.0)),
        (Alpha(20.0), lambda t: np.where(t >= 0, t * np.exp(-np.maximum(t, 0) / 20.0) / 400.0, 0.0)),
    ],
    ids=["Gaussian", "Causal", "Alpha"],
)
def test_fine_bins_converge_to_the_sum_of_kernels_at_the_spikes(kernel, density):
    spikes = np.array([801.3, 911.7, 913.2, 1102.9])
    ds = recordings.spikes([[spikes]], start=0.0, stop=2000.0)
    errors = []
    for width in (4.0, 1.0):
        rates = recordings.to_rates(ds, bin_width=width, window=(600.0, 1400.0), kernel=kernel)
        middle = rates.time.values + width / 2
        exact = 1000.0 * density(middle[:, None] - spikes).sum(1)
        errors.append(np.abs(rates.rate.values[0, :, 0] - exact).mean() / exact.mean())
    assert errors[1] < 0.4 * errors[0] and errors[1] < 0.02


def test_weights_are_the_bin_average_of_the_kernel():
    """Against a sum over fine positions of the spike and of time."""
    kernel, width = Causal(12.0), 10.0
    lags, weights = kernel.weights(width)
    fine = (np.arange(500) + 0.5) / 500 * width
    for lag in (0, 1, 3):
        t = lag * width + fine[:, None] - fine[None, :]
        value = np.where(t >= 0, np.exp(-np.maximum(t, 0) / 12.0) / 12.0, 0.0).mean() * width
        assert abs(weights[lags == lag][0] - value) < 2e-3
    narrow = Gaussian(0.01).weights(10.0)[1]
    assert narrow.max() > 0.998


def test_nothing_after_the_cut_reaches_what_comes_before():
    saccade = np.array([300.0, 405.0, np.nan])
    trains = [np.arange(0.0, 600.0, 5.0)] * 3
    calm = [
        np.concatenate([each[each < cut], []]) for each, cut in zip(trains, [300.0, 405.0, 1e9], strict=True)
    ]
    both = [
        recordings.spikes([[t] for t in times], start=0.0, stop=600.0, events={"saccade": saccade})
        for times in (trains, calm)
    ]
    full, cut = (recordings.to_rates(ds, kernel=Gaussian(40.0), cut=("saccade", 0.0)) for ds in both)
    np.testing.assert_array_equal(full.rate, cut.rate)
    last = [int(np.isfinite(full.rate[i, :, 0]).sum()) for i in range(3)]
    assert last == [30, 40, 60]  # bins that end by the saccade
    assert full.attrs["n_trials_without_cut"] == 1
    np.testing.assert_allclose(
        full.rate.values[np.isfinite(full.rate)], 200.0, rtol=1e-5
    )  # and no fall at the edge
    uncut = recordings.to_rates(both[1], kernel=Gaussian(40.0))
    assert float(uncut.rate[0, 29, 0]) < 150.0  # negative control
    early = recordings.to_rates(both[0], cut=("saccade", -50.0), since=("saccade", -100.0))
    assert np.isfinite(early.rate[..., 0]).sum("time").values.tolist() == [5, 4, 0]


def test_bins_outside_the_observed_span_are_nan_and_counted():
    ds = recordings.spikes(
        [[[1.0, 15.0, 25.0]], [[55.0]], [[]]],
        start=[0.0, 5.0, np.nan],
        stop=[30.0, 60.0, np.nan],
        events={"go": [10.0, np.nan, 3.0]},
    )
    counts = recordings.to_counts(ds, window=(0.0, 60.0)).counts.values[..., 0]
    expected = [[1, 1, 1, np.nan, np.nan, np.nan], [np.nan, 0, 0, 0, 0, 1], [np.nan] * 6]
    np.testing.assert_array_equal(counts, expected)
    aligned = recordings.to_counts(ds, align="go", window=(-10.0, 20.0))
    np.testing.assert_array_equal(aligned.counts[..., 0], [[1, 1, 1], [np.nan] * 3, [np.nan] * 3])
    assert aligned.attrs["n_trials_without_event"] == 1 and aligned.attrs["n_spikes_outside"] == 1


def test_blocks_and_interleaved_sessions_change_nothing(monkeypatch):
    rng = np.random.default_rng(3)
    session, own = rng.integers(0, 3, 30), np.array([0, 0, 1, 2, 2])
    times = [[rng.uniform(0, 500, 20) if s == u else None for u in own] for s in session]
    ds = recordings.spikes(times, start=0.0, stop=500.0, session=session, unit_session=own)
    options = {"window": (100.0, 400.0), "kernel": Gaussian(20.0)}
    whole = recordings.to_rates(ds, **options)
    monkeypatch.setattr(_blocks, "BLOCK", 3000)
    np.testing.assert_array_equal(whole.rate, recordings.to_rates(ds, **options).rate)
    np.testing.assert_array_equal(np.isfinite(whole.rate).all("time"), session[:, None] == own)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bin_width": 0.0}, "bin_width must be a finite time"),
        ({"window": (0.0, 25.0)}, "holds 2.5 of 10 ms"),
        ({"window": (20.0, 20.0)}, "holds 0 of 10 ms"),
        ({"align": "dots_on"}, "no event 'dots_on'. They have: go"),
        ({"cut": ("saccade", 0.0)}, "no event 'saccade'"),
        ({"bin_width": 0.001}, "which is too long: give a window"),
    ],
)
def test_what_cannot_be_binned_is_said_in_words(options, message):
    ds = recordings.spikes([[[1.0]]], start=0.0, stop=500.0, events={"go": [1.0]})
    with pytest.raises(ValueError, match=message):
        recordings.to_rates(ds, **options)
    with pytest.raises(ValueError, match="has bins already"):
        recordings.to_rates(recordings.to_rates(ds))


@pytest.mark.parametrize("make", [Gaussian, Causal, Alpha])
def test_kernels_need_a_width(make):
    with pytest.raises(ValueError, match="must be a finite time in ms above 0: got -1"):
        make(-1.0)


# ------------------------------------------------------------------------------------------------- alignment


@pytest.fixture
def whole_bins():
    rng = np.random.default_rng(1)
    events = {"go": np.array([50.0, 20.0, 80.0, np.nan]), "end": np.array([90.0, 90.0, 100.0, 100.0])}
    return recordings.binned(rng.random((4, 12, 3)), np.arange(12) * 10.0, events=events)


def test_alignment_is_a_pure_shift(whole_bins):
    moved = recordings.align(whole_bins, "go")
    assert moved.time.values.tolist() == list(np.arange(-80.0, 100.0, 10.0))
    for i, go in enumerate([50.0, 20.0, 80.0]):
        back = moved.rate[i].sel(time=whole_bins.time.values - go)
        np.testing.assert_array_equal(back, whole_bins.rate[i])
        assert int(np.isfinite(moved.rate[i]).sum()) == 36
    assert np.isnan(moved.rate[3]).all() and moved.attrs["n_trials_without_event"] == 1
    assert moved.time.attrs["aligned_to"] == "go"
    twice = recordings.align(recordings.align(moved, "end"), "trial", window=(0.0, 120.0))
    np.testing.assert_array_equal(twice.rate[:3], whole_bins.rate[:3])
    np.testing.assert_array_equal(twice.time, whole_bins.time)
    recordings.check(moved)


def test_aligning_bins_is_binning_aligned_spikes():
    go = np.array([100.0, 170.0, 130.0])
    ds = poisson(30.0, 3, 4, 500.0, events={"go": go})
    direct = recordings.to_counts(ds, align="go", window=(-100.0, 300.0))
    moved = recordings.align(recordings.to_counts(ds), "go", window=(-100.0, 300.0))
    np.testing.assert_array_equal(direct.counts, moved.counts)
    np.testing.assert_array_equal(direct.time, moved.time)


def test_bins_that_do_not_fit_are_refused_unless_interpolated(whole_bins):
    odd = whole_bins.assign_coords(event_odd=("trial", [50.0, 24.0, 80.0, 0.0]))
    with pytest.raises(
        ValueError, match="in trial 1 'odd' comes 24 ms after 'trial', which is no whole number"
    ):
        recordings.align(odd, "odd")
    with pytest.raises(ValueError, match="window starts at -15 ms"):
        recordings.align(whole_bins, "go", window=(-15.0, 25.0))
    ramp = odd.assign(rate=(odd.rate.dims, np.broadcast_to(odd.time.values[None, :, None], (4, 12, 3))))
    moved = recordings.align(ramp, "odd", interpolate=True)
    for i, event in enumerate(odd.event_odd.values):  # a line stays a line
        there = np.isfinite(moved.rate[i, :, 0].values)
        np.testing.assert_allclose(moved.rate[i, there, 0], moved.time.values[there] + event)
        assert there.sum() == (11 if i == 1 else 12)
    gap = ramp.copy(deep=True)
    gap.rate.values[1, 5] = np.nan
    assert int(np.isnan(recordings.align(gap, "odd", interpolate=True).rate[1, :, 0]).sum()) == (
        int(np.isnan(moved.rate[1, :, 0]).sum()) + 2
    )


def test_networks_are_aligned_by_the_same_call():
    task = tasks.make("context-decision")
    ds = neurornn.simulate(
        neurornn.CTRNN(task.n_inputs, 5, task.n_outputs), task.sample(6, seed=1), task=task
    )
    moved = recordings.align(ds, "stimulus_start")
    assert (moved.valid.sum("time") == ds.valid.sum("time")).all()
    i, start = 3, float(ds.epoch_stimulus_start[3])
    inside = ds.time.values[ds.valid.values[i] > 0]
    np.testing.assert_array_equal(moved.state[i].sel(time=inside - start), ds.state[i].sel(time=inside))
    np.testing.assert_array_equal(moved.inputs[i].sel(time=inside - start), ds.inputs[i].sel(time=inside))
    recordings.check(moved)


def test_what_cannot_be_aligned_is_said_in_words(whole_bins):
    with pytest.raises(ValueError, match="From spikes use to_rates"):
        recordings.align(poisson(1.0, 1, 1, 10.0), "trial")
    with pytest.raises(ValueError, match="evenly spaced"):
        recordings.align(whole_bins.isel(time=[0, 1, 3]), "go")
    with pytest.raises(ValueError, match="no event 'stop'"):
        recordings.align(whole_bins, "stop")
    with pytest.raises(ValueError, match="whole number of bins of 10 ms"):
        recordings.align(whole_bins, "go", window=(0.0, 15.0))
    with pytest.raises(ValueError, match="'temperature' runs along time without trials"):
        recordings.align(whole_bins.assign(temperature=("time", np.zeros(12))), "go")
    far = whole_bins.assign_coords(event_far=("trial", [0.0, 1e9, 0.0, 0.0]))
    with pytest.raises(ValueError, match="so far apart that time would have"):
        recordings.align(far, "far")
    with pytest.raises(ValueError, match="No trial has the events"):
        recordings.align(whole_bins.assign_coords(event_never=("trial", np.full(4, np.nan))), "never")


def test_the_analyses_of_networks_take_a_recording():
    rng = np.random.default_rng(5)
    n = 80
    coherence, choice = rng.choice([-0.5, -0.1, 0.1, 0.5], n), rng.choice(["left", "right"], n)
    gain = np.linspace(-1, 1, 16)
    rate = (
        20 + 15 * coherence[:, None] * gain + 8 * np.where(choice == "left", -1, 1)[:, None] * gain[::-1] ** 2
    )
    times = [[rng.uniform(0, 500, rng.poisson(max(r, 0) * 0.5)) for r in row] for row in rate]
    ds = recordings.spikes(
        times, start=0.0, stop=500.0, conditions={"coherence": coherence, "choice": choice}
    )
    rates = recordings.to_rates(ds, bin_width=50.0, kernel=Gaussian(50.0))
    assert analysis.pca.fit(rates, n_components=2).sizes["component"] == 2
    axes = analysis.tdr.fit(rates, regressors=["coherence", "choice"])
    assert axes.sizes["unit"] == 16
    score = analysis.decoding.cross_temporal(rates, target="choice", n_null=0)
    assert isinstance(score, xr.Dataset) and float(score.score.mean()) > 0.6
