"""Averages and parts of the trials of one side, some trials at a time."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from populations import S, one_unit_a_session, trials

from neurornn.analysis._conditions import activity, condition_average
from neurornn.analysis.compare._ceiling import Averages
from neurornn.analysis.compare._clock import time_base
from neurornn.analysis.compare._match import match_conditions
from neurornn.analysis.compare._side import Side
from neurornn.recordings import _blocks


@pytest.fixture(scope="module")
def noisy():
    return trials(S, noise=4.0, seed=2)


def test_averages_and_parts_are_those_of_each_units_own_trials(noisy):
    pseudo = one_unit_a_session(noisy)
    side = _side(pseudo)
    reference = condition_average(activity(pseudo, "rate")[0], ["stimulus"]).transpose(
        "condition", "time", "unit"
    )
    assert np.allclose(side.mean, reference.values)
    (parts,) = side.parts(np.arange(20), 2, [5])
    assert np.allclose(parts.mean(), side.mean)
    assert (abs(parts.counts[0] - parts.counts[1]) <= 1).all() and (parts.counts.sum(0) == side.counts).all()
    halves = Averages.of(parts).halves
    assert not np.allclose(*halves)
    (some,) = side.parts(np.array([3, 7]), 4, [5])
    assert np.allclose(some.mean(), side.mean[..., [3, 7]]) and len(some.sums) == 4


def test_halves_of_trials_that_end_at_different_times_have_values_to_the_end():
    ds = trials(S, 4, noise=1.0)
    rate = ds["rate"].values
    rate[ds["trial"].values >= 20, 5:] = np.nan  # the last two trials of each condition are short
    (parts,) = _side(ds).parts(np.arange(20), 2, [1])
    assert (parts.counts[:, :, 5:] == 1).all()


def test_blocks_of_trials_give_the_same_numbers(noisy, monkeypatch):
    whole = _side(noisy)
    monkeypatch.setattr(_blocks, "BLOCK", 3000)
    blocks = _side(noisy)
    assert np.allclose(blocks.mean, whole.mean, rtol=1e-12)
    (one,), (other,) = (side.parts(np.arange(20), 2, [1]) for side in (whole, blocks))
    assert np.allclose(one.sums, other.sums) and (one.counts == other.counts).all()


MEMORY = """
    import resource, sys
    import numpy as np, xarray as xr
    from neurornn.analysis import compare
    from neurornn.analysis.similarity import RSA
    from neurornn.recordings import _blocks
    _blocks.BLOCK = 2**21
    def size():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    def data(n_trials, n_units):
        coords = {"time": ("time", 20.0 * np.arange(50), {"units": "ms"}), "stimulus": ("trial", np.arange(n_trials) % 5)}
        rate = np.random.default_rng(0).standard_normal((n_trials, 50, n_units), dtype=np.float32)
        return xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, coords)
    options = {"by": "stimulus", "measures": [RSA()], "n_subsamples": 2, "n_splits": 2, "n_shuffles": 2, "n_bootstrap": 4}
    model = data(10, 20)
    compare.run([model], model, **options)  # everything is imported
    path = sys.argv[1]
    data(300, 1000).to_netcdf(path, engine="h5netcdf", encoding={"rate": {"chunksizes": (5, 50, 1000)}})  # 60 MB
    with xr.open_dataset(path, engine="h5netcdf") as lazy:
        resource.setrlimit(resource.RLIMIT_AS, (size() + 55 * 2**20,) * 2)
        try:
            lazy["rate"].values
            print("fits")
        except (MemoryError, OSError):
            print("too large")
        found = compare.run([model], lazy, **options)
        print(int(found["n_units"]), int(found["n_trials"]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of memory is that of Linux")
def test_a_recording_larger_than_memory_is_compared(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY), str(tmp_path / "large.nc")],
        capture_output=True, text=True, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["too large", "20 300"], done.stderr[-2000:]


def _side(ds):
    sides = [("The recording", ds)]
    match = match_conditions(sides, ["stimulus"], {}, drop=False)
    base = time_base(sides, align=None, window=None, bin_width=None)
    return Side(ds, "The recording", "rate", match.members[0], base.clocks[0], match.n, base.start.size)
