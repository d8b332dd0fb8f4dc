"""All fixed points of trained 3-bit flip-flops: neurornn beside joint Adam on the squared speed, in one run.

    python benchmarks/fixed_points.py
    python benchmarks/fixed_points.py --units 64 --repetitions 3
    python benchmarks/fixed_points.py --completeness 60
    python benchmarks/fixed_points.py --memory

The first prints, for each size, how many fixed points each way finds, what speed is left there and how long it takes,
medians of interleaved repetitions, and saves fixed_points.json. Both get 1,024 states of the same trajectories, and
return eigenvalues with the points. What one finds is held against the union of all that Newton's method confirms. The networks are trained once and kept in
the folder of the results. The second form asks for other sizes. ``--completeness n`` searches 5 n random networks whose
number of fixed points is known (the families of ``tests/test_completeness.py``), and ``--memory`` measures the largest
memory of a search in 1,024 units in a process of its own; neither of the two times anything.
"""

import argparse
import importlib.util
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import measuring
import numpy as np
import torch
from alternatives.joint_adam import JointAdam
from numpy.typing import NDArray

import neurornn
from neurornn import tasks
from neurornn.analysis import fixed_points
from neurornn.random import derive_seed, normal_array

UNITS, REPETITIONS, N_CANDIDATES, N_STEPS = (64, 256), 5, 1024, 3000
NOISE = 0.5  # added to the candidates of Adam, as in the example of the tool: without it far fewer points are found
NEAR = 1e-2  # distance at which a point counts as found, for Adam
SETTINGS = {  # of Adam: the tool's defaults, and a learning rate that serves these networks better
    "Adam, defaults": JointAdam(),
    "Adam, rate 0.1": JointAdam(learning_rate=0.1),
}
OURS, VECTORS, ALL = "neurornn", "neurornn, eigenvectors", "neurornn, all 1,024"


class Case(NamedTuple):
    """A trained network, its trajectories, and what the map of one step is.

    Attributes:
        network: In float64.
        inputs: Held.
        candidates: States of trajectories, as they are.
    """

    network: neurornn.CTRNN
    inputs: NDArray[np.float64]
    candidates: NDArray[np.float64]


def trained(units: int, folder: Path) -> Case:
    """A flip-flop of three bits, trained without noise, from the folder if it was trained before.

    Args:
        units: Recurrent units.
        folder: Where it is kept.

    Returns:
        The network and 1,024 states it visits.
    """
    task = tasks.make("flip-flop", n_bits=3, sigma_in=0.0)
    network = neurornn.CTRNN(task.n_inputs, units, task.n_outputs, activation="tanh", seed=0)
    path = folder / "networks" / f"flip-flop-{units}-{N_STEPS}.pt"
    if path.exists():
        network.load_state_dict(torch.load(path, weights_only=True))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        sys.stdout.write(f"Training a flip-flop of {units} units, once ...\n")
        neurornn.train(network, task, n_steps=N_STEPS, seed=0, validate_every=500)
        torch.save(network.state_dict(), path)
    data = neurornn.simulate(network, task.sample(64, seed=1, balanced=True), task=task)
    states = fixed_points.candidates_from(data, N_CANDIDATES, jitter=0.0).values
    return Case(network, task.probe_inputs()["no pulse"].double().numpy(), states)


def ways(case: Case) -> dict[str, Callable[[], Any]]:
    """What is timed: all of :func:`neurornn.analysis.fixed_points.find`, and all of each Adam.

    Both give points and the eigenvalues of the Jacobian at each. ``find`` adds certificates, and left and right
    eigenvectors where the name says so.

    Args:
        case: A trained network.

    Returns:
        Functions by name.
    """
    single = case.network.noiseless().float().requires_grad_(False)
    held = torch.as_tensor(case.inputs, dtype=torch.float32)
    noise = NOISE * normal_array(derive_seed(0, "noise"), *case.candidates.shape)
    start = torch.as_tensor(case.candidates + noise, dtype=torch.float32)
    spread = 0.1 * case.candidates.std(0).mean() * normal_array(derive_seed(0, "jitter"), *start.shape)

    def step(state: torch.Tensor) -> torch.Tensor:
        return state + single.dt * single.drift(state, held.expand(*state.shape[:-1], -1))

    def ours(**options: Any) -> Callable[[], Any]:
        return lambda: fixed_points.find(
            case.network, candidates=case.candidates + spread, inputs=case.inputs, **options
        )

    runs: dict[str, Callable[[], Any]] = {
        OURS: ours(),
        VECTORS: ours(eigenvectors=True),
        ALL: ours(adaptive=False),
    }
    for name, adam in SETTINGS.items():
        runs[name] = lambda adam=adam: adam.find(step, start)
    return runs


