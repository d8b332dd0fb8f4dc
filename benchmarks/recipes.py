"""Does each task learn with the recipe it ships? Trains every one with several seeds and prints the table.

    python benchmarks/recipes.py
    python benchmarks/recipes.py --only flip-flop context-decision --seeds 0 1 2

This is what ``neurornn train --task NAME --seed SEED`` does. A seed passes if validation trials reach the criterion of
the recipe before its steps are done. The table is written after every task, and tasks that are in it are not trained again.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measuring
from tqdm import tqdm

from neurornn import TrainingDiverged, tasks

SEEDS = [0, 1, 2]


def with_recipe() -> list[str]:
    """Names of the tasks that ship a recipe with a criterion."""
    return [name for name in tasks.names() if tasks.make(name).recipe.criterion is not None]


def learn(name: str, seed: int) -> dict[str, Any]:
    """Train one network.

    Args:
        name: Task.
        seed: Seed of weights, trials and noise.

    Returns:
        What came out.
    """
    task = tasks.make(name)
    recipe = task.recipe
    network = recipe.network(task, seed=seed)
    began = time.perf_counter()
    with tqdm(total=recipe.n_steps, desc=f"{name}, seed {seed}", disable=None) as bar:
        try:
            result = recipe.train(network, task, seed=seed, callback=lambda at: bar.update(at.step - bar.n))
        except TrainingDiverged as failure:  # which counts as not learned
            result = failure.result
    return {
        "seed": seed,
        "performance": result.performance,
        "steps": result.n_steps,
        "seconds": time.perf_counter() - began,
        "passed": result.stop_reason == "target reached",
    }


def described(name: str) -> str:
    """The recipe of a task in a few words."""
    recipe = tasks.make(name).recipe
    cells = "no Dale's law" if recipe.excitatory is None else f"{recipe.excitatory:.0%} excitatory"
    return f"{recipe.n_units} {recipe.activation}, {cells}, lr {recipe.learning_rate:g}, batch {recipe.batch_size}"


def identity(name: str) -> str:
    """Task and recipe: a result with another one is out of date."""
    task = tasks.make(name)
    return f"{task!r} {task.recipe!r}"


def table(found: dict[str, list[dict[str, Any]]]) -> str:
    """A line for each task: medians over seeds.

    Args:
        found: Seeds by task.

    Returns:
        Lines of Markdown.
    """
    lines = [
        "| task | recipe | criterion | performance | steps | seconds | seeds passed |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, seeds in found.items():
        middle = {
            key: statistics.median(each[key] for each in seeds) for key in ("performance", "steps", "seconds")
        }
        passed = sum(each["passed"] for each in seeds)
        lines.append(
            f"| {name} | {described(name)} | {tasks.make(name).recipe.criterion:g} | {middle['performance']:.3f} "
            f"| {middle['steps']:.0f} | {math.ceil(middle['seconds'])} | {passed} of {len(seeds)} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="TASK", help="some tasks instead of all with a recipe")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, help="seeds of each")
    parser.add_argument(
        "--results", type=Path, default=measuring.RESULTS, help="folder of recipes.json and recipes.md"
    )
    options = parser.parse_args(arguments)
    path = options.results / "recipes.json"
    known = json.loads(path.read_text(encoding="utf-8"))["tasks"] if path.exists() else {}
    names = [tasks.make(name).name for name in options.only] if options.only else with_recipe()
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        same = {each["seed"]: each for each in known.get(name, []) if each["of"] == identity(name)}
        found[name] = [same.get(seed) or learn(name, seed) | {"of": identity(name)} for seed in options.seeds]
        measuring.write("recipes", {"tasks": known | found}, options.results)
        sys.stderr.write(table({name: found[name]}).splitlines()[-1] + "\n")
    text = table(found)
    (options.results / "recipes.md").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
