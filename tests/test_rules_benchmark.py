"""The benchmark of learning rules measures what it says, and says what it does not measure."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neurornn import rules

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """The module; what the benchmarks draw from global generators stays in the test."""
    monkeypatch.syspath_prepend(FOLDER)
    with torch.random.fork_rng(devices=[]):
        yield importlib.import_module("rules")
    sys.modules.pop("rules", None)


def test_table_and_json(bench, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench, "peak", lambda name, case: {"BPTT": 4_000_000}.get(name, 3_000_000))
    monkeypatch.setitem(bench.RULES, "Telepathy", ("Telepathy", lambda case: {}))
    bench.main([
        *("--at", "2,8,4", "--units", "2", "4", "8", "--repetitions", "2"),
        *("--only", "RFLO", "RTRL", "Telepathy", "--results", str(tmp_path)),
    ])  # fmt: skip
    saved = json.loads((tmp_path / "rules.json").read_text())
    assert list(saved["rules"]) == ["BPTT", "RFLO", "RTRL"] and saved["machine"]["cores"] > 0
    bptt, rflo = saved["rules"]["BPTT"], saved["rules"]["RFLO"]
    assert bptt["time_over_bptt"] == 1 and rflo["memory_over_bptt"] == 0.75
    assert rflo["time_over_bptt"] == pytest.approx(rflo["ms"]["median"] / bptt["ms"]["median"])
    assert [point["units"] for point in rflo["against_units"]] == [2, 4, 8]
    assert rflo["against_units"][-1]["ms"] == rflo["ms"]  # timed once
    x, y = np.log([2, 4, 8]), np.log([point["ms"]["median"] for point in rflo["against_units"]])
    assert rflo["slope_against_units"]["all"] == pytest.approx(np.polyfit(x, y, 1)[0])
    shown = capsys.readouterr()
    assert "Telepathy: left out, neurornn.rules has no Telepathy" in shown.err
    line = next(line for line in shown.out.splitlines() if line.startswith("RFLO"))
    assert f"{rflo['ms']['median']:.2f}" in line and "3.00" in line


def test_every_rule_of_the_package_is_in_the_table(bench):
    """Nothing that is a rule is forgotten, and every row can be made at a small size."""
    kinds = {getattr(rules, name) for name in rules.__all__ if isinstance(getattr(rules, name), type)}
    known = {kind.__name__ for kind in kinds if issubclass(kind, rules.AbstractRule)}
    known -= {name for name in known if name.startswith("Abstract")}
    known -= {"RECOLLECT"}  # has networks of its own
    assert {kind for kind, _ in bench.RULES.values()} >= known
    case = bench.Case(2, 3, 4)
    for name in bench.present(list(bench.RULES)):
        bench.step_of(name, case).run()


def test_what_takes_too_long_or_too_much_is_left_out_and_said(bench, monkeypatch):
    def large(name, case):
        def run():
            if name == "RTRL" and case.units > 2:
                raise MemoryError("more than there is")
            if name == "UORO" and case.units > 4:
                clock[0] += 10.0

        return SimpleNamespace(run=run)

    clock = [0.0]
    monkeypatch.setattr(bench, "step_of", large)
    monkeypatch.setattr(bench.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(bench.measuring, "interleaved", lambda runs, n: dict.fromkeys(runs, [1.0] * n))
    cases = [bench.Case(2, n, 3) for n in (2, 4, 8, 16)]
    times, missing = bench.measure(["BPTT", "RTRL", "UORO"], cases, 3, longest=5.0)
    assert [case.units for name, case in times if name == "BPTT"] == [2, 4, 8, 16]
    assert [case.units for name, case in times if name == "RTRL"] == [2]
    assert {case.units: why for (name, case), why in missing.items() if name == "RTRL"} == dict.fromkeys(
        (4, 8, 16), "too large"
    )
    assert {case.units: why for (name, case), why in missing.items() if name == "UORO"} == dict.fromkeys(
        (8, 16), "over 5 s"
    )
    found = {name: bench.row(name, cases[-1], cases, times, missing, {}) for name in ("BPTT", "RTRL", "UORO")}
    text = bench.table(found, cases[-1], cases)
    assert text.count("too large") == 4 and text.count("over 5 s") == 3
    assert found["RTRL"]["slope_against_units"] == {"all": None, "largest_three": None}


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak can be restarted on Linux alone"
)
def test_memory_is_the_most_that_is_held_above_what_was_there():
    """A step that holds 64 MB for a moment, in a process that once held more and holds nothing else."""
    script = """
import types, numpy as np, rules
np.ones(16_000_000)  # 128 MB, given back
rules.step_of = lambda name, case: types.SimpleNamespace(run=lambda: np.ones(10 * case.batch).sum())
print(rules.own_peak("BPTT", rules.Case(800_000, 1, 1)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=FOLDER
    )
    assert 60e6 < int(done.stdout) < 80e6


def test_memory_is_measured_in_a_process_of_its_own(bench):
    """At a size where the influence matrices of RTRL are 16 MB, held twice."""
    case = bench.Case(32, 48, 3)
    influence = 4 * 32 * 48 * 48 * (48 + 6 + 1)
    assert bench.peak("RTRL", case) > 2 * influence > 30e6


@pytest.mark.parametrize("options", [["--repetitions", "0"], ["--units", "0"], ["--longest", "0"]])
def test_senseless_numbers_are_refused(bench, options, capsys):
    with pytest.raises(SystemExit):
        bench.main(options)
    assert "at least 1 repetition" in capsys.readouterr().err
