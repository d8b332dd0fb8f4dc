"""What the trials of a neurogym environment have in common, learned from a sample of them."""

__all__ = ["Layout", "columns", "go_step", "survey"]

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.random import derive_seed
from neurornn.tasks._neurogym_env import RawTrial, TrialSource
from neurornn.tasks._neurogym_state import sealed

_N_SURVEYED = 64
_KINDS = (bool, int, float, str)  # each can hold what comes before it; only the last two can hold a gap


class Layout(NamedTuple):
    """What holds for every trial of an environment.

    Attributes:
        input_names: One name for each observation.
        output_names: One name for each action, or for each continuous output.
        discrete: Whether the ground truth is an action.
        fixation: Action that means fixation.
        epochs: Names of the periods in the order of their mean start.
        response: Periods in which an action other than fixation is the right one in some trial.
        timed: Those of them in which the right action changes, so that its time is what counts.
        kinds: Type of each variable of a trial.
        go_cue: Channel of the fixation input and its value when on; None if it cannot serve as a go cue.
        no_go_cue: Why it cannot; empty if it can.
        off_early: Whether the fixation input goes off before the response is due, and so is no go cue as it is.
        situations: Mean observations in each period.
        waiting: Fraction of each period that comes before the response is due.
        lost: Periods that vanish because they are shorter than a step.
    """

    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    discrete: bool
    fixation: int
    epochs: tuple[str, ...]
    response: tuple[str, ...]
    timed: tuple[str, ...]
    kinds: dict[str, type]
    go_cue: tuple[int, float] | None
    no_go_cue: str
    off_early: bool
    situations: dict[str, NDArray[np.float32]]
    waiting: dict[str, float]
    lost: tuple[str, ...]


def survey(build: Callable[[], TrialSource]) -> Layout:
    """Draw some trials and see what they are made of, and that they do not depend on each other.

    Args:
        build: Builds a source of trials.

    Returns:
        The layout.

    Raises:
        ValueError: If a trial depends on those before it, or on numbers that cannot be seeded.
    """
    with sealed():
        source, other = build(), build()
        seeds = [derive_seed(0, "neurogym survey", k) for k in range(_N_SURVEYED)]
        trials = [source.trial(seed) for seed in seeds]
        for k, (seed, trial) in enumerate(zip(seeds, trials, strict=True)):
            again = other.trial(seed, restore=False)
            if not (
                np.array_equal(again.inputs, trial.inputs) and np.array_equal(again.target, trial.target)
            ):
                raise ValueError(
                    f"Trial {k} of '{source.label}' came out differently after other trials: the environment carries "
                    "something from trial to trial (blocks, counters), or uses random numbers that cannot be "
                    "seeded. Its trials are not independent."
                )
    discrete = hasattr(source.action_space, "n")
    groups = getattr(source.action_space, "name", {})
    n_outputs = int(source.action_space.n) if discrete else trials[0].target.shape[1]
    output_names = _channel_names([groups], n_outputs, "action" if discrete else "output")
    fixation = output_names.index("fixation") if "fixation" in output_names else 0
    input_names = _channel_names(source.channels, trials[0].inputs.shape[1], "input")
    epochs = _in_order(trials)
    acting = {name: [_acts(trial, name, fixation) for trial in trials] for name in epochs if discrete}
    response = tuple(name for name in acting if any(np.any(each) for each in acting[name]))
    go_cue, no_go_cue = _go_cue(trials, input_names, response)
    return Layout(
        input_names=input_names,
        output_names=output_names,
        discrete=discrete,
        fixation=fixation,
        epochs=epochs,
        response=response,
        timed=tuple(name for name in response if any(np.ptp(each) for each in acting[name] if each.size)),
        kinds={
            name: _kind([trial.variables.get(name) for trial in trials])
            for name in dict.fromkeys(name for trial in trials for name in trial.variables)
        },
        go_cue=go_cue,
        no_go_cue=no_go_cue,
        off_early=go_cue is not None and _off_early(trials, go_cue, response),
        situations={name: mean for name in epochs if (mean := _mean_inputs(trials, name)) is not None},
        waiting={name: _waiting(trials, name, response) for name in epochs},
        lost=tuple(
            name
            for name, length in source.timing.items()
            if name in epochs and isinstance(length, (int, float)) and 0 < length < source.dt
        ),
    )


