"""Damaged recordings: every file is read correctly or refused with a clear error, within bounded memory and time.

Small files of each format are made, bytes of them are changed, cut, doubled or set to extremes, and each is read in a
child process whose memory and time are limited, so that a crash, a hang or a bomb is seen and counted and not suffered.

What reads HDF5 files first lets a process of its own try them, which takes a quarter of a second. Here that trial is left
out, so that what lies behind it is tested as well, and done for the files on which the HDF5 library crashes or takes too much
memory: these must then be refused.

    python benchmarks/fuzz.py --n 10000
    python benchmarks/fuzz.py --n 500 --guarded    # every file is tried first, as it is for a user
"""

__all__ = ["Outcome", "main", "mutated", "run", "sample_files", "write_foreign_nwb", "write_mat73"]

import argparse
import json
import selectors
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

MEMORY = 3 << 30  # bytes of address space a child may have, libraries included
EXTRA = 128 << 10  # KiB that a file of some kB may take beyond what the process had
SECONDS = 20.0  # for one file
PATIENCE = 90.0  # for one that is tried first
FORMATS = ("mat5", "mat5z", "mat73", "nwb-spikes", "nwb-binned", "nwb-tables")


class Outcome(NamedTuple):
    """What became of the files."""

    read: int
    refused: int
    bad: list[str]  # crashes, hangs, and errors that are not ours
    messages: Counter
    guarded: list[str]  # crashes and bombs that the trial in another process keeps out


def write_mat73(path, variables):
    """Write variables as MATLAB does since version 7.3: HDF5 behind 512 bytes, classes in attributes."""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        references = file.create_group("#refs#")
        for name, value in variables.items():
            _put(file, references, name, value)
    text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 1970 HDF5 schema 1.00 ."
    with open(path, "r+b") as file:
        file.write(text.ljust(116) + bytes(8) + b"\x00\x02IM")


def _put(group, references, name, value):
    import h5py

    if isinstance(value, dict):
        inner = group.create_group(name)
        inner.attrs["MATLAB_class"] = np.bytes_(b"struct")
        for key, each in value.items():
            _put(inner, references, key, each)
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        inner = group.create_group(name)
        inner.attrs["MATLAB_class"] = np.bytes_(b"struct")
        for key in value[0]:
            inner[key] = np.array([[_refer(references, each[key])] for each in value], dtype=h5py.ref_dtype)
    elif isinstance(value, list) and value:
        rows = value if isinstance(value[0], list) else [[each] for each in value]
        table = np.array([[_refer(references, each) for each in row] for row in rows], dtype=h5py.ref_dtype)
        group[name] = table.T
        group[name].attrs["MATLAB_class"] = np.bytes_(b"cell")
    else:
        _put_array(group, name, value)


def _put_array(group, name, value):
    kind = {list: "cell", str: "char"}.get(type(value)) or _matlab_class(value)
    if np.size(value) == 0 or (kind == "char" and not value):
        group[name] = np.array(np.shape(value) if kind not in ("cell", "char") else (0, 0), dtype="u8")
        group[name].attrs["MATLAB_empty"] = np.uint8(1)
    elif kind == "char":
        group[name] = np.frombuffer(value.encode("utf-16-le"), dtype="<u2")[:, None]
    else:
        array = np.asarray(value)
        array = array.astype("u1") if array.dtype == bool else array
        if array.dtype.kind == "c":
            array = array.view([("real", array.real.dtype), ("imag", array.real.dtype)])
        group.create_dataset(
            name,
            data=array.T,
            chunks=True if array.size > 50 else None,
            compression="gzip" if array.size > 50 else None,
        )
    group[name].attrs["MATLAB_class"] = np.bytes_(kind.encode())


def _matlab_class(value):
    dtype = np.asarray(value).dtype
    return {"f8": "double", "f4": "single", "c16": "double", "c8": "single", "b1": "logical"}.get(
        dtype.str[1:], dtype.name
    )


def _refer(references, value):
    name = f"r{len(references)}"
    _put(references, references, name, value)
    return references[name].ref


