"""A question about behaviour as an object: what to compute from trials, and how to draw it."""

__all__ = ["AbstractMeasure", "Accuracy", "ChoiceWeights", "MeanBy", "Psychometric"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label, value_text
from neurornn.analysis.behaviour._plots import plot_choice_weights, plot_psychometric
from neurornn.analysis.behaviour._psychometric import psychometric_by
from neurornn.analysis.behaviour._psychometric_functions import AbstractPsychometricFunction
from neurornn.analysis.behaviour._summary import mean_by
from neurornn.analysis.behaviour._weights import accuracy, choice_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERS = 10  # ticks of their own
_LINE, _TURNED, _MOST_NAMES = 26, 12, 24  # letters side by side; names aslant; names upright


class AbstractMeasure(ABC):
    """Something measured in the behaviour of a network or a subject; a subclass is a frozen dataclass.

    A task lists the measures its source paper uses in ``measures``; ``task.analyse(dataset)`` applies them all.
    """

    @abstractmethod
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        """Compute it.

        Args:
            ds: Trials with conditions and behaviour along ``trial``, simulated or recorded.

        Returns:
            Labelled results with units.
        """

    @abstractmethod
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        """Draw it.

        Args:
            result: What :meth:`apply` gave.
            ax: Axes to draw on; of a new figure if None.

        Returns:
            The axes.
        """


@dataclass(frozen=True)
class Psychometric(AbstractMeasure):
    """A psychometric curve with lapses (:func:`psychometric_by`).

    Attributes:
        stimulus: Condition with the signed strength of the stimulus.
        by: Condition that splits the trials; None takes all together.
        function: Shape of the curve; logistic if None.
        choice: Behaviour that is explained.
    """

    stimulus: str
    by: str | None = None
    function: AbstractPsychometricFunction | None = None
    choice: str = "choice"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return psychometric_by(ds, self.stimulus, choice=self.choice, by=self.by, function=self.function)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_psychometric(result, ax=ax)


@dataclass(frozen=True)
class ChoiceWeights(AbstractMeasure):
    """Logistic weights of conditions on the choice (:func:`choice_weights`).

    Attributes:
        regressors: Conditions that may weigh on the choice.
        by: Condition that splits the trials; None takes all together.
    """

    regressors: tuple[str, ...]
    by: str | None = None

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return choice_weights(ds, self.regressors, by=self.by)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_choice_weights(result, ax=ax)


@dataclass(frozen=True)
class MeanBy(AbstractMeasure):
    """The mean of a behavioural variable for each value of a condition (:func:`mean_by`).

    Attributes:
        variable: What is averaged.
        by: Condition along the abscissa; None averages all trials.
    """

    variable: str
    by: str | None = None

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return mean_by(ds, self.variable, by=self.by)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        axes = axes_or_new(ax)
        values, ends = result["mean"].values, result["mean_interval"].values
        bars = np.maximum(np.abs(ends - values[..., None]).T, 0.0)
        if "group" not in result.dims:
            axes.errorbar([0.0], [values], bars.reshape(2, 1), fmt="o", color="C0", capsize=3)
            axes.set_xticks([])
        elif result["group"].dtype.kind in "iuf":
            place = result["group"].values
            axes.errorbar(place, values, bars, fmt="o-", color="C0", markersize=4.5)
            if place.dtype.kind in "iu" and place.size <= _MOST_NUMBERS:
                axes.set_xticks(place)
            axes.set_xlabel(label(result["group"]))
        else:
            place = np.arange(values.size)
            axes.errorbar(place, values, bars, fmt="o", color="C0", markersize=4.5)
            _name(axes, [value_text(value) for value in result["group"].values.tolist()])
            axes.set_xlabel(label(result["group"]))
        if self.variable == "performance":
            axes.set_ylim(-0.03, 1.03)
        axes.set_ylabel(label(result["mean"]))
        return axes


@dataclass(frozen=True)
class Accuracy(AbstractMeasure):
    """Fraction of correct trials with Wilson intervals (:func:`accuracy`).

    Attributes:
        by: Condition along the abscissa; None takes all trials together.
        outcome: What is 1 in correct trials, 0 in others and NaN where there is nothing to get right.
    """

    by: str | None = None
    outcome: str = "performance"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return accuracy(ds, by=self.by, outcome=self.outcome)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        renamed = result.rename(accuracy="mean", accuracy_interval="mean_interval")
        axes = MeanBy("accuracy").plot(renamed, ax=ax)
        axes.set_ylim(-0.03, 1.03)
        return axes


def _name(axes: "Axes", names: list[str]) -> None:
    """Ticks with names: side by side if they are short, else turned, and of very many every second, third, ..."""
    every = -(-len(names) // _MOST_NAMES)
    place = np.arange(0, len(names), every)
    shown = [names[k] for k in place]
    if sum(len(name) + 1 for name in shown) <= _LINE:
        axes.set_xticks(place, shown)
    elif len(shown) <= _TURNED:
        axes.set_xticks(place, shown, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(place, shown, rotation=90, fontsize="small")
