"""Check that a task keeps the contract that training and analyses rely on."""

__all__ = ["TaskCheckError", "check_task"]

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn._untouched import global_random_state
from neurornn.trials import Trials

if TYPE_CHECKING:  # the core uses no task
    from neurornn.tasks import AbstractTask

_LARGEST_GRID = 4096  # cells of a condition grid that are looked at


class TaskCheckError(ValueError):
    """A task breaks the contract of tasks."""


def check_task(task: "AbstractTask", *, n_trials: int = 32, seed: int = 0) -> None:
    """Check that a task keeps the contract of :class:`~neurornn.tasks.AbstractTask`.

    Names, shapes, finite values, mask, padding and epochs of its trials; the same trials from the same seed,
    however they are split into batches, without touching a global random state; a perfect output that scores 1
    and a silent one that does not; behaviour that is judged trial by trial and ignores padding; a balanced grid
    that visits each cell once; conditions that can be set; the same timing at other time steps.

    Args:
        task: The task.
        n_trials: Number of trials to look at, at least 4.
        seed: Seed they are drawn from.

    Raises:
        TaskCheckError: If the task breaks the contract; the message says where.
        ValueError: If there are too few trials.

    Examples:
        >>> from neurornn import tasks
        >>> check_task(tasks.make("perceptual-decision"))
    """
    if n_trials < 4:
        raise ValueError(f"check_task needs at least 4 trials to compare: got n_trials={n_trials}.")
    before = global_random_state()
    trials = task.sample(n_trials, seed=seed)
    try:
        _check_trials(task, trials, n_trials, seed)
        _check_seeds(task, trials, seed)
        _check_batches(task, trials, seed)
        _check_behaviour(task, trials)
        _check_probe_inputs(task)
        _check_grid(task, seed)
        _check_conditions(task, trials, seed)
        _check_dt(task, trials, seed)
        _require(global_random_state() == before, "sampling used or changed a global random state")
    except TaskCheckError as error:
        raise TaskCheckError(f"Task '{task.name}': {error}.") from None


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise TaskCheckError(message)


def _check_trials(task: "AbstractTask", trials: Trials, n_trials: int, seed: int) -> None:
    for kind, names, size, told in (
        ("input", task.input_names, task.n_inputs, trials.info.input_names),
        ("output", task.output_names, task.n_outputs, trials.info.output_names),
    ):
        _require(
            size == len(names) and tuple(told) == tuple(names),
            f"{kind}_names {tuple(names)} differ from those of the trials, {tuple(told)}",
        )
        _require(
            len(set(names)) == len(names) and all(names), f"{kind}_names are not all different and non-empty"
        )
    _require(trials.n_trials == n_trials, f"sample({n_trials}) gave {trials.n_trials} trials")
    for name in ("dt", "seed", "task"):
        expected = {"dt": task.dt, "seed": seed, "task": task.name}[name]
        told = getattr(trials.info, name)
        _require(told == expected, f"trials.info.{name} is {told!r} instead of {expected!r}")

    _require(bool(trials.epochs), "the trials have no epochs, so nothing says where a trial ends")
    dt, total = task.dt, trials.n_steps * task.dt
    for name, bounds in trials.epochs.items():
        start, end = bounds[:, 0], bounds[:, 1]
        inside = (start >= 0) & (start <= end) & (end <= total + 1e-6 * dt)
        _require(
            bool(inside.all()), f"epoch '{name}' is not ordered within the trial: {_first(bounds, ~inside)}"
        )
        whole = np.abs(bounds / dt - np.round(bounds / dt)).max(axis=1) < 1e-6
        _require(
            bool(whole.all()),
            f"epoch '{name}' is not a whole number of steps of {dt:g} ms: {_first(bounds, ~whole)}",
        )
    for name, values in trials.conditions.items():
        kind = values.dtype.kind
        _require(
            kind in "biufU", f"condition '{name}' has dtype {values.dtype}: numbers, booleans or strings"
        )

    padding = trials.valid == 0
    for name in ("inputs", "targets", "mask"):
        value: Tensor = getattr(trials, name)
        _require(
            value.is_floating_point(), f"{name} has dtype {value.dtype} instead of a floating-point type"
        )
        _require(bool((value[padding] == 0).all()), f"{name} is not zero in the padding after a trial")
    _require(bool(torch.isfinite(trials.inputs).all()), "inputs has values that are not finite")
    counted = (trials.mask > 0).any(1)
    _require(bool(counted.all()), f"the mask of trial {_index(~counted)} is zero everywhere")
    if trials.info.loss == "cross_entropy":
        total_probability = trials.targets.sum(2)[trials.mask > 0]
        _require(
            bool((trials.targets >= 0).all())
            and torch.allclose(total_probability, torch.ones_like(total_probability)),
            "with a cross-entropy loss the targets must be probabilities over the outputs",
        )