def sample_files(folder, formats=FORMATS):
    """One small file of each format and how it is read: ``{format: path}``."""
    import scipy.io

    folder = Path(folder)
    trains = [[1.0, 5.5, 9.0], [], [2.0]]
    table = np.array([[7.0, 12.8, 30.0], [7.0, 51.2, np.nan], [8.0, 0.0, 20.0]])
    about = {"name": "unit", "areas": ["LIP", "LIP"], "z": np.array([[1 + 2j]]), "ok": np.array([[True]])}
    cells = np.empty((3, 1), dtype=object)
    for k, each in enumerate(trains):
        cells[k, 0] = np.reshape(each, (-1, 1))
    words = np.empty((2, 1), dtype=object)
    words[:, 0] = about["areas"]
    for name, packed in (("mat5", False), ("mat5z", True)):
        scipy.io.savemat(
            folder / f"{name}.mat",
            {"s": cells, "x": table, "info": {**about, "areas": words}},
            do_compression=packed,
        )
    columns = [np.reshape(each, (-1, 1)) if each else np.empty((0, 0)) for each in trains]
    write_mat73(folder / "mat73.mat", {"s": columns, "x": table, "info": about})
    if any(name.startswith("nwb") for name in formats):
        _sample_nwb(folder)
    return {name: next(folder.glob(f"{name}.*")) for name in formats}


def _sample_nwb(folder):
    import h5py

    from neurornn.recordings import _nwb, binned, spikes

    conditions = {"coherence": [0.0, 3.2, 6.4], "choice": [1, -1, 1], "context": ["a", "b", "a"]}
    events = {"go": [1.0, 2.0, np.nan]}
    dense = spikes(
        [[[1.0, 2.5], [3.0]], [[], [1.0]], [[4.0], []]],
        start=0.0,
        stop=[5.0, 6.0, 7.0],
        conditions=conditions,
        events=events,
        about_units={"area": ["LIP", "PFC"]},
    )
    values = np.random.default_rng(0).random((3, 4, 2)).astype(np.float32)
    values[2, :, 1] = np.nan
    bins = binned(values, np.arange(4) * 10.0, conditions=conditions, events=events)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the writing libraries
        _nwb.write(dense, folder / "whole-spikes.nwb")
        _nwb.write(bins, folder / "whole-binned.nwb")
        write_foreign_nwb(folder / "whole-tables.nwb")
    for name in ("spikes", "binned", "tables"):  # without the 200 kB in which the format describes itself
        with (
            h5py.File(folder / f"whole-{name}.nwb") as whole,
            h5py.File(folder / f"nwb-{name}.nwb", "w") as file,
        ):
            file.attrs["nwb_version"] = whole.attrs["nwb_version"]
            for member in whole:
                if member != "specifications":
                    whole.copy(member, file, expand_refs=False)


def write_foreign_nwb(path):
    """An NWB file as others make it: electrodes, intervals of observation, times in s."""
    from datetime import UTC, datetime

    from pynwb import NWBHDF5IO, NWBFile

    nwb = NWBFile("two units in two areas", "one", datetime(2020, 1, 1, tzinfo=UTC))
    device = nwb.create_device("probe")
    for area in ("PMd", "M1"):
        group = nwb.create_electrode_group(f"array {area}", "array", area, device)
        nwb.add_electrode(group=group, location=area)
    nwb.add_unit_column("quality", "by eye")
    for k, times in enumerate(([0.5, 1.2, 1.25, 3.9], [1.0, 2.0, 3.0])):
        spans = np.array([[0.0, 5.0]])
        nwb.add_unit(spike_times=times, obs_intervals=spans, electrodes=[k], quality="good")
    nwb.add_trial_column("go_cue_time", "s")
    nwb.add_trial_column("target", "of the reach")
    nwb.add_trial_column("hand", "position", index=True)
    for start, stop, cue, target in ((1.0, 2.0, 1.5, "left"), (3.0, 4.0, np.nan, "right")):
        nwb.add_trial(start_time=start, stop_time=stop, go_cue_time=cue, target=target, hand=[0.0, 1.0])
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb)


