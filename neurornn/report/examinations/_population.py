"""How is the task laid out in the population? Axes of task variables, demixed components, rotations."""

__all__ = ["Demixed", "Rotations", "Targeted"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis import dpca, jpca, tdr
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject

_MOST_COLOURS = 6


class Targeted(AbstractExamination):
    """Targeted dimensionality reduction: one axis for the choice, for each stimulus and for the context."""

    name = "tdr"
    heading = "Axes of task variables"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        data, stimuli = decided(subject), signed(subject)
        context = [name for name in ("context",) if name in subject.conditions]
        return {"axes": tdr.fit(data, regressors=["choice", *stimuli, *context])}

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        fit = found["axes"]
        names = [str(name) for name in fit["axis"].values]
        figure, (left, right) = panels(2, height=3.9, share=False)
        tdr.plot_norms(fit, ax=left)
        tdr.plot_angles(fit, ax=right)
        share = {
            words(name): f"{100 * float(fit['variance_ratio'].sel(axis=name)):.1f} % of the variance, "
            f"{100 * float(fit['kept'].sel(axis=name)):.0f} % of its length kept"
            for name in names
        }
        return Section(
            self.heading,
            clean(figure),
            "Left: norm of the regression vector of each task variable over time. Right: angles between their axes.",
            "Targeted dimensionality reduction (Mante et al., 2013): activity is regressed on the task variables, and each gets an axis. "
            "They are made orthogonal in the order of the table; angles far from 90° mean that the order matters.",
            table=share,
        )


class Demixed(AbstractExamination):
    """Demixed principal components of context and choice, or of stimulus sign and choice."""

    name = "dpca"
    heading = "Demixed components"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        data = decided(subject)
        parameters = ["context", "choice"] if "context" in subject.conditions else ["choice"]
        return {
            "components": dpca.fit(
                data, parameters=parameters, n_components=3, missing="drop", n_repeats=3, seed=subject.seed
            )
        }

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        fit = found["components"]
        figure, (ax,) = panels(1, height=4.0)
        dpca.plot_variance(fit, ax=ax)
        ax.set_xticks(ax.get_xticks(), map(str, range(1, fit.sizes["component"] + 1)), rotation=0)
        total = float(fit["marginal_variance"].sum())
        return Section(
            self.heading,
            clean(figure),
            "Variance explained by each demixed component, coloured by what it depends on.",
            "Demixed principal components (Kobak et al., 2016) of condition averages. A well demixed component has one colour. "
            "Regularised by the error on held-out trials.",
            table={
                words(
                    name
                ): f"{100 * float(fit['marginal_variance'].sel(marginalisation=name)) / total:.1f} % of the variance"
                for name in map(str, fit["marginalisation"].values)
            },
        )


class Rotations(AbstractExamination):
    """jPCA: planes in which condition averages rotate, and how much of their motion that is."""

    name = "jpca"
    heading = "Rotations"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        units = subject.network.n_units
        if units < 2:
            raise ValueError("One unit does not rotate.")
        n = min(6, units - units % 2)
        return {"planes": jpca.fit(subject.data, condition=list(subject.conditions), n_components=n)}

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        fit = found["planes"]
        figure, (left, right) = panels(2, height=4.0, share=False)
        names = [str(name) for name, each in fit.coords.items() if each.dims == ("condition",)]
        hue = next((name for name in names if np.unique(fit[name].values).size <= _MOST_COLOURS), None)
        jpca.plot_plane(fit, plane=int(np.argmax(fit["variance_ratio"].values)), hue=hue, ax=left)
        jpca.plot_frequencies(fit, ax=right)
        return Section(
            self.heading,
            clean(figure),
            "Left: condition averages in the plane of rotation with most variance. Right: frequencies of all planes.",
            "jPCA (Churchland et al., 2012): the skew-symmetric linear dynamics that fit the motion of condition averages best. Any smooth "
            "motion turns a little: compare the two R².",
            table={
                "R² of rotations": f"{float(fit['r_squared_rotation']):.3f}",
                "R² of any linear dynamics": f"{float(fit['r_squared']):.3f}",
            },
        )


def decided(subject: Subject) -> xr.Dataset:
    """Trials with a choice to one of two sides.

    Args:
        subject: The subject.

    Returns:
        Its trials without the others.

    Raises:
        ValueError: If there is no such choice, or all are to one side.
    """
    data = subject.data
    if "choice" not in data.coords or data["choice"].dtype.kind not in "if":
        raise ValueError("The task has no choice between two sides.")
    sides = np.unique(data["choice"].values[np.isfinite(data["choice"].values.astype(float))])
    if not set(sides.tolist()) <= {-1, 0, 1} or not {-1, 1} <= set(sides.tolist()):
        raise ValueError(f"There must be choices to both sides, -1 and 1: got {sides.tolist()}.")
    return data.isel(trial=np.flatnonzero(np.abs(data["choice"].values) == 1))


def signed(subject: Subject) -> list[str]:
    """Stimuli with both signs.

    Args:
        subject: The subject.

    Returns:
        Names of the condition variables.
    """
    found = []
    for name in subject.conditions:
        values = subject.data[name].values if name in subject.data.coords else np.zeros(0)
        if values.dtype.kind == "f" and (values < 0).any() and (values > 0).any():
            found.append(name)
    return found
