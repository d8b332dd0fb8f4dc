"""What one training step costs, beside the alternatives and the matrix products none of them can do without.

    python benchmarks/step.py
    python benchmarks/step.py --sizes 64,100,100 64,100,100,float64 --only "plain PyTorch loop" --repetitions 5
    python benchmarks/step.py --check

Forward pass with recurrent noise, mean squared error, backward pass and the gradients of all weights and biases.
Before a size is timed, each alternative is shown to compute the numbers neurornn computes, or the program stops.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import measuring
import torch
from alternatives import ALTERNATIVES, Case, Disagreement, Floor, Library, check, find

SIZES = ["20,50,100", "64,100,100", "64,256,200", "256,256,200", "64,100,100,float64"]
REPETITIONS = 25

PRODUCTS, OURS, OUR_EI = "matrix products alone", "neurornn", "neurornn, EI model as above"
PLAIN, PEER = "plain PyTorch loop", "neuralrnn EI model"
FOR_SCALE = {"torch.nn.RNN": "no leak, no noise"}  # another model: no competitor


def case_of(text: str) -> Case:
    """Read ``batch,units,steps`` with an optional floating-point type after it.

    Args:
        text: For instance ``"64,100,100"`` or ``"64,100,100,float64"``.

    Returns:
        The case.

    Raises:
        argparse.ArgumentTypeError: If it is not three whole numbers above 0 and perhaps a type.
    """
    sizes, dtypes = text.split(",")[:3], text.split(",")[3:] or ["float32"]
    known = {"float32": torch.float32, "float64": torch.float64}
    if (
        len(sizes) < 3
        or not all(size.isdigit() and int(size) > 0 for size in sizes)
        or dtypes[0] not in known
    ):
        raise argparse.ArgumentTypeError(f"'{text}' is not batch,units,steps or batch,units,steps,float64.")
    return Case(*map(int, sizes), known[dtypes[0]])


def measure(case: Case, names: Sequence[str], repetitions: int) -> dict[str, Any]:
    """Check and time one size.

    Args:
        case: The size.
        names: Alternatives to include.
        repetitions: Rounds that count; 0 only checks.

    Returns:
        Largest relative errors, times in ms and ratios, by name; None where a package is missing.
    """
    runs = {PRODUCTS: Floor(case).run, OURS: Library(case, case.parameters()).run}
    errors: dict[str, float | None] = {}
    for name in names:
        alternative = find(name)
        errors[name] = None if alternative is None else check(alternative, case)
        if alternative is None:
            continue
        parameters = case.parameters(alternative.equation.get("dale"))
        runs[name] = alternative(case, parameters).run
        if name == PEER:
            runs[OUR_EI] = Library(case, parameters, **alternative.equation).run
    shown = [PRODUCTS, *names, *([OUR_EI] if PEER in names else []), OURS]
    times = measuring.interleaved(runs, repetitions) if repetitions else {}
    summaries = {name: measuring.summary(values) for name, values in times.items()}
    return {
        "batch": case.batch,
        "units": case.units,
        "steps": case.steps,
        "dtype": str(case.dtype).removeprefix("torch."),
        "largest_relative_error": errors,
        "ms": {name: summaries.get(name) for name in shown},
        "ratios": _ratios({name: found["median"] for name, found in summaries.items()}),
    }


def _ratios(ms: Mapping[str, float]) -> dict[str, Any]:
    """What the medians say about neurornn."""
    rivals = {name: spent for name, spent in ms.items() if name in ALTERNATIVES and name not in FOR_SCALE}
    fastest = min(rivals, key=rivals.__getitem__, default=None)
    return {
        "neurornn_over_products": ms[OURS] / ms[PRODUCTS] if ms else None,
        "plain_loop_over_neurornn": ms[PLAIN] / ms[OURS] if PLAIN in ms else None,
        "peer_over_neurornn_ei": ms[PEER] / ms[OUR_EI] if PEER in ms else None,
        "fastest_alternative_over_neurornn": ms[fastest] / ms[OURS] if fastest else None,
        "fastest_alternative": fastest,
    }


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Sizes as columns, alternatives as rows.

    Args:
        results: What :func:`measure` returned, size by size.

    Returns:
        Lines of text.
    """
    heads = [
        ["batch, units, steps", *("{batch}, {units}, {steps}".format(**result) for result in results)],
        ["", *(result["dtype"] for result in results)],
    ]
    rows = [[_label(name), *(_cell(result, name) for result in results)] for name in results[0]["ms"]]
    said = {
        "neurornn / products": "neurornn_over_products",
        "plain loop / neurornn": "plain_loop_over_neurornn",
        "neuralrnn / neurornn, both EI": "peer_over_neurornn_ei",
        "fastest alternative / neurornn": "fastest_alternative_over_neurornn",
    }
    ratios = [[label, *(_number(result["ratios"][key]) for result in results)] for label, key in said.items()]
    first = max(len(row[0]) for row in rows)
    rule = "-" * (first + 16 * len(results))
    lines = [
        row[0].ljust(first) + "".join(cell.rjust(16) for cell in row[1:]) for row in heads + rows + ratios
    ]
    return "\n".join([*lines[:2], rule, *lines[2 : 2 + len(rows)], rule, *lines[2 + len(rows) :]])


def _label(name: str) -> str:
    return f"{name} ({FOR_SCALE[name]})" if name in FOR_SCALE else name


def _cell(result: Mapping[str, Any], name: str) -> str:
    if result["ms"][name] is None:
        return "not installed" if name in result["largest_relative_error"] else "-"
    return _number(result["ms"][name]["median"])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Check, time, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="rounds that count")
    parser.add_argument(
        "--sizes",
        type=case_of,
        nargs="+",
        default=[case_of(size) for size in SIZES],
        metavar="B,N,T[,float64]",
    )
    parser.add_argument("--only", nargs="+", choices=ALTERNATIVES, default=list(ALTERNATIVES), metavar="NAME")
    parser.add_argument(
        "--check", action="store_true", help="show that all compute the same, and time nothing"
    )
    parser.add_argument("--results", type=Path, default=measuring.RESULTS, help="folder of step.json")
    options = parser.parse_args(arguments)
    if options.repetitions < 1:
        parser.error(f"--repetitions needs at least 1: got {options.repetitions}.")

    torch.manual_seed(0)
    here = measuring.machine()
    if here["threads"]["torch"] != here["cores"]:
        sys.stderr.write(
            f"torch uses {here['threads']['torch']} threads and jax {here['cores']}, so the comparison is not fair: "
            "unset OMP_NUM_THREADS, or give the whole program fewer cores (taskset).\n"
        )
    results = []
    try:
        for case in options.sizes:
            sys.stderr.write(f"{case} ...\n")
            results.append(measure(case, options.only, 0 if options.check else options.repetitions))
    except Disagreement as error:
        sys.exit(str(error))
    if options.check:
        for case, result in zip(options.sizes, results, strict=True):
            for name, error in result["largest_relative_error"].items():
                said = "not installed" if error is None else f"{error:.1e} from neurornn"
                sys.stdout.write(f"{case!s:>20}  {name:<32} {said}\n")
        return
    sys.stdout.write(
        f"Median ms of one training step, {options.repetitions} interleaved repetitions; {here['cpu']}, "
        f"{here['cores']} cores\n\n{table(results)}\n\n"
    )
    path = measuring.write("step", {"repetitions": options.repetitions, "sizes": results}, options.results)
    sys.stdout.write(f"Saved {path}\n")


if __name__ == "__main__":
    main()
