r"""What one good is worth in units of another, from choices between them."""

__all__ = ["RelativeValue", "plot_relative_value", "relative_value"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label, legend_beside, value_text
from neurornn.analysis.behaviour._choices import as_choices
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.analysis.behaviour._plots import plot_psychometric
from neurornn.analysis.behaviour._psychometric import psychometric
from neurornn.analysis.behaviour._psychometric_functions import CumulativeGaussian
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def relative_value(
    ds: xr.Dataset,
    quantity_a: str,
    quantity_b: str,
    choice: str,
    *,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Choices between quantities of two goods, and the ratio at which the subject does not care.

    .. math:: P(B) = \Phi\big(\eta\,(\log(q_B / q_A) - \log \rho)\big)

    where :math:`q` are the quantities offered. At the indifference point :math:`q_B / q_A = \rho` both are chosen
    equally often: :math:`\rho` is the ``relative_value`` of A in units of B, and :math:`\eta` the ``slope``. A probit
    regression of maximum likelihood, without lapses, with the intervals of :func:`psychometric`. Offers of one good
    alone have no ratio; they are left out of the fit and ``forced_accuracy`` says how often the good that was there
    was taken.

    Args:
        ds: Trials, simulated or recorded.
        quantity_a: Name of the variable with the quantity of A.
        quantity_b: Name of the variable with the quantity of B.
        choice: Name of the variable that is +1 where B was chosen and -1 where A was (0 or NaN: none, excluded and
            counted), or boolean.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        What :func:`psychometric` gives for the stimulus :math:`\log(q_B/q_A)`, with ``relative_value`` and its
        ``_interval``, ``forced_accuracy`` and ``n_forced``.

    Raises:
        ValueError: If a variable is missing, a quantity is negative, or fewer than two ratios were offered.

    References:
        Neurons in the orbitofrontal cortex encode economic value (Padoa-Schioppa & Assad, 2006)
        https://doi.org/10.1038/nature04676

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.integers(1, 4, 6000), rng.integers(1, 7, 6000)
        >>> choice = np.where(np.log(b / a) - np.log(2.0) + 0.3 * rng.standard_normal(6000) > 0, 1, -1)
        >>> ds = xr.Dataset({"a": ("trial", a), "b": ("trial", b), "choice": ("trial", choice)})
        >>> round(float(relative_value(ds, "a", "b", "choice", n_bootstrap=0).relative_value), 1)
        2.0
    """
    for name in (quantity_a, quantity_b, choice):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    a, b = (ds[name].values.astype(np.float64) for name in (quantity_a, quantity_b))
    if (a < 0).any() or (b < 0).any():
        raise ValueError(f"'{quantity_a}' and '{quantity_b}' must be quantities of at least 0.")
    up, known = as_choices(ds[choice])
    offered = np.isfinite(a) & np.isfinite(b) & (a + b > 0)
    free = offered & (a > 0) & (b > 0)
    log_ratio = np.full(a.size, np.nan)
    log_ratio[free] = np.log(b[free] / a[free])
    if np.unique(np.round(log_ratio[free & known], 12)).size < 2:
        raise ValueError("A relative value needs choices at two ratios of quantities at least.")
    attrs = {"long_name": "log(qB / qA)", "units": "1"}
    fit = psychometric(
        xr.DataArray(np.round(log_ratio, 12), dims="trial", attrs=attrs),
        xr.DataArray(np.where(known, np.where(up, 1, -1), 0), dims="trial", name="B"),
        function=CumulativeGaussian(),
        lapses=False,
        n_bootstrap=n_bootstrap,
        seed=seed,
    )
    forced = offered & ~free & known
    n_forced = int(forced.sum())
    right = float((up[forced] == (b[forced] > 0)).mean()) if n_forced else float("nan")
    fit["proportion"].attrs["long_name"] = fit["fitted"].attrs["long_name"] = "P(B chosen)"
    value = {"long_name": "relative value of A in units of B", "units": "1"}
    return fit.assign(
        relative_value=((), float(np.exp(fit["bias"])), value),
        relative_value_interval=("interval", np.exp(fit["bias_interval"].values), value),
        forced_accuracy=(
            (),
            right,
            {"long_name": "fraction correct where one good was offered", "units": "1"},
        ),
        n_forced=n_forced,
        n_excluded=int((~known | ~offered).sum()),
    ).assign_attrs(provenance("neurornn.RelativeValue/1"))


def plot_relative_value(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Choices of B against the ratio of the quantities, with the fit and the indifference point.

    Args:
        ds: Result of :func:`relative_value`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = plot_psychometric(ds, ax=axes_or_new(ax))
    rho, (low, high) = float(ds["relative_value"]), ds["relative_value_interval"].values
    if np.isfinite(rho):
        axes.axvline(np.log(rho), color="0.4", linestyle=":", linewidth=1.2, label="indifference")
    axes.set_xlabel(label(ds["stimulus"]))
    title = f"1 A is worth\n{value_text(round(rho, 2))} B [{low:.2f}, {high:.2f}]"
    legend_beside(axes, title=title)
    return axes


@dataclass(frozen=True)
class RelativeValue(AbstractMeasure):
    """What one good is worth in units of another (:func:`relative_value`).

    Attributes:
        quantity_a: Condition with the quantity of A.
        quantity_b: Condition with the quantity of B.
        choice: Behaviour that is +1 where B was chosen and -1 where A was.
    """

    quantity_a: str
    quantity_b: str
    choice: str = "choice"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return relative_value(ds, self.quantity_a, self.quantity_b, self.choice)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_relative_value(result, ax=ax)
