"""Files of recordings: what is saved comes back, and what is damaged or hostile is refused in words."""

import csv
import io
import os
import resource
import signal
import zipfile

import h5py
import numpy as np
import pytest
import xarray as xr

import neurornn
from neurornn import recordings, tasks
from neurornn.recordings import _blocks, _canary, _nc
from neurornn.storage import CorruptFile


@pytest.fixture
def spikes():
    """Two sessions of three units, an event missing in one trial, text, booleans and numbers."""
    rng = np.random.default_rng(0)
    session = np.repeat(["monday", "tuesday"], 6)
    unit_session = np.repeat(["monday", "tuesday"], 3)
    times = [
        [rng.uniform(0, 900, rng.poisson(8)) if here == own else None for own in unit_session]
        for here in session
    ]
    saccade = rng.uniform(500, 800, 12)
    saccade[4] = np.nan
    return recordings.spikes(
        times,
        start=0.0,
        stop=rng.uniform(900, 1000, 12),
        conditions={
            "coherence": rng.choice([0.0, 3.2], 12),
            "choice": rng.choice([-1, 1], 12),
            "correct": rng.random(12) < 0.5,
            "side": rng.choice(["left", "right"], 12),
        },
        events={"dots_on": rng.uniform(100, 200, 12), "saccade": saccade},
        unit_ids=[f"u{k}" for k in range(6)],
        about_units={"area": ["LIP", "FEF", "LIP"] * 2},
        session=session,
        unit_session=unit_session,
    )


@pytest.fixture
def rates(spikes):
    return recordings.to_rates(
        spikes, align="dots_on", window=(-100, 700), kernel=recordings.Gaussian(30.0), cut=("saccade", 0.0)
    )


def assert_same(first, second):
    xr.testing.assert_identical(first, second)
    for name in first.variables:
        assert first[name].dtype == second[name].dtype, name
        assert (name in first.coords) == (name in second.coords), name


@pytest.mark.parametrize("suffix", [".nc", ".npz", ".NC"])
def test_what_is_saved_comes_back_as_it_was(spikes, rates, suffix, tmp_path):
    for ds in (spikes, rates):
        recordings.save(ds, tmp_path / f"one{suffix}")
        assert_same(ds, recordings.load(tmp_path / f"one{suffix}"))


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
def test_simulated_trials_come_back_as_they_were(suffix, tmp_path):
    task = tasks.make("context-decision")
    ds = neurornn.simulate(
        neurornn.CTRNN(task.n_inputs, 7, task.n_outputs), task.sample(5, seed=0), task=task
    )
    recordings.save(ds, tmp_path / f"network{suffix}")
    xr.testing.assert_identical(ds, recordings.load(tmp_path / f"network{suffix}"))


def test_netcdf_of_other_programs_is_read(spikes, rates, tmp_path):
    for ds in (spikes, rates):
        ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"unit": {"dtype": "S1"}})
        xr.testing.assert_identical(ds, recordings.load(tmp_path / "a.nc"))
    rates.drop_vars(["trial", "unit"]).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match=r"b\.nc'.* the units are missing"):
        recordings.load(tmp_path / "b.nc")


def test_table_holds_every_value_of_spikes_in_two_sessions(spikes, tmp_path):
    recordings.save(spikes, tmp_path / "one.csv")
    back = recordings.load(tmp_path / "one.csv")
    assert set(back.variables) == set(spikes.variables)
    for name in spikes.variables:
        assert back[name].dtype == spikes[name].dtype, name
        np.testing.assert_array_equal(back[name].values, spikes[name].values)


def test_table_by_hand(tmp_path):
    (tmp_path / "a.csv").write_text(
        "coherence,side,correct,event_go,start,stop,spikes_7,spikes_9\n"
        "3.2,left,True,100,0,500,10 20.5,\n"
        "0,right,False,,0,400,,399.75\n"
    )
    ds = recordings.load(tmp_path / "a.csv")
    assert ds.spike_time.values.tolist() == [10.0, 20.5, 399.75]
    assert ds.spike_trial.values.tolist() == [0, 0, 1] and ds.unit.values.tolist() == ["7", "9"]
    assert ds.correct.values.tolist() == [True, False] and ds.side.values.tolist() == ["left", "right"]
    assert ds.event_go.values[0] == 100 and np.isnan(ds.event_go.values[1])