def _check_seeds(task: "AbstractTask", trials: Trials, seed: int) -> None:
    other = task.sample(trials.n_trials, seed=seed + 1)
    again = task.sample(trials.n_trials, seed=seed)
    difference = _difference(trials, again)
    _require(difference is None, f"{difference} differ between two samples from the same seed")
    one = trials.select(np.zeros(trials.n_trials, dtype=np.int64))
    random_trials = _difference(trials, dataclasses.replace(one, conditions={}, epochs={})) is not None
    _require(
        not random_trials or _difference(trials, other) is not None,
        f"seeds {seed} and {seed + 1} give the same trials",
    )


def _check_batches(task: "AbstractTask", trials: Trials, seed: int) -> None:
    first = trials.n_trials // 3
    part = task.sample(trials.n_trials - first, seed=seed, first=first)
    difference = _difference(trials.select(slice(first, None)), part)
    _require(
        difference is None,
        f"{difference} of trial {first} and later depend on the batch they are drawn in",
    )


def _check_behaviour(task: "AbstractTask", trials: Trials) -> None:
    ideal = task.ideal_output(trials)
    _require(
        ideal.shape == trials.targets.shape,
        f"ideal_output has shape {tuple(ideal.shape)} instead of {tuple(trials.targets.shape)}",
    )
    behaviour = task.behaviour(trials, ideal)
    _require("performance" in behaviour, f"behaviour has no 'performance', only {sorted(behaviour)}")
    for name, values in behaviour.items():
        _require(
            np.shape(values) == (trials.n_trials,),
            f"behaviour '{name}' has shape {np.shape(values)} for {trials.n_trials} trials",
        )
    score = task.performance(trials, ideal)
    asked = ~np.isnan(score)
    _require(bool(asked.any()), "performance is NaN in all trials")
    short = asked & ~np.isclose(score, 1.0)
    if short.any():
        _require(
            False, f"the ideal output scores {score[short][0]:.3g} in trial {_index(short)} instead of 1"
        )
    silent = task.performance(trials, torch.zeros_like(ideal))
    in_range = np.isnan(silent) | ((silent >= 0) & (silent <= 1))
    _require(bool(in_range.all()), "the performance of a silent output is not between 0 and 1")
    _require(float(np.nanmean(silent)) < 1, "an output that is always 0 scores 1: nothing has to be learned")

    outside = torch.where(trials.valid[..., None] > 0, ideal, torch.full_like(ideal, 1e3))
    some = np.arange(trials.n_trials)[::-2]
    few = task.behaviour(trials.select(some), ideal[some.copy()])
    beyond = task.behaviour(trials, outside)
    for name, values in behaviour.items():
        _require(_same(values, beyond[name]), f"behaviour '{name}' depends on the output after the trial")
        _require(_same(values[some], few[name]), f"behaviour '{name}' of a trial depends on the other trials")


def _check_probe_inputs(task: "AbstractTask") -> None:
    again = task.probe_inputs()
    for name, vector in task.probe_inputs().items():
        _require(
            tuple(vector.shape) == (task.n_inputs,) and bool(torch.isfinite(vector).all()),
            f"probe input '{name}' is not a vector of {task.n_inputs} finite numbers",
        )
        _require(torch.equal(vector, again[name]), f"probe input '{name}' is noisy")


