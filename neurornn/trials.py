"""The contract between tasks and everything else: a batch of trials."""

__all__ = ["TrialInfo", "Trials"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class TrialInfo:
    """What a batch of trials says about itself, apart from the numbers.

    Attributes:
        task: Versioned task name, for instance ``"context-decision-v1"``.
        dt: Time step in ms.
        seed: Seed the batch was drawn from.
        input_names: One name per input channel.
        output_names: One name per output channel.
        loss: Loss the task is trained with unless the user says otherwise. With ``"cross_entropy"`` the
            targets are probabilities over the outputs.
        units: Unit of each condition variable that has one, for instance ``{"delay": "ms"}``.
    """

    task: str
    dt: float
    seed: int
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    loss: Literal["squared_error", "cross_entropy"] = "squared_error"
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trials:
    """A batch of trials in whole arrays; shorter trials are padded at the end with mask 0.

    Step ``k`` covers the time from ``k * dt`` to ``(k + 1) * dt`` ms after trial onset.

    Attributes:
        inputs: Input channels, ``(batch, time, input)``.
        targets: Desired outputs, ``(batch, time, output)``.
        mask: Weight of each step in the loss, at least 0, ``(batch, time)``.
        conditions: Condition variables, each an array of length ``batch``.
        epochs: Start and end in ms of each named epoch, each an array ``(batch, 2)``. An epoch holds the steps
            with ``start <= k * dt < end``. The last epoch to end closes the trial: what follows is padding.
        info: Names, units, ``dt`` and the seed.

    Raises:
        TypeError: If inputs, targets or mask are no tensors.
        ValueError: If the arrays do not fit together, the time step or the loss makes no sense, a target is not finite or a mask is negative.
    """

    inputs: Float[Tensor, "batch time input"]
    targets: Float[Tensor, "batch time output"]
    mask: Float[Tensor, "batch time"]
    conditions: Mapping[str, NDArray[np.generic]]
    epochs: Mapping[str, NDArray[np.float64]]
    info: TrialInfo

    def __post_init__(self) -> None:
        for name in ("inputs", "targets", "mask"):
            if not isinstance(getattr(self, name), Tensor):
                raise TypeError(
                    f"{name} must be a tensor: got {type(getattr(self, name)).__name__}. Use torch.as_tensor."
                )
        for name in ("conditions", "epochs"):
            arrays = {key: np.asarray(values) for key, values in getattr(self, name).items()}
            object.__setattr__(self, name, arrays)
        if not 0 < self.info.dt < math.inf:
            raise ValueError(f"info.dt must be a finite number of ms above 0: got {self.info.dt}.")
        if self.info.loss not in ("squared_error", "cross_entropy"):
            raise ValueError(f"info.loss must be 'squared_error' or 'cross_entropy': got '{self.info.loss}'.")
        if self.inputs.ndim != 3 or self.targets.ndim != 3 or self.mask.ndim != 2:
            raise ValueError(
                "Trials need inputs (batch, time, input), targets (batch, time, output) and mask (batch, time): "
                f"got shapes {tuple(self.inputs.shape)}, {tuple(self.targets.shape)}, {tuple(self.mask.shape)}."
            )
        for name in ("targets", "mask"):
            shape = tuple(getattr(self, name).shape[:2])
            if shape != tuple(self.inputs.shape[:2]):
                raise ValueError(
                    f"{name} covers {shape[0]} trials x {shape[1]} steps but inputs covers "
                    f"{self.inputs.shape[0]} x {self.inputs.shape[1]}. All three must agree."
                )
        if not all(map(math.isfinite, _range(self.targets))):
            raise ValueError(
                "targets must be finite, masked steps included: 0 times NaN is NaN and would reach every gradient. "
                "Where there is no target, put 0 there and in the mask."
            )
        low, high = _range(self.mask)
        if not 0 <= low <= high < math.inf:
            raise ValueError(
                f"mask must be finite and at least 0: its smallest value is {low:g}. "
                "Give 0 to the steps that do not count."
            )
        for name, names, size in (
            ("input_names", self.info.input_names, self.inputs.shape[2]),
            ("output_names", self.info.output_names, self.targets.shape[2]),
        ):
            if len(names) != size:
                raise ValueError(f"info.{name} has {len(names)} names for {size} channels: {names}.")
        n_trials = self.n_trials
        for name, values in self.conditions.items():
            if values.shape != (n_trials,):
                raise ValueError(
                    f"Condition '{name}' has shape {np.shape(values)}: one value per trial, ({self.n_trials},), is needed."
                )
        for name, bounds in self.epochs.items():
            if bounds.shape != (n_trials, 2):
                raise ValueError(
                    f"Epoch '{name}' has shape {np.shape(bounds)}: a start and an end per trial, "
                    f"({self.n_trials}, 2), are needed."
                )

    @property
    def n_trials(self) -> int:
        """Number of trials in the batch."""
        return self.inputs.shape[0]

    @property
    def n_steps(self) -> int:
        """Number of time steps, padding included."""
        return self.inputs.shape[1]

    @property
    def time(self) -> NDArray[np.float64]:
        """Start of each step in ms after trial onset, ``(time,)``."""
        return np.arange(self.n_steps, dtype=np.float64) * self.info.dt

    @property
    def duration(self) -> NDArray[np.float64]:
        """Length of each trial in ms, padding excluded, ``(batch,)``."""
        if not self.epochs:
            return np.full(self.n_trials, self.n_steps * self.info.dt)
        return np.max([bounds[:, 1] for bounds in self.epochs.values()], axis=0).astype(np.float64)

    @property
    def valid(self) -> Float[Tensor, "batch time"]:
        """1 for steps inside the trial and 0 for padding, in the type and on the device of the mask."""
        inside = self.time[None, :] < self.duration[:, None] - 1e-6 * self.info.dt
        return torch.as_tensor(inside, device=self.mask.device).to(self.mask.dtype)

    def during(self, epoch: str) -> Tensor:
        """Boolean ``(batch, time)``: which steps belong to an epoch.

        Args:
            epoch: Name of the epoch.

        Returns:
            A boolean tensor on the device of the inputs.

        Raises:
            KeyError: If the trials have no such epoch.
        """
        if epoch not in self.epochs:
            raise KeyError(
                f"No epoch '{epoch}' in task '{self.info.task}'. It has: {', '.join(self.epochs)}."
            )
        bounds = self.epochs[epoch]
        tolerance = 1e-6 * self.info.dt
        inside = (self.time >= bounds[:, :1] - tolerance) & (self.time < bounds[:, 1:] - tolerance)
        return torch.as_tensor(inside, device=self.inputs.device)

    def to(self, like: Tensor) -> "Trials":
        """The same trials with the type and on the device of a tensor.

        Args:
            like: Usually a parameter of the network.

        Returns:
            The trials themselves when nothing has to change.
        """
        if all(
            x.dtype == like.dtype and x.device == like.device for x in (self.inputs, self.targets, self.mask)
        ):
            return self
        return replace(
            self, inputs=self.inputs.to(like), targets=self.targets.to(like), mask=self.mask.to(like)
        )

    def select(self, index: slice | NDArray[np.generic] | list[int]) -> "Trials":
        """Some of the trials, in the order asked for.

        Args:
            index: Anything that indexes the first axis of a NumPy array: a slice, integers or booleans.

        Returns:
            A new batch.
        """
        chosen = np.arange(self.n_trials)[index].copy()  # torch takes no negative strides
        rows = torch.as_tensor(chosen, device=self.inputs.device)
        return replace(
            self,
            inputs=self.inputs[rows],
            targets=self.targets[rows],
            mask=self.mask[rows],
            conditions={name: values[chosen] for name, values in self.conditions.items()},
            epochs={name: bounds[chosen] for name, bounds in self.epochs.items()},
        )


def _range(values: Tensor) -> tuple[float, float]:
    """Smallest and largest value, NaN if one is; NumPy does it on one thread, and a batch is too small to wait for a second."""
    if values.numel() == 0:
        return 0.0, 0.0
    if values.device.type == "cpu" and values.dtype in {torch.float32, torch.float64}:
        array = values.detach().numpy()
        return float(np.minimum.reduce(array, axis=None)), float(np.maximum.reduce(array, axis=None))
    low, high = values.aminmax()
    return float(low), float(high)
