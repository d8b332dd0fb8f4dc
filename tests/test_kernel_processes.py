"""The compiled time loop among threads, forks, interrupts, and processes that come after."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numba
import pytest
import torch
from circuits import Problem
from toys import FORMS, toy_trials

import neurornn
from neurornn import CTRNN, _share
from neurornn.kernels._cpu import _compile, _engine
from neurornn.rules import BPTT

HERE = Path(__file__).parent
PACKAGE = Path(neurornn.__file__).parent
needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="forking is safe on Linux alone")


def python(script, *arguments, cwd=None, timeout=120, **variables):
    """What a fresh process prints; it must end well and complain about nothing."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=cwd or HERE,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)} | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "Compiling the time loop" not in line]
    assert done.returncode == 0, done.stderr
    assert not complaints, done.stderr
    return done.stdout.split()


def train(seed, n_updates=4):
    """Weights after a few updates."""
    network = CTRNN(2, 40, 2, sigma_rec=0.1, seed=seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(seed)
    for update in range(n_updates):
        optimizer.zero_grad()
        trials = toy_trials(40, 30, seed=update, dtype=torch.float32)
        BPTT().backward(network, trials, generator=generator)
        optimizer.step()
    return torch.cat([each.detach().flatten() for each in network.parameters()])


@pytest.mark.parametrize("n_threads", [1, 2])
def test_training_in_two_threads_at_once_is_training_one_after_the_other(n_threads, monkeypatch):
    monkeypatch.setattr(_share, "_WORTH", 1.0, raising=False)  # share out even the smallest run
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        expected = [train(seed) for seed in (0, 1)]
        found = [None, None]

        def work(seed):
            torch.set_num_threads(n_threads)
            for _ in range(3):
                found[seed] = train(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in (0, 1)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize("form", FORMS)
def test_a_large_run_is_shared_between_as_many_threads_as_torch_may_use(form, monkeypatch):
    monkeypatch.setattr(_share, "_WORTH", 1e5)  # the run is large enough for three threads then
    rows, lock = {}, threading.Lock()

    def watch(name):
        original = getattr(_engine, name)

        def watched(first, last, *arguments):
            with lock:
                rows.setdefault(threading.get_ident(), []).append((name, first, last))
            original(first, last, *arguments)

        monkeypatch.setattr(_engine, name, watched)

    watch("forward")
    watch("backward")
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2, 3):
            rows.clear()
            torch.set_num_threads(n_threads)
            Problem(form, n_trials=72, n_units=64, n_steps=100).everything(dtype=torch.float32)
            pieces = sorted(piece for each in rows.values() for piece in each)
            blocks = [piece[1:] for piece in pieces if piece[0] == "backward"]
            trials = [piece[1:] for piece in pieces if piece[0] == "forward"]
            assert trials == [(72 * i // n_threads, 72 * (i + 1) // n_threads) for i in range(n_threads)]
            assert len(blocks) == n_threads
            assert (len(rows) > 1) == (n_threads > 1)
    finally:
        torch.set_num_threads(before)


def test_an_error_in_one_share_is_raised_when_all_are_done(monkeypatch):
    monkeypatch.setattr(_share, "_WORTH", 1.0, raising=False)
    done = []

    def work(first, last):
        if first == wrong:
            raise FloatingPointError(f"from {first}")
        done.append((first, last))

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for wrong in (0, 2, 4):
            done.clear()
            with pytest.raises(FloatingPointError, match=f"from {wrong}"):
                _share.share(work, 6, 1e9)
            assert len(done) == 2
        wrong = None
        _share.share(work, 6, 1e9)
        assert sorted(done[-3:]) == [(0, 2), (2, 4), (4, 6)]
    finally:
        torch.set_num_threads(before)


START = """
import hashlib, os, signal, sys, time
import torch
from circuits import Problem
from neurornn import _share
_share._WORTH = 1.0
torch.set_num_threads(2)
problem = Problem("rate", n_trials=24, n_units=40, n_steps=60, noise="input")
leaves = problem.leaves(torch.float32)
weights = problem.numbers(24, 60, 2, dtype=torch.float32)

def digest():  # no operation of torch's own that is large enough for its threads: those do not survive a fork
    run, _ = problem.run(leaves=leaves, record=False)
    found = torch.autograd.grad(run.output, list(leaves.values()), weights)
    return hashlib.blake2b(b"".join(each.detach().numpy().tobytes() for each in (run.output, *found))).hexdigest()

expected = digest()
"""

FORK = """
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0 if all(digest() == expected for _ in range(3)) else 3)
    children.append(child)
assert digest() == expected
patience = time.monotonic() + 60
for child in children:
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            print(os.waitstatus_to_exitcode(status))
            break
        if time.monotonic() > patience:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            print("hangs")
            break
        time.sleep(0.01)
print(digest() == expected)
"""

INTERRUPT = """
class Stop(BaseException):
    pass

def stop(number, frame):
    if armed:
        raise Stop

sys.unraisablehook = lambda problem: None  # an interrupt in a destructor is printed and dropped by Python
signal.signal(signal.SIGALRM, stop)
armed, n_stopped = False, 0
for turn in range(40):
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, 0.0005 * (1 + turn % 20))
        for _ in range(100):
            digest()
    except Stop:
        n_stopped += 1
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
    if digest() != expected:
        print("changed")
print(n_stopped)
"""

LEAVE = """
run, _ = problem.run(leaves=leaves)
sys.modules["held"] = [run, torch.from_numpy(run.state.detach().numpy())]
print("leaving")
"""


@needs_fork
@pytest.mark.slow
def test_forked_processes_run_after_their_parent_did():
    assert python(START + FORK) == ["0", "0", "0", "True"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs interval timers")
def test_an_interrupted_run_leaves_all_in_order():
    (n_stopped,) = python(START + INTERRUPT)
    assert int(n_stopped) > 5


@pytest.mark.slow
def test_a_process_ends_in_silence_while_results_are_held():
    assert python(START + LEAVE) == ["leaving"]


COMPILED = """
from neurornn.kernels import normal_numbers
from neurornn.kernels._cpu import _normal, drawn_normals
print(drawn_normals(7, 2, 3, 4).sum().item().hex())
stats = _normal.fill.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), stats.cache_path)
"""


@pytest.mark.slow
def test_compiled_code_outlives_the_process_until_a_source_changes(tmp_path):
    copied = shutil.copytree(PACKAGE, tmp_path / "neurornn", ignore=shutil.ignore_patterns("__pycache__"))
    place = {"cwd": tmp_path, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    first = python(COMPILED, **place)
    again = python(COMPILED, **place)
    with (copied / "kernels" / "_noise.py").open("a") as file:
        file.write("\n# another version\n")
    changed = python(COMPILED, **place)
    assert first[1:3] == ["0", "1"]
    assert again[1:3] == ["1", "0"]
    assert changed[1:3] == ["0", "1"]
    assert first[0] == again[0] == changed[0]
    assert Path(first[3]).is_relative_to(tmp_path)
    assert list(Path(first[3]).glob("*.nbc"))


def test_every_source_of_compiled_code_is_in_the_stamp(tmp_path, monkeypatch):
    shutil.copytree(PACKAGE / "kernels", tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(_compile, "__file__", str(tmp_path / "kernels" / "_cpu" / "_compile.py"))
    stamp = _compile._stamp.__wrapped__
    before = stamp()
    sources = [*(tmp_path / "kernels" / "_cpu").glob("*.py"), tmp_path / "kernels" / "_noise.py"]
    assert len(sources) > 10
    for source in sources:
        text = source.read_text()
        source.write_text(text + "\n")
        assert stamp() != before, source.name
        source.write_text(text)
    assert stamp() == before


def three(out):
    out[0] = 3


def test_without_a_folder_for_compiled_code_it_is_compiled_anyway(monkeypatch):
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    out = torch.zeros(1).numpy()
    _compile.compiled(three)(out)
    assert out[0] == 3


def test_numba_told_not_to_compile_is_as_good_as_none(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(ImportError, match="NUMBA_DISABLE_JIT"):
        _compile.compiled(three)