def test_table_with_one_unit_in_each_trial_is_a_pseudo_population(tmp_path):
    (tmp_path / "a.csv").write_text("unit,start,stop,spikes\nb,0,10,1 2\na,0,10,3\nb,0,10,\n")
    ds = recordings.load(tmp_path / "a.csv")
    assert ds.unit.values.tolist() == ["a", "b"]
    assert ds.spike_unit.values.tolist() == [1, 1, 0]
    counts = recordings.to_counts(ds).counts.values[:, 0]
    np.testing.assert_array_equal(counts, [[np.nan, 2], [1, np.nan], [np.nan, 0]])


def test_table_of_behaviour_alone_has_no_units(tmp_path):
    (tmp_path / "a.csv").write_text("choice,reaction_time\n1,500\n-1,612.5\n")
    ds = recordings.load(tmp_path / "a.csv")
    assert ds.sizes == {"spike": 0, "trial": 2, "unit": 0}
    assert ds.reaction_time.values.tolist() == [500.0, 612.5]
    assert int(recordings.check(ds).n_trials_empty) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("a,a\n1,2\n", "each once"),
        ("a,b\n1\n", "row 2 has 1 fields and not 2"),
        ("spikes_1\n3\n", "no column 'start'"),
        ("start,stop,spikes_1\n0,10,5;6\n", "could not convert"),
        ("start,stop,spikes_1\n0,10,11\n", "outside the observed span of 1 of 1 trials"),
        ("start,stop,spikes\n0,10,5\n", "needs a column 'unit'"),
        ("start,stop,event_go,spikes_1\n0,10,soon,5\n", "'event_go' must hold times in ms"),
        ("my choice\n1\n", "has a space"),
        (
            "session,start,stop,spikes_1\n1,0,9,3\n2,0,9,3\n3,0,9,NA\n",
            "Unit 1 must be recorded in .* is in 2",
        ),
    ],
)
def test_bad_tables_are_refused_in_words(text, message, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        recordings.load(tmp_path / "a.csv")


def test_arrays_of_other_programs_need_only_the_names_of_the_schema(tmp_path):
    np.savez(
        tmp_path / "a.npz",
        spike_time=[3.0, 1.0],
        spike_trial=[1, 0],
        spike_unit=[0, 1],
        start=0.0,
        stop=[5.0, 5.0],
        choice=[1, -1],
        area=["V4", "MT"],
        event_go=[2.0, np.nan],
    )
    ds = recordings.load(tmp_path / "a.npz")
    assert ds.spike_time.values.tolist() == [1.0, 3.0] and ds.area.dims == ("unit",)
    assert ds.choice.dims == ("trial",) and ds.attrs["schema"] == "neurornn.Spikes/1"
    rate = np.arange(12.0).reshape(2, 3, 2)
    np.savez(tmp_path / "b.npz", rate=rate, time=[0.0, 20.0, 40.0], choice=[1, -1], aligned_to="trial")
    ds = recordings.load(tmp_path / "b.npz")
    assert np.array_equal(ds.rate, rate) and ds.attrs["dt"] == 20.0
    np.savez(tmp_path / "c.npz", something=[1])
    with pytest.raises(ValueError, match="spike_time, spike_trial, spike_unit, start, stop missing"):
        recordings.load(tmp_path / "c.npz")


def test_objects_and_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "exploded"),))

    np.savez(tmp_path / "a.npz", rate=np.array([Bomb()], dtype=object), time=[0.0])
    with pytest.raises(ValueError, match="'rate' holds Python objects, which may run code"):
        recordings.load(tmp_path / "a.npz")
    assert not (tmp_path / "exploded").exists()


