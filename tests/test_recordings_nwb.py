"""NWB: what is written comes back as it was, other tools read it, and tables of others become trials and units."""

import importlib
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from neurornn import recordings
from neurornn.recordings import _nwb, binned, load, save, spikes
from neurornn.storage import CorruptFile

pynwb = pytest.importorskip("pynwb")
BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def foreign(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(BENCHMARKS)
    path = tmp_path / "foreign.nwb"
    importlib.import_module("fuzz").write_foreign_nwb(path)
    return path


def dense(seed=0, n_trials=7, n_units=4):
    rng = np.random.default_rng(seed)
    stop = rng.uniform(50.0, 100.0, n_trials)
    trains = [[rng.uniform(-20.0, end, rng.poisson(3)) for _ in range(n_units)] for end in stop]
    return spikes(
        trains,
        start=-20.0,
        stop=stop,
        conditions={
            "coherence": rng.choice([0.0, 3.2, np.nan], n_trials),
            "context": rng.choice(["motion", "colour", "", "β"], n_trials),
            "choice": rng.choice([-1, 1], n_trials).astype(np.int8),
            "correct": rng.random(n_trials) < 0.5,
            "reaction_time": rng.random(n_trials).astype(np.float32),
            "name": np.arange(n_trials),  # NWB has columns of this name of its own
            "start_time": np.arange(n_trials, dtype=np.uint16),
        },
        events={"go": np.where(rng.random(n_trials) < 0.7, rng.uniform(0, 50, n_trials), np.nan)},
        unit_ids=[f"u{k}" for k in range(n_units)],
        about_units={"area": ["LIP", "MT"] * (n_units // 2), "depth": rng.random(n_units)},
    )


def sequential():
    return spikes(
        [[1.0, 2.0], [], [3.0]],
        unit=[1, 0, 1],
        start=0.0,
        stop=[4.0, 5.0, 6.0],
        events={"go": [1.0, 2.0, 3.0]},
    )


def activity(dtype=np.float32, n_trials=6, n_times=5, n_units=3):
    values = np.random.default_rng(0).random((n_trials, n_times, n_units)).astype(dtype)
    if values.dtype.kind == "f":
        values[:2, :, 1] = np.nan
        values[4, 3:, :] = np.nan
    return binned(
        values,
        np.arange(n_times) * 10.0 - 20.0,
        aligned_to="go",
        conditions={"coherence": np.arange(n_trials) * 1.5},
        events={"go": [*range(n_trials - 1), np.nan]},
    )


def with_everything():
    ds = activity()
    ds["counts"] = ds["rate"].dims, np.ones(ds["rate"].shape, dtype=np.uint8)
    ds["spectrum"] = ("unit", "mode"), np.array([[1 + 2j, np.nan]] * 3)
    ds["label"] = ("mode",), np.array([b"a", b"bc"])
    ds = ds.assign_coords({"mode": [0.1, 0.2], "scale": 3.0, "with-dash": ("trial", np.arange(6))})
    return ds.assign_attrs(limit=np.inf, levels=[1, 2], note="β")


def silent():
    return spikes([[[], []]] * 3, start=0.0, stop=[1.0, 2.0, 3.0], conditions={"c": ["a", "b", "c"]})


def unseen():
    return spikes([[[1.0]], [[]]], start=[0.0, np.nan], stop=[5.0, np.nan])


CASES = {
    "dense": dense, "sequential": sequential, "binned": activity, "float64": lambda: activity(np.float64),
    "counts": lambda: activity(np.int16), "everything": with_everything, "silent": silent, "unseen": unseen,
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_round_trip_is_identical(case, tmp_path):
    ds = CASES[case]()
    before = ds.copy(deep=True)
    save(ds, tmp_path / "a.nwb")
    found = load(tmp_path / "a.nwb")
    xr.testing.assert_identical(found, ds)
    assert {name: found[name].dtype for name in found.variables} == {
        name: ds[name].dtype for name in ds.variables
    }
    xr.testing.assert_identical(ds, before)


@pytest.mark.parametrize("case", ["dense", "sequential", "binned"])
def test_pynwb_finds_the_usual_tables(case, tmp_path):
    ds = CASES[case]()
    save(ds, tmp_path / "a.nwb")
    assert pynwb.validate(path=str(tmp_path / "a.nwb")) == []
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "r") as io:
        nwb = io.read()
        start, stop = nwb.trials["start_time"][:], nwb.trials["stop_time"][:]
        assert (start[1:] > stop[:-1]).all()
        if case == "binned":
            series = nwb.processing["ecephys"]["rate"]
            np.testing.assert_array_equal(series.data[:].reshape(ds.rate.shape), ds.rate)
            return
        go = 1000.0 * (nwb.trials["go_time"][:] - start) + ds["start"].values
        np.testing.assert_allclose(go, ds["event_go"], atol=1e-6)
        for k in range(ds.sizes["unit"]):
            mine = ds.spike_unit.values == k
            trial = ds.spike_trial.values[mine]
            expected = start[trial] + (ds.spike_time.values[mine] - ds["start"].values[trial]) / 1000.0
            np.testing.assert_allclose(nwb.units["spike_times"][k], expected, atol=1e-9)


def test_without_our_labels_the_spikes_and_sessions_are_the_same(tmp_path):
    ds = sequential()
    save(ds, tmp_path / "a.nwb")
    with h5py.File(tmp_path / "a.nwb", "r+") as file:
        del file["scratch"]
    found = load(tmp_path / "a.nwb")
    np.testing.assert_allclose(found.spike_time, ds.spike_time, atol=1e-6)
    for name in ("spike_trial", "spike_unit"):
        np.testing.assert_array_equal(found[name], ds[name])
    here = found.session.values[:, None] == found.unit_session.values[None, :]
    np.testing.assert_array_equal(here, ds.session.values[:, None] == ds.unit_session.values[None, :])
    np.testing.assert_allclose(found.event_go, ds.event_go, atol=1e-6)


def test_session_time_is_kept_where_it_can_be(tmp_path):
    known = [5000.0, 1000.0]
    ds = spikes([[[1.0]], [[2.0]]], start=0.0, stop=[100.0, 100.0], conditions={"session_time": known})
    save(ds, tmp_path / "a.nwb")
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "r") as io:
        nwb = io.read()
        np.testing.assert_allclose(nwb.trials["start_time"][:], [5.0, 1.0])
        np.testing.assert_allclose(nwb.units["spike_times"][0], [5.001, 1.002])


def test_tables_of_others_become_trials_and_units(foreign):
    ds = load(foreign)
    assert ds.area.values.tolist() == ["PMd", "M1"]
    assert ds.quality.values.tolist() == ["good", "good"]
    assert ds.target.values.tolist() == ["left", "right"]
    np.testing.assert_allclose(ds.session_time, [1000.0, 3000.0])
    np.testing.assert_allclose(ds.event_go_cue, [500.0, np.nan])  # missing stays missing
    np.testing.assert_allclose(ds.spike_time, [200.0, 250.0, 0.0, 900.0, 0.0], atol=1e-9)
    assert ds.spike_trial.values.tolist() == [0, 0, 0, 1, 1]
    assert ds.spike_unit.values.tolist() == [0, 0, 1, 0, 1]  # at 2.0 s the first trial is over
    assert ds.attrs["not_read"] == ["trials/hand"]
    assert "session" not in ds.variables
    wide = load(foreign, before=600.0, after=150.0)
    assert wide.sizes["spike"] == 7
    np.testing.assert_allclose(wide.start, -600.0)


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def test_overlapping_trials_share_spikes_and_are_counted(foreign):
    edit(foreign, lambda file: file["intervals/trials/stop_time"].__setitem__(0, 3.5))
    ds = load(foreign)
    assert ds.sizes["spike"] == 7  # those at 2.0 and 3.0 fall in the longer first trial, that at 3.0 in both
    assert int(recordings.check(ds).n_trials_overlapping) == 1


def test_a_trial_without_a_start_has_no_value(foreign):
    edit(foreign, lambda file: file["intervals/trials/start_time"].__setitem__(0, np.nan))
    ds = load(foreign)
    assert ds.spike_trial.values.tolist() == [1, 1]
    assert int(recordings.check(ds).n_trials_empty) == 1


def observed(path, spans):
    edit(path, lambda file: file["units/obs_intervals"].__setitem__(slice(None), spans))


def test_units_observed_in_different_trials_are_sessions_or_an_error(foreign):
    observed(foreign, [[0.0, 2.0], [2.5, 5.0]])
    with pytest.raises(ValueError, match="unit 0, 1 has spikes in trials of another session"):
        load(foreign)  # spikes where the unit was not observed
    assert load(foreign, obs_intervals=False).sizes["spike"] == 5
    edit(
        foreign,
        lambda file: file["units/spike_times"].__setitem__(slice(None), [0.5, 1.2, 1.25, 1.3, 2.6, 2.7, 3.0]),
    )
    ds = load(foreign)
    assert ds.session.values.tolist() == ds.unit_session.values.tolist() == [0, 1]
    assert ds.spike_unit.values.tolist() == [0, 0, 0, 1]
    observed(foreign, [[0.0, 5.0], [2.5, 5.0]])
    with pytest.raises(ValueError, match=r"observed in different trials.*Pass obs_intervals=False"):
        load(foreign)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.__delitem__("units"), "no table of units"),
        (lambda f: f.__delitem__("intervals"), "no table of trials"),
        (lambda f: f.__delitem__("units/spike_times"), "no spike times"),
        (lambda f: f.attrs.__setitem__("nwb_version", "1.0"), "no NWB 2 file"),
        (lambda f: f["units/spike_times_index"].__setitem__(1, 99), "points outside the 7 values"),
        (lambda f: f["units/spike_times_index"].__setitem__(0, 9), "points outside the 7 values"),
        (
            lambda f: f["units/spike_times"].__setitem__(3, np.nan),
            "unit 0 has spike times that are not finite",
        ),
        (lambda f: f["intervals/trials/stop_time"].__setitem__(0, 0.0), "1 trials stop before they start"),
        (lambda f: f["units/electrodes"].__setitem__(0, 7), "not in the table of electrodes"),
        (
            lambda f: f.__setitem__("general/x", h5py.ExternalLink("b.nwb", "/")),
            "'general/x' is a link to another",
        ),
    ],
)
def test_damage_is_named(foreign, change, message):
    edit(foreign, change)
    with pytest.raises(ValueError, match=message):
        load(foreign)


