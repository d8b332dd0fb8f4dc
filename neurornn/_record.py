"""The numbers of a training and what is recorded of it."""

__all__ = ["Plan", "Record", "StopReason"]

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.provenance import provenance

StopReason = Literal["target reached", "steps done", "diverged"]


@dataclass(frozen=True)
class Plan:
    """The numbers of a training; see :func:`neurornn.training.train`."""

    n_steps: int
    batch_size: int
    seed: int
    clip_norm: float | None
    validate_every: int
    n_validation: int
    target_performance: float | None
    checkpoint_every: int | None = None

    @property
    def saves_every(self) -> int:
        """Steps between checkpoints."""
        return self.validate_every if self.checkpoint_every is None else self.checkpoint_every

    def __post_init__(self) -> None:
        for name in ("n_steps", "batch_size", "seed", "validate_every", "n_validation", "saves_every"):
            value = operator.index(getattr(self, name))
            lowest = 0 if name == "n_steps" else 1
            if name != "seed" and value < lowest:
                raise ValueError(
                    f"{name.replace('saves', 'checkpoint')} must be at least {lowest}: got {value}."
                )
        if self.saves_every % self.validate_every:
            raise ValueError(
                f"checkpoint_every must be a multiple of validate_every, so that only weights that were validated are "
                f"kept: got {self.saves_every} and {self.validate_every}."
            )
        if self.target_performance is not None and not 0 <= self.target_performance <= 1:
            raise ValueError(
                f"target_performance is a fraction in [0, 1], or None to do all steps: got {self.target_performance}."
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be above 0, or None to never clip: got {self.clip_norm}.")


@dataclass
class Record:
    """What is recorded: one row for each step and for each validation, each appended in one go."""

    steps: list[tuple[float, float]] = field(default_factory=list)
    validations: list[tuple[int, float, float]] = field(default_factory=list)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "Record":
        """Rebuild a record from :meth:`arrays`."""
        return cls(
            [(loss, norm) for loss, norm in arrays["steps"].tolist()],
            [(int(step), loss, performance) for step, loss, performance in arrays["validations"].tolist()],
        )

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Both tables."""
        return {
            "steps": np.array(self.steps, dtype=np.float64).reshape(-1, 2),
            "validations": np.array(self.validations, dtype=np.float64).reshape(-1, 3),
        }

    @property
    def validated(self) -> int:
        """Number of steps before the last validation, -1 if there was none."""
        return self.validations[-1][0] if self.validations else -1

    @property
    def validation_loss(self) -> float:
        """Loss at the last validation, NaN if there was none."""
        return self.validations[-1][1] if self.validations else math.nan

    @property
    def performance(self) -> float:
        """Performance at the last validation, NaN if there was none."""
        return self.validations[-1][2] if self.validations else math.nan

    def dataset(self, task: str, plan: Plan, reason: StopReason) -> xr.Dataset:
        """The history that users see."""
        loss, norm = self.arrays()["steps"].T
        step, validation_loss, performance = self.arrays()["validations"].T
        steps = {"long_name": "training step", "units": "1"}

        def named(dim: str, values: NDArray[np.float64], name: str) -> tuple[str, NDArray[np.float64], Any]:
            return dim, values, {"long_name": name, "units": "1"}

        return xr.Dataset(
            {
                "loss": named("step", loss, "loss"),
                "gradient_norm": named("step", norm, "gradient norm before clipping"),
                "validation_loss": named("validation_step", validation_loss, "validation loss"),
                "performance": named("validation_step", performance, "validation performance"),
            },
            coords={
                "step": ("step", np.arange(1, loss.size + 1), steps),
                "validation_step": ("validation_step", step.astype(np.int64), steps),
            },
            attrs=provenance("neurornn.History/1")
            | {"task": task, "seed": plan.seed, "batch_size": plan.batch_size, "stop_reason": reason},
        )
