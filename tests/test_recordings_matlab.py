"""MATLAB files: both formats give the same, scipy agrees, and a file that lies is refused before memory is taken."""

import importlib
import struct
import tracemalloc
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from neurornn import recordings
from neurornn.recordings import MatlabLayout, read_matlab

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def fuzz(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("fuzz")


def cell(items):
    out = np.empty((len(items), 1), dtype=object)
    for k, item in enumerate(items):
        out[k, 0] = item
    return out


TRAINS = [np.array([[10.0], [25.5]]), np.zeros((0, 0)), np.array([[40.0]])]
TABLE = np.array([[7.0, 12.8, 30.0], [7.0, 51.2, np.nan], [9.0, 0.0, 20.0]])
PLAIN = {
    "numbers": np.arange(24.0).reshape(2, 3, 4),
    "small": np.array([[1, -2]], dtype=np.int8),
    "single": np.array([[0.1]], dtype=np.float32),
    "z": np.array([[1 + 2j, 3j]]),
    "yes": np.array([[True, False]]),
    "text": "coherence β",
    "none": "",
    "deep": {"a": {"b": np.array([[5.0]])}},
}


def both(fuzz, folder, variables, as_cells=()):
    """The same variables in both formats."""
    fuzz.write_mat73(folder / "new.mat", variables)
    old = {name: cell(value) if name in as_cells else value for name, value in variables.items()}
    scipy.io.savemat(folder / "old.mat", old)
    scipy.io.savemat(folder / "packed.mat", old, do_compression=True)
    return [read_matlab(folder / f"{name}.mat") for name in ("old", "packed", "new")]


def same(a, b):
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        )
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_both_formats_give_what_was_written(fuzz, tmp_path):
    variables = {**PLAIN, "s": TRAINS, "words": ["a", "bc"], "table": TABLE}
    for found in both(fuzz, tmp_path, variables, ("s", "words")):
        assert same(found, variables)


def test_structs_in_arrays_and_cells_in_two_dimensions(fuzz, tmp_path):
    units = [{"id": np.array([[float(k)]]), "area": name} for k, name in enumerate(("LIP", "MT"))]
    grid = [[np.array([[1.0]]), np.array([[2.0, 3.0]])], [np.zeros((0, 0)), np.array([[4.0]])]]
    fuzz.write_mat73(tmp_path / "new.mat", {"units": units, "grid": grid})
    record = np.array([[tuple(unit.values())] for unit in units], dtype=[("id", "O"), ("area", "O")])
    table = np.empty((2, 2), dtype=object)
    for i in range(2):
        for j in range(2):
            table[i, j] = grid[i][j]
    scipy.io.savemat(tmp_path / "old.mat", {"units": record, "grid": table})
    for name in ("old", "new"):
        assert same(read_matlab(tmp_path / f"{name}.mat"), {"units": units, "grid": grid}), name


def test_scipy_agrees(tmp_path):
    rng = np.random.default_rng(0)
    variables = {
        f"{kind}_{k}": (100 * rng.standard_normal(shape)).astype(kind)
        for kind in ("f8", "f4", "i1", "u2", "i8", "c16")
        for k, shape in enumerate([(1, 1), (3, 5), (2, 3, 4), (0, 4), (1, 300)])
    }
    sparse = scipy.sparse.random(30, 20, 0.1, format="csc", random_state=0)
    scipy.io.savemat(tmp_path / "a.mat", {**variables, "sparse": sparse}, do_compression=True)
    ours, theirs = read_matlab(tmp_path / "a.mat"), scipy.io.loadmat(tmp_path / "a.mat")
    for name in variables:
        assert same(ours[name], theirs[name]), name
    assert (ours["sparse"] != theirs["sparse"]).nnz == 0


def test_only_the_variables_asked_for_are_read(fuzz, tmp_path):
    both(fuzz, tmp_path, PLAIN)
    for name in ("old", "packed", "new"):
        assert set(read_matlab(tmp_path / f"{name}.mat", ["yes", "absent"])) == {"yes"}


