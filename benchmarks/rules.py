"""What a step of each learning rule costs beside back-propagation through time: time, memory, and growth with the units.

    python benchmarks/rules.py
    python benchmarks/rules.py --at 64,256,200 --units 16 32 64 128 256 --repetitions 10 --only RFLO EProp

A step is a call of ``backward`` on the same network and trials as in step.py, with recurrent noise, in current form with
one time constant. Times are medians of interleaved repetitions. Memory is the most that one process, started for this
rule and size alone, holds during two steps above what it held before them (resident set; network and trials are there
before). A rule that takes longer than ``--longest`` seconds for a step, or needs more memory than there is, is left out of
that size and of larger ones, and the table says so. RECOLLECT, which has networks of its own, is not in the table. Prints a
table, and saves rules.json.
"""

import argparse
import contextlib
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import measuring
import torch
from alternatives import Case, Library
from scaling import slope
from step import case_of

from neurornn import rules

AT, UNITS, REPETITIONS, LONGEST = "64,256,200", [16, 32, 64, 128, 256], 10, 5.0
BASELINE = "BPTT"
RULES: dict[str, tuple[str, Callable[[Case], dict[str, Any]]]] = {  # row of the table: class, and its options
    "BPTT": ("BPTT", lambda case: {}),
    "TruncatedBPTT, a quarter": ("TruncatedBPTT", lambda case: {"depth": max(1, case.steps // 4)}),
    "RFLO": ("RFLO", lambda case: {}),
    "EProp": ("EProp", lambda case: {}),
    "SnAp1": ("SnAp1", lambda case: {}),
    "FeedbackAlignment": ("FeedbackAlignment", lambda case: {}),
    "KHop(1)": ("KHop", lambda case: {"k": 1}),
    "MDGL": ("MDGL", lambda case: {}),
    "ModProp": ("ModProp", lambda case: {}),
    "OnlineRFLO": ("OnlineRFLO", lambda case: {}),
    "OnlineEProp": ("OnlineEProp", lambda case: {}),
    "SnAp(1), forward": ("SnAp", lambda case: {"n": 1}),
    "UORO": ("UORO", lambda case: {}),
    "KeRNL": ("KeRNL", lambda case: {}),
    "DNI": ("DNI", lambda case: {}),
    "ReverseKroneckerRTRL": ("ReverseKroneckerRTRL", lambda case: {}),
    "KroneckerRTRL": ("KroneckerRTRL", lambda case: {}),
    "RTRL": ("RTRL", lambda case: {}),
    "Replay, stored": ("Replay", lambda case: {}),
    "NodePerturbation": ("NodePerturbation", lambda case: {}),
    "WeightPerturbation": ("WeightPerturbation", lambda case: {}),
    "RewardHebbian": ("RewardHebbian", lambda case: {}),
    "RidgeReadout": ("RidgeReadout", lambda case: {}),
    "FORCE": ("FORCE", lambda case: {}),
    "FullFORCE": ("FullFORCE", lambda case: {}),
}


def step_of(name: str, case: Case) -> Library:
    """A training step of a rule.

    Args:
        name: Row of the table.
        case: Its size.

    Returns:
        What has a method ``run``.
    """
    kind, options = RULES[name]
    library = Library(case, case.parameters())
    library.rule = getattr(rules, kind)(**options(case))
    return library


def present(names: Sequence[str]) -> list[str]:
    """Those of the rules that this version of the package has; a line for each of the others.

    Args:
        names: Rows of the table.

    Returns:
        The names.
    """
    missing = [name for name in names if not hasattr(rules, RULES[name][0])]
    for name in missing:
        sys.stderr.write(f"{name}: left out, neurornn.rules has no {RULES[name][0]}.\n")
    return [name for name in names if name not in missing]


def measure(
    names: Sequence[str], cases: Sequence[Case], repetitions: int, longest: float
) -> tuple[dict[tuple[str, Case], dict[str, float]], dict[tuple[str, Case], str]]:
    """Time rules at sizes, interleaved, size by size.

    Args:
        names: Rows of the table.
        cases: Sizes, small ones first.
        repetitions: Rounds that count.
        longest: Seconds that a step may take.

    Returns:
        Medians and quartiles in ms of each rule and size, and why some are missing.
    """
    times, missing = {}, {}
    gone: dict[str, str] = {}
    for case in cases:
        runs = {}
        for name in names:
            if name in gone:
                missing[name, case] = gone[name]
                continue
            try:
                run = step_of(name, case).run
                run()  # compilation, caches
                began = time.perf_counter()
                run()
                spent = time.perf_counter() - began
            except MemoryError:
                gone[name] = missing[name, case] = "too large"
                continue
            if spent > longest:
                gone[name] = f"over {longest:g} s"
                missing[name, case] = gone[name]
            else:
                runs[name] = run
        sys.stderr.write(f"{case}: {len(runs)} rules ...\n")
        for name, found in measuring.interleaved(runs, repetitions).items():
            times[name, case] = measuring.summary(found)
    return times, missing


def peak(name: str, case: Case) -> int:
    """Memory of two steps, in a process of its own.

    Args:
        name: Row of the table.
        case: Its size.

    Returns:
        Bytes.
    """
    command = [sys.executable, __file__, "--peak", name, str(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout.splitlines()[-1]))


def own_peak(name: str, case: Case) -> int:
    """Memory of two steps in this process, above what it held before.

    Args:
        name: Row of the table.
        case: Its size.

    Returns:
        Bytes.
    """
    step_of(name, replace(case, batch=2, units=4, steps=min(case.steps, 4))).run()  # what is loaded once
    step = step_of(name, case)
    gc.collect()
    before = _restart_peak()
    for _ in range(2):
        step.run()
    return max(0, _peak() - before)


def _restart_peak() -> int:
    """Forget the highest resident set so far, where the system lets one, and tell the present one."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """Highest resident set in bytes."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def row(
    name: str,
    at: Case,
    cases: Sequence[Case],
    times: Mapping[tuple[str, Case], Mapping[str, float]],
    missing: Mapping[tuple[str, Case], str],
    peaks: Mapping[str, int],
) -> dict[str, Any]:
    """All that was found out about a rule.

    Args:
        name: Row of the table.
        at: The size all rules are compared at.
        cases: Sizes of the growth with the units.
        times: What :func:`measure` returned.
        missing: What :func:`measure` returned.
        peaks: Bytes by rule at the size all are compared at.

    Returns:
        Times, ratios, bytes and slopes, None where there are none.
    """
    ms, base = times.get((name, at)), times.get((BASELINE, at))
    points = [{"size": case.units, "rule": times[name, case]} for case in cases if (name, case) in times]
    slopes = {
        "all": slope(points, "rule")["slope"] if len(points) > 1 else None,
        "largest_three": slope(points[-3:], "rule")["slope"] if len(points) > 2 else None,
    }
    memory, base_memory = peaks.get(name), peaks.get(BASELINE)
    return {
        "ms": ms,
        "time_over_bptt": ms["median"] / base["median"] if ms and base else None,
        "peak_bytes": memory,
        "memory_over_bptt": memory / base_memory if memory is not None and base_memory else None,
        "against_units": [{"units": point["size"], "ms": point["rule"]} for point in points],
        "slope_against_units": slopes,
        "missing": {str(case): missing[name, case] for case in (*cases, at) if (name, case) in missing},
    }


def table(found: Mapping[str, Mapping[str, Any]], at: Case, cases: Sequence[Case]) -> str:
    """Rules as rows.

    Args:
        found: What :func:`row` returned, by name.
        at: The size all rules are compared at.
        cases: Sizes of the growth with the units.

    Returns:
        Lines of text.
    """
    first = max(len(name) for name in found)
    head = ["ms", "/ BPTT", "peak MB", "/ BPTT", *(f"N={case.units}" for case in cases), "slope", "largest 3"]
    lines = ["".ljust(first) + "".join(text.rjust(11) for text in head)]
    for name, each in found.items():
        by_units = {point["units"]: point["ms"]["median"] for point in each["against_units"]}
        slopes = each["slope_against_units"]
        cells = [
            _cell(each["ms"] and each["ms"]["median"], each["missing"].get(str(at))),
            _cell(each["time_over_bptt"]),
            _cell(each["peak_bytes"] and each["peak_bytes"] / 1e6),
            _cell(each["memory_over_bptt"]),
            *(_cell(by_units.get(case.units), each["missing"].get(str(case))) for case in cases),
            _cell(slopes["all"]),
            _cell(slopes["largest_three"]),
        ]
        lines.append(name.ljust(first) + "".join(cell.rjust(11) for cell in cells))
    return "\n".join(lines)


def _cell(value: float | None, why: str | None = None) -> str:
    return (why or "-") if value is None else f"{value:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Time, weigh, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--at", type=case_of, default=case_of(AT), metavar="B,N,T[,float64]")
    parser.add_argument(
        "--units", type=int, nargs="*", default=UNITS, help="units of the growth, the rest as in --at"
    )
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="rounds that count")
    parser.add_argument("--longest", type=float, default=LONGEST, help="seconds a step may take")
    parser.add_argument(
        "--only", nargs="+", choices=RULES, default=list(RULES), metavar="RULE", help="rules beside BPTT"
    )
    parser.add_argument("--results", type=Path, default=measuring.RESULTS, help="folder of rules.json")
    parser.add_argument("--peak", nargs=2, metavar=("RULE", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    if options.peak:
        sys.stdout.write(f"{own_peak(options.peak[0], case_of(options.peak[1]))}\n")
        return
    if options.repetitions < 1 or not options.longest > 0 or min(options.units, default=1) < 1:
        parser.error("at least 1 repetition, units of at least 1 and a time above 0 are needed.")

    names = present(list(dict.fromkeys([BASELINE, *options.only])))
    cases = [replace(options.at, units=n) for n in sorted(set(options.units))]
    sizes = sorted({*cases, options.at}, key=lambda case: case.units)
    times, missing = measure(names, sizes, options.repetitions, options.longest)
    peaks = {}
    for name in names:
        if (name, options.at) in times:
            sys.stderr.write(f"memory of {name} ...\n")
            peaks[name] = peak(name, options.at)
    found = {name: row(name, options.at, cases, times, missing, peaks) for name in names}
    here = measuring.machine()
    sys.stdout.write(
        f"One step of each rule at batch,units,steps = {options.at}, and median ms against units; "
        f"{options.repetitions} interleaved repetitions; {here['cpu']}, {here['cores']} cores\n\n"
        f"{table(found, options.at, cases)}\n\n"
    )
    content = {"repetitions": options.repetitions, "at": str(options.at), "rules": found}
    path = measuring.write("rules", content, options.results)
    sys.stdout.write(f"Saved {path}\n")


if __name__ == "__main__":
    main()