def _check_grid(task: "AbstractTask", seed: int) -> None:
    if not task.supports_balanced:
        return
    n_cells, factors = task.n_conditions, task.factor_names
    n_trials = min(n_cells, _LARGEST_GRID)
    grid = task.sample(n_trials, seed=seed, balanced=True)
    cells = _cells(grid, factors)
    _require(
        len(set(cells)) == n_trials,
        f"a balanced batch of {n_trials} trials visits {len(set(cells))} of the {n_cells} cells of {factors}",
    )
    other = task.sample(n_trials, seed=seed + 1, first=n_cells, balanced=True)
    _require(cells == _cells(other, factors), "the cells of a balanced batch depend on the seed or the round")


def _check_conditions(task: "AbstractTask", trials: Trials, seed: int) -> None:
    for name in task.condition_names:
        if name not in trials.conditions:  # a fixed duration
            continue
        wanted = np.roll(trials.conditions[name], 1)
        got = task.sample(trials.n_trials, seed=seed, conditions={name: wanted}).conditions[name]
        _require(_same(got, wanted), f"condition '{name}' was set but the trials have other values")
    try:
        task.sample(1, seed=seed, conditions={"no such condition": 0})
    except ValueError:
        return
    _require(False, "a condition that does not exist was accepted and ignored")


def _check_dt(task: "AbstractTask", trials: Trials, seed: int) -> None:
    if not dataclasses.is_dataclass(task) or "dt" not in {each.name for each in dataclasses.fields(task)}:
        return
    for dt in (10.0, 20.0, 50.0):
        try:
            other = dataclasses.replace(task, dt=dt)
        except ValueError:
            _require(dt > task.dt, f"dt={dt:g} ms is refused although dt={task.dt:g} ms is not")
            continue  # coarser than its shortest epoch
        coarse = other.sample(trials.n_trials, seed=seed)
        _require(set(coarse.epochs) == set(trials.epochs), f"the epochs change with dt={dt:g} ms")
        for name, bounds in trials.epochs.items():
            change = np.abs(np.diff(coarse.epochs[name]) - np.diff(bounds)).max()
            _require(
                change <= task.n_roundings * (dt + task.dt),
                f"epoch '{name}' lasts {change:g} ms more or less at dt={dt:g} than at dt={task.dt:g}",
            )
        for name in task.factor_names:
            if trials.info.units.get(name) != "ms":
                same = _same(coarse.conditions[name], trials.conditions[name])
                _require(same, f"condition '{name}' changes with dt={dt:g} ms")
        score = other.performance(coarse, other.ideal_output(coarse))
        _require(
            bool(np.all(np.isnan(score) | np.isclose(score, 1.0))), f"the ideal output fails at dt={dt:g} ms"
        )


def _difference(a: Trials, b: Trials) -> str | None:
    """Name of the first part in which trials differ apart from padding, None if in none."""
    n_steps = min(a.n_steps, b.n_steps)
    for name in ("inputs", "targets", "mask"):
        x: Tensor = getattr(a, name)
        y: Tensor = getattr(b, name)
        if not torch.equal(x[:, :n_steps], y[:, :n_steps]) or x[:, n_steps:].any() or y[:, n_steps:].any():
            return name
    for name in set(a.conditions) & set(b.conditions):
        if not _same(a.conditions[name], b.conditions[name]):
            return f"conditions '{name}'"
    for name in set(a.epochs) & set(b.epochs):
        if not _same(a.epochs[name], b.epochs[name]):
            return f"epochs '{name}'"
    return None


def _same(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")


def _cells(trials: Trials, factors: tuple[str, ...]) -> list[tuple[object, ...]]:
    if not factors:
        return [()] * trials.n_trials
    return list(zip(*(trials.conditions[name].tolist() for name in factors), strict=True))


def _first(bounds: NDArray[np.float64], wrong: NDArray[np.bool_]) -> str:
    start, end = bounds[_index(wrong)]
    return f"trial {_index(wrong)} has {start:g} to {end:g} ms"


def _index(wrong: NDArray[np.bool_] | Tensor) -> int:
    return int(np.argmax(np.asarray(wrong)))