def test_a_layout_makes_the_same_spikes_of_both_formats(fuzz, tmp_path):
    both(fuzz, tmp_path, {"s": TRAINS, "x": TABLE}, ("s",))
    layout = MatlabLayout(
        spikes="s", trials="x", unit=1, columns={"coherence": 2, "event_go": 3}, span=(0, 50)
    )
    old, new = (recordings.load(tmp_path / f"{name}.mat", layout=layout) for name in ("old", "new"))
    for ds in (old, new):
        ds.attrs.pop("created_at")
    assert old.identical(new)
    assert old.spike_time.values.tolist() == [10.0, 25.5, 40.0]
    assert old.unit.values.tolist() == [7, 9]
    assert old.unit.values[old.spike_unit.values].tolist() == [7, 7, 9]
    assert old.coherence.values.tolist() == [12.8, 51.2, 0.0]
    np.testing.assert_array_equal(old.event_go, [30.0, np.nan, 20.0])  # a missing event stays missing
    counts = recordings.check(old)
    assert counts.n_trials_of_unit.values.tolist() == [2, 1]


def test_rows_filled_up_with_nan_are_ragged_trials(tmp_path):
    padded = np.array([[0.01, 0.0255, np.nan], [np.nan] * 3, [0.04, np.nan, np.nan]])
    trials = {
        "unit": np.array([[7], [7], [9]]),
        "end": np.array([[0.05], [0.05], [0.06]]),
        "side": cell(["l", "r", "l"]),
    }
    scipy.io.savemat(tmp_path / "a.mat", {"d": {"t": padded, "trials": trials}})
    layout = MatlabLayout(
        spikes="d.t",
        trials="d.trials",
        unit="unit",
        columns={"stop": "end", "side": "side"},
        span=(0, 0),
        time_unit="s",
    )
    ds = recordings.load(tmp_path / "a.mat", layout=layout)
    np.testing.assert_allclose(ds.spike_time, [10.0, 25.5, 40.0])
    np.testing.assert_allclose(ds.stop, [50.0, 50.0, 60.0])
    assert ds.side.values.tolist() == ["l", "r", "l"]


def test_dense_rates_and_trials_by_units_of_spikes(tmp_path):
    rates = np.random.default_rng(0).random((4, 6, 3))
    trains = np.empty((4, 2), dtype=object)
    for k in range(8):
        trains[k // 2, k % 2] = np.arange(k % 3, dtype=float)[None]
    scipy.io.savemat(
        tmp_path / "a.mat", {"r": rates, "t": np.arange(6) * 0.02, "s": trains, "c": np.arange(4)}
    )
    dense = MatlabLayout(rates="r", time="t", columns={"coherence": "c"}, time_unit="s")
    ds = recordings.load(tmp_path / "a.mat", layout=dense)
    np.testing.assert_array_equal(ds.rate, rates)
    np.testing.assert_allclose(ds.time, np.arange(6) * 20.0)
    spikes = recordings.load(tmp_path / "a.mat", layout=MatlabLayout(spikes="s", span=(0, 5)))
    assert np.bincount(spikes.spike_trial * 2 + spikes.spike_unit, minlength=8).tolist() == [
        k % 3 for k in range(8)
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spikes": "q"}, "'q' is not there: the file has x"),
        ({"columns": {"a": 4}}, "has columns 1 to 3: there is no 4"),
        ({"span": None}, "a column 'start', or span"),
        ({"spikes": "x.y"}, "'x.y' is not there: x has 3 x 3 float64"),
        ({"unit": None, "trials": None}, "Column 2 of which table"),
    ],
)
def test_a_layout_that_does_not_fit_is_named(tmp_path, change, message):
    scipy.io.savemat(tmp_path / "a.mat", {"s": cell(TRAINS), "x": TABLE})
    given = {"spikes": "s", "trials": "x", "unit": 1, "columns": {"coherence": 2}, "span": (0, 50)} | change
    with pytest.raises(ValueError, match=message):
        recordings.load(tmp_path / "a.mat", layout=MatlabLayout(**given))


def test_without_a_layout_the_error_lists_the_file(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"s": cell(TRAINS), "x": TABLE})
    with pytest.raises(ValueError, match=r"pass layout=.*s \(cell of 3\), x \(3 x 3 float64\)"):
        recordings.load(tmp_path / "a.mat")
    with pytest.raises(ValueError, match="Give one of spikes, rates and counts: got none"):
        MatlabLayout()


def test_spikes_outside_the_span_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"s": cell(TRAINS), "x": TABLE})
    with pytest.raises(ValueError, match="spikes lie outside the observed span of 1 of 3 trials"):
        recordings.load(tmp_path / "a.mat", layout=MatlabLayout(spikes="s", trials="x", unit=1, span=(0, 30)))


