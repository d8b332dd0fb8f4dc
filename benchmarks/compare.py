"""A comparison of networks with a recording: how long the standard one takes, and how much memory a 2 GB recording needs.

    python benchmarks/compare.py
    python benchmarks/compare.py --memory
    python benchmarks/compare.py --memory --gigabytes 0.2

The first compares 5 networks of 100 units with a recording of 100 units in 20 conditions at 10 times, with the default
measures and numbers of draws, three times, and saves compare.json. The second writes a recording of 2 GB, compares it in a
process of its own, once in a window of 200 ms with all measures and once as a whole, and reports the largest memory that process and
those it starts had; the file is removed afterwards.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import h5netcdf
import measuring
import numpy as np
import xarray as xr

from neurornn import recordings
from neurornn.analysis import compare
from neurornn.random import derive_seed, normal_array

N_NETWORKS, N_UNITS, N_CONDITIONS, N_TIMES, N_TRIALS = 5, 100, 20, 10, 10
MEMORY = (1000, 250)  # units and times of the large recording; its trials follow from its size


def population(n_trials: int, seed: int, noise: float) -> xr.Dataset:
    """Trials of units that mix eight random walks, the same for every seed.

    Args:
        n_trials: Trials of each condition.
        seed: Seed of the mixing and of the noise.
        noise: Standard deviation of the noise of single trials.

    Returns:
        The trials, with as many input channels as walks.
    """
    walks = normal_array(derive_seed(0, "walks"), N_CONDITIONS, N_TIMES, 8).cumsum(1)
    mean = walks @ normal_array(derive_seed(seed, "mixing"), 8, N_UNITS)
    condition = np.tile(np.arange(N_CONDITIONS), n_trials)
    rate = np.tanh(mean)[condition] + noise * normal_array(
        derive_seed(seed, "noise"), condition.size, N_TIMES, N_UNITS
    )
    time_axis = ("time", 20.0 * np.arange(N_TIMES), {"units": "ms"})
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate), "inputs": (("trial", "time", "input"), walks[condition])},
        {"time": time_axis, "condition_number": ("trial", condition)},
    )


def standard(repetitions: int) -> None:
    """Time the standard comparison.

    Args:
        repetitions: How often.
    """
    networks = [population(1, seed, 0.0) for seed in range(1, N_NETWORKS + 1)]
    before = [population(1, 100 + seed, 0.0) for seed in range(1, N_NETWORKS + 1)]
    recording = population(N_TRIALS, 50, 1.0)
    seconds, busy = [], []
    for _ in range(repetitions):
        began, used = time.perf_counter(), time.process_time()
        found = compare.run(networks, recording, by="condition_number", untrained=before, callback=_say)
        seconds.append(time.perf_counter() - began)
        busy.append(time.process_time() - used)
        sys.stdout.write(f"{seconds[-1]:.1f} s, of which the processors worked {busy[-1]:.1f} s\n")
    sys.stdout.write(compare.table(found) + "\n")
    case = {
        "networks": N_NETWORKS,
        "units": N_UNITS,
        "conditions": N_CONDITIONS,
        "times": N_TIMES,
        "draws": int(found.attrs["n_draws"]),
    }
    rounded = ([round(each, 2) for each in times] for times in (seconds, busy))
    path = measuring.write(
        "compare", dict(zip(("case", "seconds", "processor_seconds"), (case, *rounded), strict=True))
    )
    sys.stdout.write(f"{path}\n")


def _say(progress: compare.Progress) -> None:
    sys.stdout.write(f"\rdraw {progress.done} of {progress.total}, {progress.seconds:.0f} s ")
    sys.stdout.flush()


def memory(gigabytes: float) -> None:
    """Write a large recording and compare it in a process of its own.

    Args:
        gigabytes: Size of the recording.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.nc"
        n_trials = _write(path, gigabytes)
        done = subprocess.run(
            [sys.executable, __file__, "--compare-file", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        size = path.stat().st_size / 1e9
    if done.returncode:
        raise SystemExit(done.stderr)
    peak, opening, part, whole = map(float, done.stdout.split()[-4:])
    sys.stdout.write(
        f"{size:.2f} GB of {n_trials} trials, {MEMORY[0]} units and {MEMORY[1]} times: at most {peak:.2f} GB of memory; opened in "
        f"{opening:.1f} s, 200 ms compared in {part:.1f} s, all of it in {whole:.1f} s\n"
    )
    measuring.write(
        "compare_memory",
        {
            "gigabytes": round(size, 2),
            "trials": n_trials,
            "peak_gigabytes": round(peak, 2),
            "seconds_opening": round(opening, 1),
            "seconds_window": round(part, 1),
            "seconds_whole": round(whole, 1),
        },
    )


def _write(path: Path, gigabytes: float) -> int:
    """A recording on disk, written some trials at a time."""
    units, times = MEMORY
    n_trials = int(gigabytes * 1e9 / (4 * units * times)) // N_CONDITIONS * N_CONDITIONS
    mean = np.tanh(
        normal_array(derive_seed(0, "walks"), N_CONDITIONS, times, 8).cumsum(1) @ normal_array(1, 8, units)
    )
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"trial": n_trials, "time": times, "unit": units}
        file.attrs["schema"] = "neurornn.Recording/1"
        file.create_variable("unit", ("unit",), "i4", data=np.arange(units))
        rate = file.create_variable("rate", ("trial", "time", "unit"), "f4", chunks=(1, times, units))
        file.create_variable("time", ("time",), "f8", data=20.0 * np.arange(times)).attrs["units"] = "ms"
        file.create_variable("condition_number", ("trial",), "i4", data=np.arange(n_trials) % N_CONDITIONS)
        rate.attrs["coordinates"] = "condition_number"
        rng = np.random.default_rng(0)
        for k in range(n_trials):
            rate[k] = mean[k % N_CONDITIONS] + rng.standard_normal((times, units), dtype=np.float32)
    return n_trials


def _compare_file(path: str) -> None:
    network = population(1, 1, 0.0)
    began = time.perf_counter()
    with recordings.load(path) as recording:
        opened = time.perf_counter()
        compare.run([network], recording, by="condition_number", window=(0.0, 20.0 * N_TIMES))
        part = time.perf_counter()
        compare.run(
            [_long(network)],
            recording,
            by="condition_number",
            n_subsamples=2,
            n_splits=2,
            measures=compare.DEFAULT_MEASURES[3:4],
        )
        whole = time.perf_counter()
    unit = 1 if sys.platform == "darwin" else 1024
    own, started = (
        resource.getrusage(who).ru_maxrss * unit / 1e9
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    sys.stdout.write(f"{own + started} {opened - began} {part - opened} {whole - part}\n")


def _long(network: xr.Dataset) -> xr.Dataset:
    """The network for as long as the recording lasts, so that all of it is compared."""
    repeated = network.isel(time=np.arange(MEMORY[1]) % N_TIMES)
    return repeated.assign_coords(time=("time", 20.0 * np.arange(MEMORY[1]), {"units": "ms"}))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for.

    Args:
        arguments: Words of the command line; those of the process if None.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="measure memory instead of time")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the recording")
    parser.add_argument("--compare-file", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.compare_file:
        _compare_file(given.compare_file)
    elif given.memory:
        memory(given.gigabytes)
    else:
        standard(given.repetitions)


if __name__ == "__main__":
    main()
