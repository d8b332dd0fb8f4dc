r"""Psychophysical kernels: which moments of the stimulus the choice came from, by reverse correlation."""

__all__ = ["PsychophysicalKernel", "plot_kernel", "psychophysical_kernel"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.special import stdtrit
from typing_extensions import override

from neurornn.analysis._conditions import groups_of
from neurornn.analysis._plotting import axes_or_new, label
from neurornn.analysis.behaviour._choices import as_choices
from neurornn.analysis.behaviour._evidence import Align, binned_evidence
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def psychophysical_kernel(
    ds: xr.Dataset,
    positive: str,
    negative: str | None = None,
    *,
    condition: str | Sequence[str],
    epoch: str = "stimulus",
    choice: str = "choice",
    bin_width: float = 50.0,
    align: Align = "start",
) -> xr.Dataset:
    r"""Mean noise of the stimulus before one choice minus that before the other, over time.

    .. math:: k_b = \frac{\sum_c W_c \big(\langle e_b \rangle_{c,+} - \langle e_b \rangle_{c,-}\big)}{\sum_c W_c},
        \qquad W_c = \frac{n_{c+}\, n_{c-}}{n_{c+} + n_{c-}}

    where :math:`e_b` is the evidence in bin :math:`b`, the mean of one input channel minus that of the other, in the
    trials of condition :math:`c` with either choice, :math:`n_{c\pm}` in number. The trials of one condition share
    their stimulus but for the noise, so the difference within a condition is one of noise: it is what remains after
    the mean of the condition has been taken away. The interval is that of Student's t with the variance within
    conditions and choices.

    For a subject that adds up the evidence with weights :math:`w_b` and noise of its own, the kernel is proportional
    to the weights.

    A bin counts in the trials that it lies in completely: ``n`` says how many. Conditions in which all choices are
    the same tell nothing and are left out, ``n_uninformative`` says how many trials that costs.

    Args:
        ds: Trials with their ``inputs``, simulated or recorded.
        positive: Input channel that speaks for the positive choice.
        negative: Input channel that speaks against it; None if there is none.
        condition: Names of the conditions that set the mean of the stimulus, for instance its coherence.
        epoch: Epoch in which the stimulus was shown.
        choice: Name of the choice variable: +1 and -1 (0 or NaN: none, excluded and counted), or booleans.
        bin_width: Width of the bins in ms, rounded to whole steps.
        align: Whether time is counted from the start of the epoch or back from its end.

    Returns:
        A dataset along ``time``, the middle of each bin, with ``kernel`` in units of the input and
        ``kernel_interval``, ``noise`` (standard deviation of the evidence within conditions and choices), ``n``,
        ``n_uninformative`` and ``n_excluded``. A bin in which no condition has both choices is NaN.

    Raises:
        ValueError: If a variable, a channel or the epoch is missing, or no trial has a choice and a condition.

    References:
        Bounded integration in parietal cortex underlies decisions even when viewing duration is dictated by the
        environment (Kiani, Hanks & Shadlen, 2008) https://doi.org/10.1523/JNEUROSCI.4761-07.2008

    Examples:
        A subject that goes by the first of two steps alone.

        >>> noise = np.random.default_rng(0).standard_normal((4000, 2, 1))
        >>> ds = xr.Dataset(
        ...     {"inputs": (("trial", "time", "input"), noise), "choice": ("trial", np.sign(noise[:, 0, 0]))},
        ...     coords={"input": ["x"], "coherence": ("trial", np.zeros(4000))},
        ...     attrs={"dt": 10.0},
        ... )
        >>> edges = {"epoch_stimulus_start": ("trial", np.zeros(4000)), "epoch_stimulus_end": ("trial", np.full(4000, 20.0))}
        >>> found = psychophysical_kernel(ds.assign(edges), "x", condition="coherence", bin_width=10.0)
        >>> bool(abs(found.kernel[0] - 2 * np.sqrt(2 / np.pi)) < 0.1), bool(abs(found.kernel[1]) < 0.1)
        (True, True)
    """
    if choice not in ds.variables:
        raise ValueError(f"The dataset has no variable '{choice}'.")
    names = [condition] if isinstance(condition, str) else list(condition)
    evidence = binned_evidence(ds, positive, negative, epoch=epoch, bin_width=bin_width, align=align)
    up, known = as_choices(ds[choice])
    _, member = groups_of(ds, names)
    kept = known & (member >= 0)
    if not kept.any():
        raise ValueError(f"No trial has both a choice and a value of {' and '.join(names)}.")
    cell = 2 * member[kept] + up[kept]
    mean = np.divide(
        evidence.total, evidence.covered * evidence.width, where=evidence.covered == 1,
        out=np.zeros_like(evidence.total),
    )[kept]  # fmt: skip
    full = (evidence.covered == 1)[kept]
    n_cells = 2 * (int(member.max()) + 1)
    n, total, square = (np.zeros((n_cells, mean.shape[1])) for _ in range(3))
    for out, values in ((n, full), (total, mean * full), (square, mean**2 * full)):
        np.add.at(out, cell, values)
    minus, plus = n[0::2], n[1::2]
    both = (minus > 0) & (plus > 0)
    average = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
    weight = np.divide(minus * plus, minus + plus, out=np.zeros_like(minus), where=both)
    strength = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel = (weight * (average[1::2] - average[0::2])).sum(axis=0) / strength
        scatter = square - n * average**2
        degrees = np.where(both, minus + plus - 2, 0).sum(axis=0)
        variance = np.where(np.repeat(both, 2, axis=0), scatter, 0.0).sum(axis=0) / degrees
        half = stdtrit(np.maximum(degrees, 1), 0.975) * np.sqrt(np.maximum(variance, 0.0) / strength)
    half = np.where(degrees > 0, half, np.nan)
    informative = np.any(both, axis=1)[member[kept]]
    whence = f"from the {align} of {epoch.replace('_', ' ')}"
    result = xr.Dataset(
        {
            "kernel": ("time", kernel),
            "kernel_interval": (("time", "interval"), np.stack([kernel - half, kernel + half], axis=1)),
            "noise": ("time", np.where(degrees > 0, np.sqrt(np.maximum(variance, 0.0)), np.nan)),
            "n": ("time", np.where(both, minus + plus, 0).sum(axis=0).astype(np.int64)),
            "n_uninformative": ((), int((~informative).sum())),
            "n_excluded": ((), int((~kept).sum())),
        },
        coords={"time": evidence.middle, "interval": ["low", "high"]},
    )
    shown = positive if negative is None else f"{positive} - {negative}"
    described = {
        "kernel": ("choice-conditioned noise", "input"),
        "kernel_interval": ("95 % interval of the kernel", "input"),
        "noise": ("standard deviation of the evidence", "input"),
        "time": (f"time {whence}", "ms"),
        "n": ("trials", "1"),
    }
    for name, (long_name, units) in described.items():
        result[name].attrs = {"long_name": long_name, "units": units}
    return result.assign_attrs(
        provenance("neurornn.PsychophysicalKernel/1")
        | {
            "evidence": shown,
            "condition": names,
            "bin_width": evidence.width,
            "interval": "Student's t, 95 %",
        }
    )


def plot_kernel(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """A kernel, or weights over time, with its interval as a band.

    Args:
        ds: Result of :func:`psychophysical_kernel` or :func:`evidence_weights`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    name = "kernel" if "kernel" in ds else "weight"
    time, low, high = ds["time"].values, *ds[f"{name}_interval"].values.T
    axes.axhline(0.0, color="0.6", linewidth=0.8, zorder=0)
    few = time.size <= 12
    if few:
        value = ds[name].values
        bars = np.maximum(np.stack([value - low, high - value]), 0.0)
        axes.errorbar(time, value, bars, fmt="o-", color="#0072B2", markersize=4.5, linewidth=1.2, capsize=2)
    else:
        axes.fill_between(time, low, high, color="#0072B2", alpha=0.2, linewidth=0)
        axes.plot(time, ds[name].values, color="#0072B2", linewidth=1.6)
    axes.set(xlabel=label(ds["time"]), ylabel=label(ds[name]))
    return axes


@dataclass(frozen=True)
class PsychophysicalKernel(AbstractMeasure):
    """Which moments of the stimulus the choice came from (:func:`psychophysical_kernel`).

    Attributes:
        positive: Input channel that speaks for the positive choice.
        negative: Input channel that speaks against it; None if there is none.
        condition: Condition that sets the mean of the stimulus.
        epoch: Epoch in which the stimulus was shown.
        bin_width: Width of the bins in ms.
        align: Whether time is counted from the start of the epoch or back from its end.
    """

    positive: str
    negative: str | None = None
    condition: str = "coherence"
    epoch: str = "stimulus"
    bin_width: float = 50.0
    align: Align = "start"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return psychophysical_kernel(
            ds,
            self.positive,
            self.negative,
            condition=self.condition,
            epoch=self.epoch,
            bin_width=self.bin_width,
            align=self.align,
        )

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_kernel(result, ax=ax)
