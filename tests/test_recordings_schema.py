"""The schema: what follows it passes and is counted, what does not is named."""

import numpy as np
import pytest
import xarray as xr

import neurornn
from neurornn import recordings, tasks


@pytest.fixture
def spikes():
    times = [[[1.0, 2.0], [3.0]], [[4.0], []], [[], [5.0, 5.5]]]
    return recordings.spikes(
        times,
        start=0.0,
        stop=[10.0, 10.0, 8.0],
        conditions={"choice": [1.0, -1.0, np.nan]},
        events={"go": [2.0, 3.0, np.nan], "end": [6.0, 7.0, 7.5]},
    )


def test_flat_and_listed_spikes_are_one_recording(spikes):
    rng = np.random.default_rng(0)
    order = rng.permutation(spikes.sizes["spike"])
    flat = recordings.spikes(
        spikes.spike_time.values[order],
        spikes.spike_trial.values[order],
        spikes.spike_unit.values[order],
        start=spikes.start,
        stop=spikes.stop,
    )
    for name in ("spike_time", "spike_trial", "spike_unit"):
        assert flat[name].values.tolist() == spikes[name].values.tolist()


def test_one_unit_at_a_time_is_as_many_sessions(spikes):
    ds = recordings.spikes([[1.0], [2.0], []], unit=[1, 0, 1], start=0, stop=10)
    assert ds.session.values.tolist() == [1, 0, 1] and ds.unit_session.values.tolist() == [0, 1]
    listed = recordings.spikes([[None, [1.0]], [[2.0], None], [None, []]], start=0, stop=10)
    assert listed.spike_unit.values.tolist() == ds.spike_unit.values.tolist()
    present = np.isfinite(recordings.to_counts(listed).counts.values).any(1)
    assert present.tolist() == [[False, True], [True, False], [False, True]]
    counts = recordings.check(ds)
    assert int(counts.n_sessions) == 2 and counts.n_trials_of_unit.values.tolist() == [1, 2]


def test_what_is_missing_is_counted(spikes):
    counts = recordings.check(spikes)
    assert int(counts.n_trials) == 3 and int(counts.n_units) == 2 and int(counts.n_spikes) == 6
    assert int(counts.n_trials_ragged) == 1 and int(counts.n_trials_empty) == 0
    assert counts.n_spikes_of_unit.values.tolist() == [3, 3]
    without = counts.n_trials_without.to_series().to_dict()
    assert without == {"choice": 1, "event_end": 0, "event_go": 1, "start": 0, "stop": 0}


def test_missing_bins_are_counted():
    rate = np.ones((4, 5, 2))
    rate[0] = np.nan  # an empty trial
    rate[1, 3:] = np.nan  # a short one
    rate[2, 2, 1] = np.nan  # a gap in one unit
    rate[3, :, 0] = np.nan  # a unit missing
    counts = recordings.check(recordings.binned(rate, np.arange(5.0)))
    assert int(counts.n_trials_empty) == 1 and int(counts.n_trials_ragged) == 1
    assert int(counts.n_cells_with_gaps) == 1 and int(counts.n_cells_missing) == 2 + 1
    assert counts.n_trials_of_unit.values.tolist() == [2, 3]


def test_overlapping_trials_of_a_session_are_counted(spikes):
    ds = spikes.assign_coords(session_time=("trial", [0.0, 9.0, 30.0]))
    assert int(recordings.check(ds).n_trials_overlapping) == 1
    apart = ds.assign_coords(session=("trial", [1, 2, 2]))
    assert int(recordings.describe(apart).n_trials_overlapping) == 0


def test_trials_of_every_network_follow_the_schema():
    task = tasks.make("context-decision")
    ds = neurornn.simulate(
        neurornn.CTRNN(task.n_inputs, 6, task.n_outputs), task.sample(4, seed=0), task=task
    )
    counts = recordings.check(ds, events=["stimulus_start", "stimulus_end"])
    assert int(counts.n_trials) == 4 and int(counts.n_units) == 6
    assert int(counts.n_times) == ds.sizes["time"]