def test_an_object_that_hdf5_cannot_read_is_named(foreign, monkeypatch):
    def damaged(*_):
        raise RuntimeError("Can't get info for object")

    monkeypatch.setattr("neurornn.recordings._nwb_tables._columns", damaged)
    with pytest.raises(ValueError, match="an object in it is damaged: Can't get info for object"):
        load(foreign)


def test_text_that_claims_gigabytes_is_refused_before_they_are_taken(foreign):
    """HDF5 takes the memory for a word of variable length before it looks where the word is."""
    with h5py.File(foreign) as file:
        target = file["intervals/trials/target"].id
        at = target.get_offset() or target.get_chunk_info(0).byte_offset
    content = bytearray(foreign.read_bytes())
    assert content[at : at + 4] == bytes([4, 0, 0, 0])  # "left"
    content[at + 3] = 0x50
    foreign.write_bytes(content)
    mat = foreign.with_suffix(".mat")
    mat.write_bytes(content)
    for read in (load, _nwb.read):
        with pytest.raises(CorruptFile, match="reading it takes more than 256 MiB and 64 times its"):
            read(foreign)
    with pytest.raises(CorruptFile, match="reading it takes more than 256 MiB"):
        recordings.read_matlab(mat)


def test_large_activity_stays_in_the_file(tmp_path, monkeypatch):
    from neurornn.recordings import _nwb, _nwb_write

    ds = activity(n_trials=40, n_times=11, n_units=7)
    save(ds, tmp_path / "a.nwb")
    lazy = _nwb.read(tmp_path / "a.nwb", max_bytes=1000)
    assert not lazy.rate.variable._in_memory
    picks = [
        {"trial": 3}, {"trial": slice(None, None, 7), "time": slice(9, 2, -2)}, {"unit": [5, 1], "trial": [8, 0, 2]},
        {"time": 2, "unit": 6}, {"trial": slice(0, 0)}, {},
    ]  # fmt: skip
    for pick in picks:
        fresh = _nwb.read(tmp_path / "a.nwb", max_bytes=1000)
        xr.testing.assert_identical(fresh.isel(pick).load(), ds.isel(pick))
    monkeypatch.setattr(_nwb_write, "_BY_PARTS", 4 * 7 * 100)
    save(lazy, tmp_path / "b.nwb")  # from file to file, some trials at a time
    xr.testing.assert_identical(load(tmp_path / "b.nwb"), ds)


def test_labels_that_do_not_fit_are_refused(tmp_path):
    save(dense(), tmp_path / "a.nwb")
    edit(tmp_path / "a.nwb", lambda file: file.__delitem__("intervals/trials/coherence"))
    with pytest.raises(recordings._store.CorruptFile, match="'intervals/trials/coherence' is missing"):
        load(tmp_path / "a.nwb")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.nwb")


def test_writing_without_pynwb_says_what_to_install(tmp_path, monkeypatch):
    save(dense(), tmp_path / "a.nwb")
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(ImportError, match=r"pip install 'neurornn\[nwb\]'"):
        save(dense(), tmp_path / "b.nwb")
    assert load(tmp_path / "a.nwb").sizes["trial"] == 7  # reading needs no more than h5py


def test_nothing_of_hdf5_or_pynwb_warns(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(dense(), tmp_path / "a.nwb")
        load(tmp_path / "a.nwb")
