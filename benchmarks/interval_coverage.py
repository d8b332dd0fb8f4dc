"""How often the 95 % intervals of the fits of behaviour hold the truth, for simulated observers with known parameters.

    python benchmarks/interval_coverage.py
    python benchmarks/interval_coverage.py --only "contraction bias" "stay probability" --data-sets 1000

Each fit meets ``--data-sets`` data sets of an observer of its own model (``observers/``), with the options it has by
default. Printed and saved (coverage.json, coverage.md) is the fraction of intervals that hold the true value, for each
parameter; entries of a band, such as the observed proportions along the stimulus, are taken together. Of 200 intervals
that hold the truth with probability 0.95, 180 or fewer do so in 3 of 1000 cases. The program ends with status 1 if a
fraction is below ``--at-least``. Fits that are finished are kept: run it again to go on; what has changed since, in the
fit or its observer, is done again.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import measuring
from observers import STUDIES, covered, digest

DATA_SETS, AT_LEAST, PROCESSES = 200, 0.90, 2
CHUNK = 10  # data sets a process takes at a time


def some(name: str, numbers: Sequence[int]) -> list[tuple[dict[str, float], float]]:
    """What the intervals of some data sets hold, and how many seconds each took with its simulation."""
    found = []
    for number in numbers:
        began = time.perf_counter()
        hits = covered(STUDIES[name], number)
        found.append((hits, time.perf_counter() - began))
    return found


def studied(name: str, n: int, code: str, pool: ProcessPoolExecutor | None) -> dict[str, Any]:
    """Coverage of each parameter of one fit; shows how far it is."""
    chunks = [range(k, min(k + CHUNK, n)) for k in range(0, n, CHUNK)]
    names = [name] * len(chunks)
    parts: Iterator[list[tuple[dict[str, float], float]]] = (pool.map if pool else map)(some, names, chunks)
    found: list[tuple[dict[str, float], float]] = []
    for part in parts:
        found += part
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{name}: {len(found)}/{n}\x1b[K")
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    coverage = {
        parameter: round(statistics.fmean(hits[parameter] for hits, _ in found), 6)
        for parameter in found[0][0]
    }
    return {
        "data_sets": n,
        "code": code,
        "ms_a_data_set": 1e3 * statistics.median(spent for _, spent in found),
        "coverage": coverage,
    }


def table(fits: Mapping[str, Mapping[str, Any]]) -> str:
    """The fits as a table in Markdown."""
    lines = ["| fit | parameter | 95 % intervals that hold the truth | data sets | ms a data set |", "|---|---|---|---|---|"]  # fmt: skip
    for name, fit in fits.items():
        for k, (parameter, fraction) in enumerate(fit["coverage"].items()):
            ends = (f"{fit['data_sets']}", f"{fit['ms_a_data_set']:.0f}") if k == 0 else ("", "")
            lines.append(
                f"| {name if k == 0 else ''} | {parameter} | {fraction:.3f} | {ends[0]} | {ends[1]} |"
            )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Try every fit, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data-sets", type=int, default=DATA_SETS, help="simulated data sets for each fit")
    parser.add_argument("--at-least", type=float, default=AT_LEAST, help="fraction that must hold the truth")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="processes; 1 starts no other")
    parser.add_argument("--only", nargs="+", choices=STUDIES, metavar="FIT", help="some of: " + ", ".join(STUDIES))  # fmt: skip
    parser.add_argument("--results", type=Path, default=measuring.RESULTS, help="folder of coverage.json")
    options = parser.parse_args(arguments)
    path = options.results / "coverage.json"
    kept = json.loads(path.read_text())["fits"] if path.exists() else {}
    asked = options.only or list(STUDIES)
    codes = {
        name: digest(STUDIES[name]) for name in asked
    }  # of the code that runs, whatever is edited meanwhile
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes to come
    pool = None
    if options.processes > 1:
        pool = ProcessPoolExecutor(options.processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        for name in asked:
            old = kept.get(name, {})
            fresh = old.get("data_sets") == options.data_sets and old.get("code") == codes[name]
            if not fresh:
                kept[name] = studied(name, options.data_sets, codes[name], pool)
            fits = {each: kept[each] for each in STUDIES if each in kept}
            measuring.write("coverage", {"fits": fits}, options.results)
            (options.results / "coverage.md").write_text(table(fits))
            least = min(kept[name]["coverage"].values())
            sys.stdout.write(
                f"{name:<44} least {least:.3f}  {kept[name]['ms_a_data_set']:>6.0f} ms{'  (kept)' if fresh else ''}\n"
            )
            sys.stdout.flush()
    finally:
        if pool:
            pool.shutdown(cancel_futures=True)
    sys.stdout.write("\n" + table({name: kept[name] for name in asked}) + f"\nSaved {path}\n")
    low = [
        f"{name}, {parameter}: {fraction:.3f}"
        for name in asked
        for parameter, fraction in kept[name]["coverage"].items()
        if fraction < options.at_least
    ]
    if low:
        sys.exit(f"Below {options.at_least}:\n" + "\n".join(low))


if __name__ == "__main__":
    main()
