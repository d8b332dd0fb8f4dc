"""What a further analysis of a run is: something to compute, and a card of the report."""

__all__ = ["AbstractExamination", "Subject"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.networks import AbstractNetwork
from neurornn.report._page import Section
from neurornn.tasks import AbstractTask


@dataclass(frozen=True)
class Subject:
    """A trained network with all that is known of it.

    Attributes:
        network: The network, with its noise.
        task: Task it was trained on.
        data: Held-out trials simulated with it.
        tree: What :func:`neurornn.report.dissect` found.
        seed: Seed of whatever is drawn.
    """

    network: AbstractNetwork
    task: AbstractTask
    data: xr.Dataset
    tree: xr.DataTree
    seed: int

    @cached_property
    def still(self) -> AbstractNetwork:
        """The network without noise."""
        return self.network.noiseless()

    @cached_property
    def situations(self) -> dict[str, NDArray[np.float64]]:
        """The inputs that are held, by the name of their situation."""
        held = self.tree["situations"].to_dataset()["held"]
        return {str(name): held.sel(situation=name).values for name in held["situation"].values}

    @cached_property
    def points(self) -> xr.Dataset:
        """Fixed and slow points of all situations."""
        return self.tree["fixed_points"].to_dataset()

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """Condition variables of the task that make up its grid, or all of them."""
        return tuple(self.task.factor_names or self.task.sample(1, seed=0).conditions)

    @cached_property
    def visited(self) -> NDArray[np.float64]:
        """The states of all trials ``(state, unit)``, without padding."""
        states = self.data["state"].where(self.data["valid"] > 0).values.reshape(-1, self.network.n_units)
        return np.asarray(states[np.isfinite(states).all(1)])

    def stable_points(self, situation: str) -> NDArray[np.float64]:
        """Stable fixed points of the map that is simulated, those aside whose stability is not told.

        Args:
            situation: Name of a situation.

        Returns:
            States ``(point, unit)``.
        """
        points = self.points
        here = (
            (points["context"].values == situation)
            & (points["kind"].values == "fixed")
            & points["stable_map"].values.astype(bool)
            & ~points["marginal"].values.astype(bool)
        )
        return np.asarray(points["state"].values[here])

    def trials_in(self, situation: str) -> xr.Dataset:
        """The trials of the context a situation is named after; all of them if there is none.

        Args:
            situation: Name of a situation.

        Returns:
            The trials.
        """
        if "context" not in self.data.coords:
            return self.data
        own = [k for k, name in enumerate(self.data["context"].values) if situation.startswith(str(name))]
        return self.data.isel(trial=own) if own else self.data


class AbstractExamination(ABC):
    """A further analysis: asked for by name on the command line, kept with the run, shown in the report.

    A new one is one class in one file, added to the table in ``neurornn/report/examinations/__init__.py``.

    Attributes:
        name: Its name on the command line.
        heading: Heading of its card.
    """

    name: ClassVar[str]
    heading: ClassVar[str]

    @abstractmethod
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        """Compute it.

        Args:
            subject: The network and what is known of it; nothing of it is changed.

        Returns:
            Results by name.

        Raises:
            ValueError: If this network or task does not allow it; the report then says why.
        """

    @abstractmethod
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        """Show it.

        Args:
            found: What :meth:`examine` returned, from the file of the run.
            tree: The whole analysis.

        Returns:
            A card of the report.
        """
