"""Damaged files: read or refused, never a crash, a hang or another error. The full number is in ``benchmarks/fuzz.py``."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def fuzz(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("fuzz")


@pytest.mark.parametrize("formats", [("mat5", "mat5z", "mat73"), ("nwb-spikes", "nwb-binned", "nwb-tables")])
def test_mutated_files_are_read_or_refused(fuzz, tmp_path, formats):
    if formats[0].startswith("nwb"):
        pytest.importorskip("pynwb")
    n = 450 if formats[0] == "mat5" else 210
    outcome = fuzz.run(n, seed=7, folder=tmp_path, formats=formats)
    assert outcome.bad == []
    assert outcome.read + outcome.refused == n
    assert outcome.read > 0 and outcome.refused > 0
    assert all(len(message) > 20 for message in outcome.messages), "an error says what is wrong"


def test_files_that_only_the_trial_in_another_process_keeps_out_are_told(fuzz, tmp_path, monkeypatch):
    answers = {
        False: [(0, {"bad": "nwb took 900 MiB", "tried": True}), (1, {"bad": "died", "tried": True})],
        True: [(0, {"read": False, "message": "too much memory"})],
    }

    def read_all(at, end, folder, seed, seconds, formats, guarded):
        yield from answers[guarded] if at == 0 else [(1, {"bad": "died", "tried": True})]

    monkeypatch.setattr(fuzz, "_read_all", read_all)
    outcome = fuzz.run(2, folder=tmp_path, formats=("mat5",))
    assert (outcome.refused, outcome.guarded, outcome.bad) == (
        1,
        ["file 0: nwb took 900 MiB"],
        ["file 1: died"],
    )


def test_the_harness_sees_hangs_crashes_and_other_errors(fuzz, tmp_path, monkeypatch):
    source = (BENCHMARKS / "fuzz.py").read_text()
    broken = """    if path.name == "mutated-0.mat":
        raise KeyError("not ours")
    if path.name == "mutated-1.mat":
        import os

        os.abort()
    if path.name == "mutated-2.mat":
        import time

        time.sleep(60)
    if path.name == "mutated-3.mat":
        return len(bytearray(b"x") * (300 << 20))
    from neurornn.recordings import _matlab
"""
    copy = tmp_path / "broken_fuzz.py"
    copy.write_text(source.replace("    from neurornn.recordings import _matlab\n", broken, 1))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fuzz, "__file__", str(copy))
    outcome = fuzz.run(4, seed=1, folder=tmp_path, formats=("mat5",), seconds=5.0, guarded=True)
    for line, wanted in zip(
        outcome.bad, ("KeyError", "the process died", "hang of more than", "took"), strict=True
    ):
        assert wanted in line
