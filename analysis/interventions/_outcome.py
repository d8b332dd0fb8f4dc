"""What is compared between trials with and without an intervention: one number for each trial."""

__all__ = ["ReadOut", "outcomes_of"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis.interventions._select import Epoch, active_steps, channels_of
from neurornn.simulation import HasBehaviour
from neurornn.trials import Trials

Outcome = Callable[[Trials, Tensor], NDArray[Any]]


@dataclass(frozen=True)
class ReadOut:
    """The mean of an output over an epoch.

    Attributes:
        output: Index or name of the output.
        epoch: Name of an epoch, ``(start, end)`` in ms, or None for the whole trial.
        minus: Output that is subtracted, or None.
    """

    output: int | str = 0
    epoch: Epoch = None
    minus: int | str | None = None

    def __call__(self, trials: Trials, output: Tensor) -> NDArray[np.float64]:
        """The value of each trial; NaN where the epoch is empty.

        Args:
            trials: The trials.
            output: Outputs in these trials.

        Returns:
            One number for each trial.
        """
        inside = active_steps(self.epoch, trials).cpu().numpy()
        y = output.detach().cpu().double().numpy()
        value = _channel(y, self.output, trials)
        if self.minus is not None:
            value = value - _channel(y, self.minus, trials)
        count = inside.sum(1)
        total = np.where(inside, value, 0.0).sum(1)
        return np.divide(total, count, out=np.full(len(y), np.nan), where=count > 0)


def outcomes_of(
    ds: xr.Dataset,
    trials: Trials,
    task: HasBehaviour | None,
    outcomes: Mapping[str, Outcome] | None,
) -> dict[str, NDArray[np.float64]]:
    """The outcomes of simulated trials.

    Args:
        ds: Simulated trials.
        trials: The trials that were simulated.
        task: Its behaviour is an outcome, or None.
        outcomes: Further ones.

    Returns:
        For each name a number for each trial.

    Raises:
        ValueError: If an outcome does not give one number for each trial, or two have the same name.
    """
    output = torch.as_tensor(ds["outputs"].values).to(trials.targets)
    found: dict[str, Any] = {}
    if task is not None:
        behaviour = task.behaviour(trials, output)
        found = {name: each for name, each in behaviour.items() if np.asarray(each).dtype.kind in "biuf"}
    if task is None and not outcomes:
        found = {"error": _squared_error(trials, output)}
    for name, outcome in (outcomes or {}).items():
        if name in found:
            raise ValueError(f"The task already has an outcome '{name}'. Give yours another name.")
        found[name] = outcome(trials, output)
    for name, values in found.items():
        values = np.asarray(values)
        if values.shape != (trials.n_trials,) or values.dtype.kind not in "biuf":
            raise ValueError(
                f"Outcome '{name}' must give one number for each of {trials.n_trials} trials: got shape {values.shape} "
                f"and type {values.dtype}."
            )
        found[name] = values.astype(np.float64)
    return found


def _squared_error(trials: Trials, output: Tensor) -> NDArray[np.float64]:
    """Masked mean squared error of each trial."""
    mask = trials.mask.double()
    error = (output.double() - trials.targets.double()).square().mean(-1)
    weight = mask.sum(1)
    return (
        (torch.where(mask > 0, error * mask, 0.0).sum(1) / weight.where(weight > 0, torch.nan)).cpu().numpy()
    )


def _channel(y: NDArray[np.float64], output: int | str, trials: Trials) -> NDArray[np.float64]:
    return y[..., int(np.flatnonzero(channels_of(output, trials.info.output_names, "output"))[0])]