def mutated(data, rng):
    """The bytes of a file with one to eight changes of random kinds."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        if not data:
            break
        kind, at = int(rng.integers(7)), int(rng.integers(len(data)))
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.integers(256))
        elif kind == 2:
            word = [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x10000, 255][int(rng.integers(8))]
            data[at : at + 4] = word.to_bytes(4, "little")
        elif kind == 3:
            data[at : at + 8] = int(rng.integers(2**63)).to_bytes(8, "little")
        elif kind == 4:
            other, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
            data[at : at + length] = data[other : other + length]
        elif kind == 5:
            del data[at : at + int(rng.integers(1, 64))]
        elif rng.random() < 0.1:
            del data[at:]
    return bytes(data)


def load(name, path):
    """Read a file of a format completely."""
    from neurornn.recordings import _matlab

    if name.startswith("nwb"):
        from neurornn.recordings import _nwb

        return _nwb.read(path).load()
    layout = _matlab.MatlabLayout(
        spikes="s", trials="x", unit=1, columns={"coherence": 2, "event_go": 3}, span=(0, 10)
    )
    variables = _matlab.read_matlab(path)
    return variables, _matlab.matlab_recording(variables, layout)


def _peak():
    """Most memory of this process so far, in KiB; what Linux tells of a child otherwise begins with its parent's."""
    import resource

    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def worker(folder, seed, first, last, formats=FORMATS, guarded=False):
    """Read files ``first`` to ``last`` in this process and say for each what came of it, one JSON line each."""
    import resource

    from neurornn.recordings import _matlab, _nwb

    if not guarded:  # this process is made to be lost
        _matlab.survives = _nwb.survives = lambda _: None
    folder = Path(folder)
    seeds = [(name, next(folder.glob(f"{name}.*"))) for name in formats]
    originals = [(name, path.read_bytes(), path.suffix) for name, path in seeds]
    for name, path in seeds:
        load(name, path)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    most = _peak() + EXTRA
    warnings.simplefilter("ignore")
    for k in range(first, last):
        name, data, suffix = originals[k % len(originals)]
        path = folder / f"mutated-{k}{suffix}"
        path.write_bytes(mutated(data, np.random.default_rng((seed, k))))
        print(json.dumps({"start": k}), flush=True)
        try:
            load(name, path)
            found = {"done": k, "read": True}
        except ValueError as error:
            found = {"done": k, "read": False, "message": str(error)[:300]}
        except Exception as error:  # whatever is no clear refusal is a finding
            found = {"done": k, "bad": f"{name} {type(error).__name__}: {str(error)[:200]}"}
        path.unlink()
        used = _peak()
        if used > most:
            found = {"done": k, "bad": f"{name} took {(used - most + EXTRA) >> 10} MiB", "tried": True}
            most = used
        print(json.dumps(found), flush=True)


def run(n, *, seed=0, folder, first=0, seconds=SECONDS, formats=FORMATS, guarded=False):
    """Read `n` mutated files; those that crash HDF5 or take too much memory once more as a user would."""
    sample_files(folder, formats)
    outcome = Outcome(0, 0, [], Counter(), [])
    read = refused = 0
    for k, found in _read_all(first, first + n, folder, seed, seconds, formats, guarded):
        if found.get("tried") and not guarded:
            (_, again), *_ = _read_all(k, k + 1, folder, seed, PATIENCE, formats, True)
            if again.get("read") is False:
                outcome.guarded.append(f"file {k}: {found['bad']}")
                found = again
        if "bad" in found:
            outcome.bad.append(f"file {k}: {found['bad']}")
        elif found["read"]:
            read += 1
        else:
            refused += 1
            outcome.messages[found["message"]] += 1
    return outcome._replace(read=read, refused=refused)


def _read_all(at, end, folder, seed, seconds, formats, guarded):
    """Number of each file and what came of it, read in child processes that are replaced when they die or hang."""
    while at < end:
        words = [str(folder), str(seed), str(at), str(end), ",".join(formats), str(int(guarded))]
        child = subprocess.Popen(
            [sys.executable, __file__, "--worker", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        watch = selectors.DefaultSelector()
        watch.register(child.stdout, selectors.EVENT_READ)
        started = False
        while at < end:
            if not watch.select(seconds if started else 120.0):
                child.send_signal(signal.SIGKILL)
                yield at, {"bad": f"hang of more than {seconds} s"}
                at += 1
                break
            line = child.stdout.readline()
            if not line:
                if child.wait() != 0:
                    if not started:
                        raise RuntimeError(child.stderr.read())
                    yield at, {"bad": f"the process died with {child.returncode}", "tried": True}
                    at += 1
                break
            found = json.loads(line)
            started = True
            if "start" in found:
                at = found["start"]
                continue
            yield found["done"], found
            at = found["done"] + 1
        child.stdout.close()
        child.stderr.close()
        child.wait()


def main():
    """Run from the command line."""
    if sys.argv[1:2] == ["--worker"]:
        folder, seed, first, last, formats, guarded = sys.argv[2:]
        worker(folder, int(seed), int(first), int(last), tuple(formats.split(",")), guarded == "1")
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=10_000, help="files")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--guarded", action="store_true", help="try every HDF5 file in another process first")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(
            options.n,
            seed=options.seed,
            folder=folder,
            first=options.first,
            formats=tuple(options.formats.split(",")),
            guarded=options.guarded,
        )
    print(
        f"{outcome.read} read, {outcome.refused} refused ({len(outcome.guarded)} by trial in another process), "
        f"{len(outcome.bad)} neither"
    )
    for line in (*outcome.bad, *(f"kept out: {each}" for each in outcome.guarded)):
        print(line)
    sys.exit(bool(outcome.bad))


if __name__ == "__main__":
    main()
