"""Times that can be compared: interleaved, in random order, with what they were taken on."""

__all__ = ["RESULTS", "interleaved", "machine", "summary", "versions", "write"]

import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).resolve().parent / "results"
WARM = 0.03  # seconds; the threads of OpenMP go on looking for work for some milliseconds after they had it
DISCARDED = 2  # first rounds: compilation, caches
PACKAGES = ("neurornn", "torch", "numpy", "numba", "jax", "jaxlib", "neuralrnn")


def interleaved(
    runs: Mapping[str, Callable[[], object]], repetitions: int, seed: int = 0
) -> dict[str, list[float]]:
    """Time functions in turn, each round in another order.

    In its turn a function runs for a while and the last run counts: as in training, the steps before were of the same
    kind, and what another one left in the caches or its waiting threads is not held against it.

    Args:
        runs: What to time.
        repetitions: Rounds that count; two come before.
        seed: Seed of the order.

    Returns:
        Times in ms for each name.
    """
    order, shuffle = list(runs), random.Random(seed).shuffle
    times: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(DISCARDED + repetitions):
        shuffle(order)
        for name in order:
            until = time.perf_counter() + WARM
            runs[name]()
            while time.perf_counter() < until:
                runs[name]()
            began = time.perf_counter()
            runs[name]()
            spent = 1e3 * (time.perf_counter() - began)
            if repetition >= DISCARDED:
                times[name].append(spent)
    return times


def summary(times: Sequence[float]) -> dict[str, float]:
    """Median and quartiles in ms."""
    low, middle, high = (
        statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else 3 * list(times)
    )
    return {"median": middle, "lower_quartile": low, "upper_quartile": high}


def machine() -> dict[str, Any]:
    """The processor, and how many threads each side may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads: dict[str, int | str | None] = {
        "torch": torch.get_num_threads(),
        "jax": f"its default ({cores} cores)",
    }
    if "numba" in sys.modules:
        threads["numba"] = sys.modules["numba"].get_num_threads()
    return {
        "cpu": _processor(),
        "cores": cores,
        "threads": threads,
        "platform": platform.platform(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str | None]:
    """Version of each package that matters, None where it is not installed."""
    return {name: _version(name) for name in PACKAGES}


def write(name: str, content: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Save a result, with the machine and the versions, as JSON.

    Args:
        name: Name of the file, without ending.
        content: What was found.
        folder: Where to.

    Returns:
        The path of the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(
        json.dumps({"machine": machine(), "versions": versions(), **content}, indent=2, allow_nan=False)
        + "\n"
    )
    return path


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """Name of the processor as its maker gives it, where the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return platform.processor() or platform.machine()