def change(ds, **variables):
    return ds.assign({name: (ds[name].dims, values) for name, values in variables.items()})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda ds: ds.assign_attrs(schema="other"), "must be 'neurornn.Recording/1' or .*: got 'other'"),
        (lambda ds: ds.drop_dims("unit"), "no dimension 'unit'"),
        (lambda ds: ds.drop_vars("unit"), "no dimension 'unit'"),
        (lambda ds: ds.assign_coords(unit=["a", "a"]), "unit ids must be unique: a occur"),
        (lambda ds: ds.drop_vars("stop"), "'stop' along trial is missing"),
        (lambda ds: ds.drop_vars("spike_time"), "'spike_time' along spike is missing"),
        (
            lambda ds: change(ds, stop=[10.0, -1.0, 8.0]),
            "'stop' does not come after 'start' in 1 of 3 trials",
        ),
        (lambda ds: change(ds, stop=[2.5, 10.0, 8.0]), r"outside the observed span of 1 of 3 trials \(0\)"),
        (
            lambda ds: change(ds, stop=[np.nan, 10.0, 8.0]),
            r"outside the observed span of 1 of 3 trials \(0\)",
        ),
        (lambda ds: change(ds, spike_unit=[0, 0, 1, 0, 1, 2]), "points outside the 2 units: 0 to 2"),
        (lambda ds: change(ds, spike_trial=[0, 0, 0, -1, 2, 2]), "points outside the 3 trials"),
        (lambda ds: change(ds, spike_time=[2.0, 1.0, 3, 4, 5, 5.5]), "not sorted by trial, unit and time"),
        (lambda ds: change(ds, spike_trial=[0, 0, 1, 0, 2, 2]), "not sorted by trial, unit and time"),
        (lambda ds: change(ds, spike_time=[1.0, np.nan, 3, 4, 5, 5.5]), "not finite in 1 spikes"),
        (lambda ds: change(ds, spike_unit=np.zeros(6)), "'spike_unit' must be whole numbers"),
        (lambda ds: ds.assign_coords(unit_session=("unit", [1, 2])), "'unit_session' needs 'session'"),
        (
            lambda ds: ds.assign_coords(unit_session=("unit", [1, 2]), session=("trial", [1, 1, 1])),
            "no trial belongs to the session of unit 1",
        ),
        (
            lambda ds: ds.assign_coords(unit_session=("unit", [1, 2]), session=("trial", [1, 1, 2])),
            "unit 1 has spikes in trials of another session",
        ),
        (lambda ds: change(ds, event_go=[np.inf, 1, 1]), "'event_go' is infinite"),
        (lambda ds: ds.assign_coords(event_go=("trial", ["a", "b", "c"])), "must be a time in ms"),
        (
            lambda ds: ds.assign_coords({"my choice": ("trial", [1, 2, 3])}),
            "'my choice' is empty or has a space",
        ),
        (
            lambda ds: ds.assign_coords(a=("trial", np.array([{}, 1, 2], dtype=object))),
            "'a' is of type object",
        ),
        (
            lambda ds: ds.assign_coords(
                epoch_a_start=("trial", [1.0, 1, 1]), epoch_a_end=("trial", [2.0, 0, 2])
            ),
            "'epoch_a_end' comes before 'epoch_a_start' in 1 of 3 trials",
        ),
    ],
)
def test_what_is_wrong_with_spikes_is_named(spikes, broken, message):
    with pytest.raises(ValueError, match=f"does not follow the schema: .*{message}"):
        recordings.check(broken(spikes))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda ds: ds.assign_coords(time=("time", [0.0, 2.0, 1.0], {"units": "ms"})), "finite and increase"),
        (lambda ds: ds.assign_coords(time=("time", [0.0, 1.0, 2.0], {"units": "s"})), "units is 's'"),
        (lambda ds: ds.drop_vars("time"), "'time' is missing"),
        (lambda ds: ds.drop_vars("unit"), "the units are missing"),
        (lambda ds: ds.rename(rate="activity"), "neither 'rate' nor 'counts'"),
        (lambda ds: ds.assign(counts=("unit", [1, 2])), "'counts' must have dimensions"),
        (
            lambda ds: ds.assign_coords(time=("time", ds.time.values, {"units": "ms", "aligned_to": "go"})),
            "time is aligned to 'go', which is no event",
        ),
    ],
)
def test_what_is_wrong_with_bins_is_named(broken, message):
    ds = recordings.binned(np.ones((2, 3, 2)), [0.0, 1.0, 2.0])
    recordings.check(ds)
    with pytest.raises(ValueError, match=message):
        recordings.check(broken(ds))