def test_sizes_are_checked_before_memory_is_taken(spikes, tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("rate.npy", header.getvalue() + b"\0" * 80)
    with pytest.raises(CorruptFile, match="says shape"):
        recordings.load(tmp_path / "a.npz")
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset("rate", (2**20, 2**10, 2**10), "f4", chunks=(1, 1024, 1024))
    with pytest.raises(CorruptFile, match="'/rate' declares"):
        recordings.load(tmp_path / "a.nc")
    for suffix in (".npz", ".csv"):
        recordings.save(spikes, tmp_path / f"b{suffix}")
        with pytest.raises(ValueError, match=r"more than max_bytes=1000\. Raise max_bytes"):
            recordings.load(tmp_path / f"b{suffix}", max_bytes=1000)


def test_links_out_of_a_file_are_refused(rates, tmp_path):
    recordings.save(rates, tmp_path / "secret.nc")
    recordings.save(rates.drop_vars("area"), tmp_path / "a.nc")
    with h5py.File(tmp_path / "a.nc", "a") as file:
        file["area"] = h5py.ExternalLink(str(tmp_path / "secret.nc"), "/area")
    with pytest.raises(CorruptFile, match="'area' is a link to another file"):
        recordings.load(tmp_path / "a.nc")


def test_a_recording_larger_than_memory_is_averaged_by_parts(rates, tmp_path, monkeypatch):
    monkeypatch.setattr(_nc, "_BY_PARTS", 1000)
    monkeypatch.setattr(_blocks, "BLOCK", 20_000)  # several blocks
    recordings.save(rates, tmp_path / "a.nc")
    whole = recordings.average(rates, by="choice")
    lazy = recordings.load(tmp_path / "a.nc", max_bytes=rates.rate.nbytes)
    largest = []
    read = _blocks.read
    monkeypatch.setattr(_blocks, "read", lambda *a: largest.append(read(*a)) or largest[-1])
    parts = recordings.average(lazy, by="choice")
    np.testing.assert_array_equal(parts.rate, whole.rate)
    np.testing.assert_array_equal(parts.n_trials, whole.n_trials)
    assert len(largest) > 2 and max(each.nbytes for each in largest) < rates.rate.nbytes / 2
    recordings.save(lazy, tmp_path / "b.nc")  # from file to file
    assert_same(recordings.load(tmp_path / "b.nc"), rates)
    lazy.close()
    with pytest.raises(ValueError, match=r"coordinates of .* need"):
        recordings.load(tmp_path / "a.nc", max_bytes=10)


def test_spikes_that_stay_in_the_file_give_the_same_rates(spikes, tmp_path, monkeypatch):
    recordings.save(spikes, tmp_path / "a.nc")
    whole = recordings.to_counts(spikes)
    coords = sum(each.nbytes for each in spikes.coords.values())
    lazy = recordings.load(tmp_path / "a.nc", max_bytes=coords + 100)
    monkeypatch.setattr(_blocks, "BLOCK", 640)  # ten spikes at a time
    np.testing.assert_array_equal(recordings.to_counts(lazy).counts, whole.counts)
    recordings.check(lazy)
    lazy.close()


def test_a_flipped_bit_in_the_part_not_yet_read_is_found_when_it_is(rates, tmp_path, monkeypatch):
    monkeypatch.setattr(_nc, "_BY_PARTS", 1000)
    noise = np.random.default_rng(1).standard_normal(rates.rate.shape).astype(np.float32)
    recordings.save(rates.assign(rate=(rates.rate.dims, noise)), tmp_path / "a.nc")
    content = bytearray((tmp_path / "a.nc").read_bytes())
    with h5py.File(tmp_path / "a.nc") as file:
        chunk = file["rate"].id.get_chunk_info(0)
    content[chunk.byte_offset + chunk.size // 2] ^= 16
    (tmp_path / "a.nc").write_bytes(content)
    with pytest.raises(CorruptFile, match="does not match its SHA-256 digest"):
        recordings.load(tmp_path / "a.nc")
    (tmp_path / "a.nc").write_bytes(unsealed(content))  # as another program would write it
    lazy = recordings.load(tmp_path / "a.nc", max_bytes=rates.rate.nbytes)
    with pytest.raises(CorruptFile, match="cannot be read"):
        recordings.average(lazy, by="choice")
    lazy.close()


def test_formats_and_paths_that_cannot_be_are_named(spikes, rates, tmp_path):
    with pytest.raises(
        ValueError, match=r"files ending in '.xls' are not known. Known are .nc, .npz, .csv, .mat, .nwb"
    ):
        recordings.load(tmp_path / "a.xls")
    with pytest.raises(FileNotFoundError, match=r"no file .*a\.nc"):
        recordings.load(tmp_path / "a.nc")
    with pytest.raises(ValueError, match="A table holds spikes"):
        recordings.save(rates, tmp_path / "a.csv")
    with pytest.raises(ValueError, match=r"'.mat' are not known"):
        recordings.save(rates, tmp_path / "a.mat")
    with pytest.raises(ValueError, match="unit ids must be unique"):
        recordings.save(spikes.assign_coords(unit=["a"] * 6), tmp_path / "a.nc")
    recordings.save(spikes, tmp_path / "a.nc")
    with pytest.raises(ValueError, match=r"have no options: got layout"):
        recordings.load(tmp_path / "a.nc", layout="dense")
    assert [each.name for each in tmp_path.iterdir()] == ["a.nc"]  # and nothing half-written


def test_a_file_that_crashes_or_hangs_the_library_does_so_elsewhere(rates, tmp_path, monkeypatch):
    recordings.save(rates, tmp_path / "a.nc")
    whole = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(unsealed(whole))
    assert_same(recordings.load(tmp_path / "a.nc"), rates)
    monkeypatch.setattr(_canary, "_CANARY", "import os; os.abort()")
    with pytest.raises(CorruptFile, match="reading it crashes the HDF5 library"):
        recordings.load(tmp_path / "a.nc")
    monkeypatch.setattr(_canary, "_CANARY", "while True: pass")
    monkeypatch.setattr(_canary, "_PATIENCE", 0.2)
    with pytest.raises(CorruptFile, match=r"does not end within 0\.2 s"):
        recordings.load(tmp_path / "a.nc")
    (tmp_path / "a.nc").write_bytes(whole)  # sealed: no need to try
    assert_same(recordings.load(tmp_path / "a.nc"), rates)


def unsealed(content):
    """A netCDF file as other programs write it."""
    return content[: -_canary._LENGTH] if content[-_canary._LENGTH :].startswith(_canary._MARK) else content


# How a hostile or unlucky file differs from a whole one.
TOKENS = ["nan", "inf", "-1", "1e308", "", "NA", "a b", "99999999999999999999", "True", "\0", '"', "1_0", "é"]


def damaged(content, rng):
    """Bytes flipped, dropped, repeated, overwritten or cut."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at, n = int(rng.integers(len(content))), int(rng.integers(1, 64))
        how = rng.integers(6)
        if how == 0:
            content[at] ^= 1 << int(rng.integers(8))
        elif how == 1:
            del content[at : at + n]
        elif how == 2:
            content[at:at] = content[at : at + n]
        elif how == 3:
            content[at : at + n] = bytes([int(rng.choice([0, 255]))]) * n
        elif how == 4:
            content[at : at + n] = rng.bytes(n)
        elif rng.random() < 0.3:
            del content[at:]
        if not content:
            return b""
    return bytes(content)


def rewritten(content, suffix, rng):
    """Damage below the checksums: arrays in a whole archive, fields in a whole table."""
    if suffix == ".npz":
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
            victim = rng.choice(old.namelist())
            for name in old.namelist():
                data = old.read(name)
                new.writestr(name, damaged(data, rng) if name == victim else data)
        return out.getvalue()
    if suffix == ".csv":
        rows = list(csv.reader(io.StringIO(content.decode().split("\n", 1)[1])))
        for _ in range(rng.integers(1, 6)):
            row = rows[rng.integers(len(rows))]
            row[rng.integers(len(row))] = rng.choice(TOKENS)
        out = io.StringIO()
        csv.writer(out).writerows(rows)
        return out.getvalue().encode()
    return damaged(unsealed(content), rng)


def _too_long(*_):
    raise AssertionError("a damaged file hung the reader")


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".nc"])
def test_damaged_files_are_refused_in_words_or_read_correctly(suffix, spikes, rates, tmp_path):
    n = int(os.environ.get("NEURORNN_FUZZ", "15" if suffix == ".nc" else "90"))
    wholes = []
    for ds in (spikes, spikes if suffix == ".csv" else rates):
        recordings.save(ds, tmp_path / f"whole{suffix}")
        wholes.append((tmp_path / f"whole{suffix}").read_bytes())
    if suffix == ".npz":  # arrays of another program
        plain = {name: spikes[name].values for name in spikes.variables if name not in ("trial", "start")}
        np.savez(tmp_path / "plain.npz", start=0.0, **plain)
        wholes.append((tmp_path / "plain.npz").read_bytes())
    rng = np.random.default_rng(7)
    path = tmp_path / f"damaged{suffix}"
    refused = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    old = signal.signal(signal.SIGALRM, _too_long)
    try:
        for k in range(n):
            content = wholes[rng.integers(len(wholes))]
            path.write_bytes(rewritten(content, suffix, rng) if k % 3 else damaged(content, rng))
            signal.alarm(90)
            try:
                found = recordings.load(path, max_bytes=2**24)
                recordings.check(found)
            except ValueError as error:  # CorruptFile is one
                refused += 1
                assert str(error)
            else:
                assert found.nbytes < 2**24
                found.close()
            signal.alarm(0)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert refused > n / 3
    assert grown < 2**28