def described(case: Case, results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What each way found, held against everything that any of them found and Newton's method confirms.

    Args:
        case: The network searched.
        results: What each way returned.

    Returns:
        Number of points found and of those that are none, and the speeds left, in 1/ms.
    """
    states = {
        name: each.state.double().numpy()
        if name in SETTINGS
        else each.state.values[each.kind.values == "fixed"]
        for name, each in results.items()
    }
    everything = np.concatenate(list(states.values()))
    known = fixed_points.find(case.network, candidates=everything, inputs=case.inputs, adaptive=False)
    roots = known.state.values[known.kind.values == "fixed"]
    double = case.network.noiseless().double().requires_grad_(False)
    held = torch.as_tensor(case.inputs)
    table = {}
    for name, each in states.items():
        distance = np.linalg.norm(each[:, None] - roots[None], axis=2)
        speed = double.drift(torch.as_tensor(each), held.expand(len(each), -1)).norm(dim=1).numpy()
        table[name] = {
            "found": int((distance.min(0) < NEAR).sum()),
            "known": len(roots),
            "listed": len(each),
            "no_point": int((distance.min(1) >= NEAR).sum()),
            "median_speed": float(np.median(speed)),
            "largest_speed": float(speed.max()),
        }
        if name not in SETTINGS:
            ds = results[name]
            table[name] |= {
                "index_sum": int(ds.index_sum.item()),
                "completeness": str(ds.completeness.item()),
                "starts": int(ds.n_candidates_used.item() + ds.n_seeds.item()),
            }
    return table


def completeness(n: int) -> dict[str, dict[str, int]]:
    """Searches of networks whose number of fixed points is known.

    Args:
        n: Networks of each family.

    Returns:
        For each family how many were found complete, said to be incomplete, and incomplete without a word.
    """
    path = Path(__file__).resolve().parents[1] / "tests" / "test_completeness.py"
    spec = importlib.util.spec_from_file_location("families", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"The families of networks are in {path}, which cannot be read.")
    families = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(families)
    table = {}
    for family in families.FAMILIES:
        counts = {"networks": n, "complete": 0, "said": 0, "unsaid": 0}
        for seed in range(n):
            found, number = families.search(seed, family)
            if found.attrs["n_fixed"] == number:
                counts["complete"] += 1
            else:
                counts["said" if found.completeness.item() == "incomplete" else "unsaid"] += 1
        table[family.__name__] = counts
        sys.stdout.write(f"{family.__name__:<14}{counts}\n")
    return table


def memory() -> float:
    """Largest memory of a process that searches 1,024 units from 1,024 candidates, in GiB."""
    command = [sys.executable, __file__, "--within"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def _large() -> None:
    """Three bits held by groups of 1,024 units, with weak random weights besides: 27 fixed points."""
    units, rng = 1024, np.random.default_rng(0)
    M = np.eye(3)[np.arange(units) % 3]
    network = neurornn.CTRNN(1, units, 1, activation="tanh", bias=False, dtype=torch.float64)
    network.W_rec = torch.as_tensor(
        2 * M / M.sum(0) @ M.T + 0.1 * rng.standard_normal((units, units)) / units**0.5
    )
    start = rng.standard_normal((N_CANDIDATES, 3)) @ M.T + 0.1 * rng.standard_normal((N_CANDIDATES, units))
    found = fixed_points.find(network, candidates=start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    sys.stdout.write(
        f"{found.attrs['n_fixed']} fixed points, index sum {found.index_sum.item()}, "
        f"{found.completeness.item()}, peak in GiB: {peak / 2**30:.3f}\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, time, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--units", type=int, nargs="+", default=UNITS, help="sizes of the networks")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="rounds that count")
    parser.add_argument(
        "--completeness", type=int, metavar="N", help="search 5 N networks with known answers instead"
    )
    parser.add_argument("--memory", action="store_true", help="measure the memory at 1,024 units instead")
    parser.add_argument("--within", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, default=measuring.RESULTS, help="folder of the results")
    options = parser.parse_args(arguments)
    if options.within:
        return _large()
    if options.memory:
        peak = memory()
        path = measuring.write("fixed_points_memory", {"peak_GiB": peak}, options.results)
        sys.stdout.write(f"A search in 1,024 units took {peak:.2f} GiB at most.\nSaved {path}\n")
        return None
    if options.completeness:
        path = measuring.write(
            "fixed_points_completeness", {"families": completeness(options.completeness)}, options.results
        )
        sys.stdout.write(f"Saved {path}\n")
        return None
    content = {}
    for units in options.units:
        case = trained(units, options.results)
        runs = ways(case)
        found = described(case, {name: run() for name, run in runs.items()})
        times = measuring.interleaved(runs, options.repetitions)
        for name, row in found.items():
            row["ms"] = measuring.summary(times[name])
        content[str(units)] = found
        _print(units, found)
    path = measuring.write(
        "fixed_points", {"repetitions": options.repetitions, "units": content}, options.results
    )
    sys.stdout.write(f"Saved {path}\n")
    return None


def _print(units: int, found: dict[str, dict[str, Any]]) -> None:
    ours = found[OURS]
    sys.stdout.write(
        f"\n{units} units: {ours['known']} fixed points are known; neurornn: index sum {ours['index_sum']}, "
        f"{ours['completeness']}, {ours['starts']} starts\n"
        f"{'':<24}{'found':>7}{'none':>6}{'speed, median':>15}{'largest':>10}{'ms':>10}{'times':>7}\n"
    )
    for name, row in found.items():
        sys.stdout.write(
            f"{name:<24}{row['found']:>7}{row['no_point']:>6}{row['median_speed']:>15.1e}{row['largest_speed']:>10.1e}"
            f"{row['ms']['median']:>10.1f}{row['ms']['median'] / ours['ms']['median']:>7.1f}\n"
        )


if __name__ == "__main__":
    main()
