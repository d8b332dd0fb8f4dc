"""How a task makes trials: parameters in, channels out."""

__all__ = ["AbstractMaker"]

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from neurornn._channels import write_channels
from neurornn.tasks._channels import laid_out
from neurornn.tasks._draws import Split, TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import Channel
from neurornn.trials import TrialInfo, Trials

_NOISE_TAU = 100.0  # ms: time constant of the unit in which sigma_in is expressed


@dataclass(frozen=True, kw_only=True)
class AbstractMaker(ABC):
    """What makes trials of :class:`~neurornn.tasks.AbstractTask`, which says what its parameters mean.

    Attributes:
        dt: Time step in ms, at most as long as the shortest epoch.
        sigma_in: Strength of the input noise, in units of the input.

    Raises:
        ValueError: If a parameter makes no sense.
    """

    dt: float = 20.0
    sigma_in: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            if isinstance(value := getattr(self, each.name), list):
                object.__setattr__(self, each.name, tuple(value))
        self._check_fields()
        _ = self._probe

    @property
    @abstractmethod
    def name(self) -> str:
        """Versioned name, for instance ``"context-decision-v1"``; a plain class attribute will do."""

    @property
    @abstractmethod
    def input_names(self) -> tuple[str, ...]:
        """One name for each input channel."""

    @property
    @abstractmethod
    def output_names(self) -> tuple[str, ...]:
        """One name for each output channel."""

    @property
    def loss(self) -> Literal["squared_error", "cross_entropy"]:
        """Loss the task is trained with unless the user says otherwise."""
        return "squared_error"

    @property
    def n_inputs(self) -> int:
        """Number of input channels."""
        return len(self.input_names)

    @property
    def n_outputs(self) -> int:
        """Number of output channels."""
        return len(self.output_names)

    @property
    def condition_names(self) -> tuple[str, ...]:
        """Conditions that ``sample`` lets you set."""
        return tuple(self._probe.names)

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Conditions that span the grid of a balanced batch."""
        return tuple(self._probe.factors)

    @property
    def n_conditions(self) -> int:
        """Number of cells of the condition grid: a balanced batch of that size visits each once."""
        return self._probe.n_cells

    @abstractmethod
    def _generate(self, draws: TrialDraws) -> Trials:
        """Make the trials of a batch from its random quantities, without a loop over trials or time."""

    def _check_fields(self) -> None:
        """Refuse parameters that make no sense; a subclass adds its own after calling this.

        Raises:
            ValueError: If one makes no sense.
        """
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt must be a finite number of ms above 0: got {self.dt}.")
        if not (math.isfinite(self.sigma_in) and self.sigma_in >= 0):
            raise ValueError(f"sigma_in must be finite and at least 0: got {self.sigma_in}.")

    def _assemble(
        self,
        draws: TrialDraws,
        epochs: Epochs,
        *,
        inputs: Mapping[str, Channel],
        targets: Mapping[str, Channel],
        mask: NDArray[Any],
        conditions: Mapping[str, NDArray[Any]] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Trials:
        """Put channels together, add the input noise, and blank the padding.

        Args:
            draws: Random quantities; what was drawn becomes a condition.
            epochs: Epochs.
            inputs: Input channels in the order of ``input_names``, each ``(batch, time)``, or a block of several
                channels ``(batch, time, channel)``. What broadcasts to that is enough.
            targets: Target channels, likewise.
            mask: Weight of each step, ``(batch, time)``.
            conditions: Conditions that follow from the drawn ones.
            units: Their units.

        Returns:
            The trials.
        """
        noise = draws.noise("input noise", self._noise_scale, epochs.n_steps, self.n_inputs)
        blocks = (
            laid_out("input", inputs, self.input_names, epochs),
            laid_out("target", targets, self.output_names, epochs),
            laid_out("mask", {"mask": mask}, ("mask",), epochs),
        )
        write_channels(blocks, noise, epochs.total if epochs.padded else None)
        u, y, weight = (each.out for each in blocks)
        return Trials(
            inputs=torch.from_numpy(u),
            targets=torch.from_numpy(y),
            mask=torch.from_numpy(weight[..., 0]),
            conditions={**draws.conditions, **(conditions or {})},
            epochs=epochs.bounds,
            info=self._info(draws, units),
        )

    @property
    def _noise_scale(self) -> float:
        """Standard deviation of the input noise in one step."""
        return self.sigma_in * math.sqrt(2 * _NOISE_TAU / self.dt)

    def _info(self, draws: TrialDraws, units: Mapping[str, str] | None = None) -> TrialInfo:
        """What the trials say about themselves; ``units`` are those of conditions that follow from the drawn ones."""
        return TrialInfo(
            task=self.name,
            dt=float(self.dt),
            seed=draws.seed,
            input_names=self.input_names,
            output_names=self.output_names,
            loss=self.loss,
            units={**draws.units, **(units or {})},
        )

    def _draw(
        self,
        n_trials: int,
        seed: int = 0,
        first: int = 0,
        split: Split = "train",
        *,
        balanced: bool = False,
        conditions: Mapping[str, Any] | None = None,
    ) -> TrialDraws:
        """The random quantities of some trials of this task."""
        return TrialDraws(
            seed,
            first + np.arange(n_trials, dtype=np.int64),
            dt=self.dt,
            task=self.name,
            split=split,
            balanced=balanced,
            conditions=conditions,
        )

    @cached_property
    def _probe(self) -> TrialDraws:
        """The draws of one trial: which conditions there are, and that a trial can be made at all."""
        draws = self._draw(1)
        self._generate(draws)
        return draws