def refused(path, message, megabytes=64):
    """The file is refused without taking memory for what it claims."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            read_matlab(path)
        assert tracemalloc.get_traced_memory()[1] < megabytes << 20
    finally:
        tracemalloc.stop()


def test_dimensions_that_lie_are_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"c": np.array([[1.0, 2.0]], dtype=object)})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<ii", 1, 2), struct.pack("<ii", 20000, 20000), 1))
    refused(path, "variable 'c' declares 400000000 values")


def test_a_bomb_is_not_inflated(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": np.zeros(10)})
    body = struct.pack("<II", 14, 2**31) + bytes(2**20)
    packed = zlib.compress(body)
    path.write_bytes(path.read_bytes()[:128] + struct.pack("<II", 15, len(packed)) + packed)
    refused(path, "declares 2147483648 bytes, more than its")


def test_cut_off_and_foreign_files_are_refused(tmp_path, fuzz):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, PLAIN)
    data = path.read_bytes()
    for n in (0, 50, 127, 131, 200, len(data) - 9):
        path.write_bytes(data[:n])
        refused(path, "shorter|cut off|damaged")
    path.write_bytes(b"x" * 500)
    refused(path, "no MATLAB file of version 5 to 7")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_matlab(tmp_path / "absent.mat")


def test_code_is_refused(tmp_path, fuzz):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"f": np.zeros((1, 1))})
    data = bytearray(path.read_bytes())
    flags = data.index(struct.pack("<III", 6, 8, 6), 128)
    for code, name in ((16, "a function handle"), (17, "an object of a MATLAB class"), (3, "an object")):
        data[flags + 8] = code
        path.write_bytes(data)
        refused(path, f"{name}, which is code and not data")
    fuzz.write_mat73(path, {"f": np.zeros((1, 1))})
    with h5py.File(path, "r+") as file:
        file["f"].attrs["MATLAB_class"] = np.bytes_(b"function_handle")
    refused(path, "'function_handle', which is code and not data")


def test_nothing_outside_an_hdf5_file_is_followed(tmp_path, fuzz):
    secret, path = tmp_path / "secret.bin", tmp_path / "a.mat"
    secret.write_bytes(np.arange(4.0).tobytes())

    def made(change):
        fuzz.write_mat73(path, {"x": TABLE})
        with h5py.File(path, "r+") as file:
            change(file)

    made(lambda file: file.__setitem__("link", h5py.ExternalLink("other.mat", "/x")))
    refused(path, "'link' is a link to another file")
    made(lambda file: file.create_dataset("y", (4,), "f8", external=[(str(secret), 0, 32)]))
    refused(path, "the data of '/y' lie in other files")
    source = h5py.VirtualSource("other.h5", "x", shape=(4,))
    virtual = h5py.VirtualLayout((4,), "f8")
    virtual[:] = source
    made(lambda file: file.create_virtual_dataset("v", virtual))
    refused(path, "the data of '/v' lie in other files")
    made(lambda file: file.__setitem__("soft", h5py.SoftLink("/nowhere")))
    refused(path, "'soft' in '/' cannot be read")


def test_hdf5_that_claims_more_than_it_stores_is_refused(tmp_path, fuzz):
    path = tmp_path / "a.mat"
    for options in ({}, {"chunks": (1000, 1000), "compression": "gzip"}):
        fuzz.write_mat73(path, {"x": TABLE})
        with h5py.File(path, "r+") as file:
            file.create_dataset("huge", (100_000, 100_000), "f8", **options)
        refused(path, "'/huge' declares 80000000000 bytes")


def test_an_object_that_hdf5_cannot_place_is_named(tmp_path, fuzz, monkeypatch):
    fuzz.write_mat73(tmp_path / "a.mat", {"x": np.ones((2, 3))})

    def damaged(_):
        raise RuntimeError("Can't get info for object (attempting I/O in temporary file space)")

    monkeypatch.setattr(h5py.h5o, "get_info", damaged)
    with pytest.raises(ValueError, match="an object in it is damaged: Can't get info for object"):
        read_matlab(tmp_path / "a.mat")


def test_references_that_lead_nowhere_or_in_circles_are_refused(tmp_path, fuzz):
    path = tmp_path / "a.mat"
    fuzz.write_mat73(path, {"s": TRAINS})
    with h5py.File(path, "r+") as file:
        file["s"][0, 0] = h5py.Reference()
    refused(path, "a reference in '/s' leads nowhere")
    with h5py.File(path, "r+") as file:
        file["s"][...] = file["s"].ref
    refused(path, "nests deeper than 64 levels")
