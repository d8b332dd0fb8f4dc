"""From the output of a network to what the subject did."""

__all__ = ["as_array", "check_grace", "check_levels", "choice_behaviour", "epoch_average", "window"]

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from neurornn.tasks._timing import Timing, as_timing, to_steps
from neurornn.trials import Trials


def as_array(trials: Trials, output: Float[Tensor, "batch time output"]) -> NDArray[np.float64]:
    """The output of a network in NumPy, after checking that it belongs to the trials.

    Args:
        trials: Trials.
        output: Outputs in these trials, on any device.

    Returns:
        The same numbers in float64.

    Raises:
        ValueError: If the shape is not that of the targets.
    """
    if tuple(output.shape) != tuple(trials.targets.shape):
        raise ValueError(
            f"output must be (batch, time, output) = {tuple(trials.targets.shape)} like the targets of task "
            f"'{trials.info.task}': got {tuple(output.shape)}."
        )
    return output.detach().cpu().double().numpy()


def check_grace(grace: float, judged: Timing, dt: float, *, field: str, epoch: str) -> None:
    """Refuse a grace period that leaves nothing of an epoch to judge.

    Args:
        grace: Time in ms after the start of the epoch that is not judged.
        judged: Duration of the epoch.
        dt: Time step in ms.
        field: Name of the parameter that holds the duration.
        epoch: What the epoch is called in the message.

    Raises:
        ValueError: If no step is left, or the grace period is negative or not finite.
    """
    if not 0 <= grace < math.inf or to_steps(as_timing(judged).lower, dt) - to_steps(grace, dt) < 1:
        raise ValueError(
            f"grace must be at least 0 and leave a step of the {epoch} to judge: got grace={grace} ms, "
            f"{field}={judged} and dt={dt:g} ms."
        )


def check_levels(high: float, low: float) -> None:
    """Refuse targets of which the high one is not above the low one.

    Args:
        high: Target of the chosen output.
        low: Target of the other ones.

    Raises:
        ValueError: If it is not.
    """
    if not low < high:
        raise ValueError(f"The high target must exceed the low one: got high={high} and low={low}.")


def window(trials: Trials, epoch: str, *, after: float = 0.0) -> NDArray[np.bool_]:
    """Which steps of an epoch to judge.

    Args:
        trials: Trials.
        epoch: Name of the epoch.
        after: Time in ms left out at its start.

    Returns:
        Booleans ``(batch, time)``.
    """
    dt = trials.info.dt
    start = to_steps(trials.epochs[epoch][:, :1], dt) + to_steps(after, dt)
    stop = to_steps(trials.epochs[epoch][:, 1:], dt)
    step = np.arange(trials.n_steps)
    return (step >= start) & (step < stop)


def epoch_average(
    trials: Trials, output: Float[Tensor, "batch time output"], epoch: str, *, after: float = 0.0
) -> NDArray[np.float64]:
    """Mean output of each trial during an epoch.

    Args:
        trials: Trials.
        output: Outputs in these trials.
        epoch: Name of the epoch.
        after: Time in ms left out at its start.

    Returns:
        Means ``(batch, output)``; NaN where the window is empty.
    """
    inside = window(trials, epoch, after=after)
    # where= keeps what happens outside the window, padding included, out of the sum whatever it is
    total = np.sum(as_array(trials, output), axis=1, where=inside[..., None])
    count = inside.sum(1, keepdims=True)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def choice_behaviour(
    evidence: NDArray[np.float64], correct_choice: NDArray[np.generic]
) -> dict[str, NDArray[np.generic]]:
    """A binary choice from a signed decision variable.

    Args:
        evidence: Decision variable of each trial; its sign is the choice.
        correct_choice: +1, -1, or 0 where there is nothing to get right.

    Returns:
        ``"choice"`` (+1, -1, or 0 without one), ``"correct"`` and ``"performance"`` (NaN where there is nothing
        to get right).
    """
    choice = np.sign(np.nan_to_num(evidence, nan=0.0)).astype(np.int64)
    asked = np.asarray(correct_choice) != 0
    correct = asked & (choice == correct_choice)
    return {
        "choice": choice,
        "correct": correct,
        "performance": np.where(asked, correct.astype(np.float64), np.nan),
    }