def test_all_that_is_wrong_is_said_at_once(spikes):
    broken = change(spikes, stop=[10.0, -1.0, 8.0]).assign_coords(unit=["a", "a"])
    with pytest.raises(ValueError, match=r"unit ids must be unique.*; 'stop' does not come after"):
        recordings.check(broken)


def test_events_are_there_and_in_order_where_asked(spikes):
    recordings.check(recordings.select(spikes, trial=[0, 1]), events=["go", "end"])
    with pytest.raises(ValueError, match=r"event 'go' is missing in 1 of 3 trials \(2\)"):
        recordings.check(spikes, events=["go", "end"])
    with pytest.raises(ValueError, match=r"event 'go' comes before 'end' in 2 of 3 trials \(0, 1\)"):
        recordings.check(spikes, events=["end", "go"])
    with pytest.raises(ValueError, match=r"no event 'stop_signal'\. They have: end, go"):
        recordings.check(spikes, events=["stop_signal"])


def test_selected_trials_and_units_are_those_of_the_whole(spikes):
    part = recordings.select(spikes, trial=[2, 0], unit=[1])
    recordings.check(part)
    assert part.spike_time.values.tolist() == [5.0, 5.5, 3.0] and part.spike_trial.values.tolist() == [
        0,
        0,
        1,
    ]
    whole = recordings.to_counts(spikes, window=(0, 10), bin_width=5)
    few = recordings.to_counts(part, window=(0, 10), bin_width=5)
    np.testing.assert_array_equal(few.counts, whole.counts[[2, 0], :, [1]])
    xr.testing.assert_identical(
        recordings.select(whole, trial=[2, 0], unit=[1]).counts, whole.counts[[2, 0], :, [1]]
    )
    correct = recordings.select(spikes, trial=spikes.choice == 1)
    assert correct.sizes == {"spike": 3, "trial": 1, "unit": 2}
    with pytest.raises(ValueError, match="trial must hold each position once"):
        recordings.select(spikes, trial=[0, 0])
    with pytest.raises(ValueError, match="trial must be positions below 3"):
        recordings.select(spikes, trial=[3])


def test_infinite_rates_are_refused():
    ds = recordings.binned(np.full((1, 2, 1), np.inf), [0.0, 1.0])
    with pytest.raises(ValueError, match="'rate' has infinite values"):
        recordings.check(ds)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"times": [1.0], "trial": [0]}, "need the unit of each"),
        ({"times": [1.0], "trial": [0, 1], "unit": [0]}, "one entry for each spike: got 1, 2, 1"),
        ({"times": [1.0], "trial": [10**12], "unit": [0]}, "ask for 1000000000001 trials and 1 units"),
        ({"times": [1.0], "trial": [0], "unit": [10**12]}, "which cannot be"),
        ({"times": [1.0], "trial": [0.5], "unit": [0]}, "trial must be positions"),
        ({"times": [[1.0]], "unit": [0, 1]}, "1 trials and 2 units"),
        ({"times": [[[1.0]], []]}, "got 0 to 1. Put None"),
        ({"times": [["a"]], "unit": [0]}, "times must be numbers in ms"),
        ({"times": [[[1.0]]], "conditions": {"a": [1, 2]}}, r"'a' has shape \(2,\)"),
        ({"times": [[[1.0]]], "about_units": {"a": ["x", "y"]}}, "for each of 1 units"),
        ({"times": [[[1.0]]], "conditions": {"a": [None]}}, "'a' mixes types"),
        ({"times": [[[1.0], None]], "session": [0], "unit_session": [0, 0]}, "of its own session"),
        ({"times": [[[1.0], None]], "session": [0]}, "both session and unit_session"),
        ({"times": [[[1.0], None], [[], []]]}, "cannot be told from the gaps"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        recordings.spikes(**arguments, start=0.0, stop=9.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": np.ones((2, 3))}, r"of shape \(2, 3\)"),
        ({"values": np.ones((1, 3, 1)), "variable": "volts"}, "must be 'rate' or 'counts'"),
        ({"values": np.ones((1, 2, 1))}, "has 2 bins and time 3"),
        ({"values": np.ones((1, 3, 1)), "aligned_to": "go"}, "aligned to 'go'"),
    ],
)
def test_bins_that_do_not_fit_are_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        recordings.binned(**arguments, time=[0.0, 1.0, 2.0])


def test_a_recording_without_a_schema_is_refused():
    with pytest.raises(ValueError, match="got None"):
        recordings.check(xr.Dataset())