def columns(trials: Sequence[RawTrial], kinds: Mapping[str, type]) -> dict[str, NDArray[np.generic]]:
    """The variables of trials as arrays of the same types in every batch.

    Args:
        trials: Trials.
        kinds: Types from the layout.

    Returns:
        One array for each variable; where a trial has no such variable, NaN or an empty string.
    """
    made: dict[str, NDArray[np.generic]] = {}
    for name in dict.fromkeys([*kinds, *(name for trial in trials for name in trial.variables)]):
        values = [trial.variables.get(name) for trial in trials]
        kind = max(kinds.get(name, bool), _kind(values), key=_KINDS.index)
        if kind is str:
            made[name] = np.array(["" if value is None else str(value) for value in values])
        else:
            made[name] = np.array([np.nan if value is None else value for value in values], dtype=kind)
    return made


def go_step(trial: RawTrial, response: Sequence[str]) -> int:
    """The step at which the first response of a trial is due.

    Args:
        trial: A trial.
        response: Names of the response periods.

    Returns:
        A step; the number of steps of a trial without a response.
    """
    spans = [trial.periods.get(name, (0, 0)) for name in response]
    return min([start for start, stop in spans if stop > start], default=len(trial.inputs))


def _kind(values: Sequence[object]) -> type:
    kinds = [float if value is None else type(value) for value in values]
    return max(kinds, key=_KINDS.index)


def _channel_names(groups: Sequence[Mapping[str, Any]], n_channels: int, rest: str) -> tuple[str, ...]:
    """Name single channels after their group, several ``group_0``, ``group_1``, the unnamed ``rest_channel``."""
    owner: dict[int, str] = {}
    for group, where in ((str(name), where) for each in groups for name, where in each.items()):
        for channel in np.ravel(np.asarray(list(where) if np.iterable(where) else [where])).tolist():
            if isinstance(channel, int) and -n_channels <= channel < n_channels:
                owner.setdefault(channel % n_channels, group)
    members = {group: sorted(c for c in owner if owner[c] == group) for group in owner.values()}
    names = [f"{rest}_{channel}" for channel in range(n_channels)]
    for group, channels in members.items():
        for i, channel in enumerate(channels):
            names[channel] = group if len(channels) == 1 else f"{group}_{i}"
    return tuple(names)


def _in_order(trials: Sequence[RawTrial]) -> tuple[str, ...]:
    starts: dict[str, list[int]] = {}
    for trial in trials:
        for name, (start, _) in trial.periods.items():
            starts.setdefault(name, []).append(start)
    return tuple(sorted(starts, key=lambda name: float(np.mean(starts[name]))))


def _acts(trial: RawTrial, period: str, fixation: int) -> NDArray[np.int64]:
    start, stop = trial.periods.get(period, (0, 0))
    action = trial.target[start:stop]
    return np.where(action == fixation, 0, action + 1)


def _go_cue(
    trials: Sequence[RawTrial], names: tuple[str, ...], response: tuple[str, ...]
) -> tuple[tuple[int, float] | None, str]:
    if "fixation" not in names:
        return None, "it has no fixation input"
    if not response:
        return None, "there is no period in which it asks for an action"
    channel = names.index("fixation")
    level = float(np.median([trial.inputs[0, channel] for trial in trials]))
    if level <= 0:
        return None, "its fixation input is off at the start of a trial"
    steps = [(trial, go_step(trial, response)) for trial in trials]
    due = [trial.inputs[step, channel] for trial, step in steps if step < len(trial.inputs)]
    if float(np.median(due)) > level / 2:
        return (
            None,
            f"its fixation input is still on in '{response[0]}', so it was not meant to say when to act",
        )
    return (channel, level), ""


def _off_early(trials: Sequence[RawTrial], go_cue: tuple[int, float], response: tuple[str, ...]) -> bool:
    channel, level = go_cue
    return any(
        float(np.min(trial.inputs[: go_step(trial, response), channel], initial=level)) < level / 2
        for trial in trials
    )


def _mean_inputs(trials: Sequence[RawTrial], period: str) -> NDArray[np.float32] | None:
    steps = np.concatenate([trial.inputs[slice(*trial.periods.get(period, (0, 0)))] for trial in trials])
    return steps.mean(0, dtype=np.float64).astype(np.float32) if len(steps) else None


def _waiting(trials: Sequence[RawTrial], period: str, response: tuple[str, ...]) -> float:
    spans = [(*trial.periods.get(period, (0, 0)), go_step(trial, response)) for trial in trials]
    total = sum(stop - start for start, stop, _ in spans)
    return sum(max(min(stop, go) - start, 0) for start, stop, go in spans) / max(total, 1)
