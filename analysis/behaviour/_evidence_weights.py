r"""How much evidence weighs on the choice, by when it came: clicks, pulses, or any input."""

__all__ = ["EvidenceWeights", "evidence_weights"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import xarray as xr
from typing_extensions import override

from neurornn.analysis.behaviour._choices import as_choices
from neurornn.analysis.behaviour._evidence import Align, binned_evidence
from neurornn.analysis.behaviour._kernel import plot_kernel
from neurornn.analysis.behaviour._logistic_regression import column_intervals, fit_logistic
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def evidence_weights(
    ds: xr.Dataset,
    positive: str,
    negative: str | None = None,
    *,
    epoch: str = "stimulus",
    choice: str = "choice",
    bin_width: float = 100.0,
    align: Align = "start",
    unit: float = 1.0,
    ridge: float = 1e-3,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Logistic regression of the choice on the evidence in bins of time.

    .. math:: \log \frac{P(\text{positive choice})}{P(\text{negative choice})} = \text{bias} + \sum_b w_b e_b, \qquad
        e_b = \frac{1}{a} \int_b \big(u_+(t) - u_-(t)\big)\, dt

    where :math:`u_\pm` are the two input channels as they were shown, noise included, :math:`b` the bins and :math:`a`
    the ``unit``, for instance the area of a click. Equal weights are perfect accumulation; with bins counted back
    from the end, weights that fall into the past are a leak, and their time constant that of the accumulator.
    Where the epoch of a trial is shorter, there was no evidence: 0. Intervals are 95 % percentiles over resampled
    trials.

    If the evidence predicts every choice the likelihood has no maximum: ``separated`` says so, and the size of the
    weights is then set by the penalty :math:`\tfrac12 \rho \sum_b (w_b s_b)^2`, with :math:`s_b` the standard deviation
    of the evidence and :math:`\rho` the ``ridge``. Otherwise the default of 0.001 hardly matters. A bin without
    any variation has weight NaN. If all choices are the same, all weights are NaN.

    Args:
        ds: Trials with their ``inputs``, simulated or recorded.
        positive: Input channel that speaks for the positive choice.
        negative: Input channel that speaks against it; None if there is none.
        epoch: Epoch in which the evidence was shown.
        choice: Name of the choice variable: +1 and -1 (0 or NaN: none, excluded and counted), or booleans.
        bin_width: Width of the bins in ms, rounded to whole steps.
        align: Whether time is counted from the start of the epoch or back from its end.
        unit: Integral of the input that counts as 1, in input times ms.
        ridge: Penalty, at least 0.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``weight`` along ``time``, the middle of each bin, and ``bias``, each with its ``_interval``;
        ``n`` (trials whose epoch reaches a bin), ``log_likelihood``, ``separated``, ``converged``, ``n_trials``,
        ``n_excluded`` and ``n_bootstrap_failed``.

    Raises:
        ValueError: If a variable, a channel or the epoch is missing, a number is out of range, or the evidence does
            not vary.

    References:
        Rats and humans can optimally accumulate evidence for decision-making (Brunton, Botvinick & Brody, 2013)
        https://doi.org/10.1126/science.1233912

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> shown = rng.standard_normal((5000, 2, 1))
        >>> choice = np.where(rng.logistic(size=5000) < 2.0 * shown[:, 0, 0] + 1.0 * shown[:, 1, 0], 1, -1)
        >>> edges = {"start": np.zeros(5000), "end": np.full(5000, 20.0)}
        >>> ds = xr.Dataset(
        ...     {"inputs": (("trial", "time", "input"), shown), "choice": ("trial", choice)},
        ...     coords={"input": ["x"]} | {f"epoch_stimulus_{k}": ("trial", edge) for k, edge in edges.items()},
        ...     attrs={"dt": 10.0},
        ... )
        >>> found = evidence_weights(ds, "x", bin_width=10.0, unit=10.0)
        >>> bool((abs(found.weight - np.array([2.0, 1.0])) < 0.2).all())
        True
    """
    if choice not in ds.variables:
        raise ValueError(f"The dataset has no variable '{choice}'.")
    if not (ridge >= 0 and n_bootstrap >= 0 and unit > 0):
        raise ValueError(
            f"ridge and n_bootstrap must be at least 0 and unit above 0: got {ridge}, {n_bootstrap} and {unit}."
        )
    evidence = binned_evidence(ds, positive, negative, epoch=epoch, bin_width=bin_width, align=align)
    up, known = as_choices(ds[choice])
    fit = fit_logistic(
        evidence.total[known] / unit,
        up[known],
        intercept=True,
        ridge=ridge,
        n_bootstrap=n_bootstrap,
        seed=derive_seed(seed, "evidence weights"),
    )
    ends = column_intervals(fit.coefficients[1:])
    result = xr.Dataset(
        {
            "weight": ("time", fit.coefficients[0, 1:]),
            "weight_interval": (("time", "interval"), ends[1:]),
            "bias": ((), fit.coefficients[0, 0]),
            "bias_interval": ("interval", ends[0]),
            "n": ("time", (evidence.covered[known] > 0).sum(axis=0)),
            "log_likelihood": ((), fit.log_likelihood),
            "separated": ((), fit.separated),
            "converged": ((), fit.converged),
            "n_trials": ((), int(known.sum())),
            "n_excluded": ((), int((~known).sum())),
            "n_bootstrap_failed": ((), fit.n_bootstrap_failed),
        },
        coords={"time": evidence.middle, "interval": ["low", "high"]},
    )
    per = "1/(input ms)" if unit == 1.0 else "1"
    described = {
        "weight": ("weight on the choice", per),
        "bias": ("bias", "1"),
        "time": (f"time from the {align} of {epoch.replace('_', ' ')}", "ms"),
        "n": ("trials", "1"),
        "log_likelihood": ("log-likelihood", "1"),
    }
    for name, (long_name, units) in described.items():
        result[name].attrs = {"long_name": long_name, "units": units}
        if f"{name}_interval" in result:
            result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": units}
    return result.assign_attrs(
        provenance("neurornn.EvidenceWeights/1")
        | {
            "evidence": positive if negative is None else f"{positive} - {negative}",
            "bin_width": evidence.width,
            "unit": unit,
            "ridge": ridge,
            "n_bootstrap": n_bootstrap,
            "bootstrap": "trials, 95 % percentiles",
            "seed": seed,
        }
    )


@dataclass(frozen=True)
class EvidenceWeights(AbstractMeasure):
    """How much evidence weighs on the choice, by when it came (:func:`evidence_weights`).

    Attributes:
        positive: Input channel that speaks for the positive choice.
        negative: Input channel that speaks against it; None if there is none.
        epoch: Epoch in which the evidence was shown.
        bin_width: Width of the bins in ms.
        align: Whether time is counted from the start of the epoch or back from its end.
        unit: Integral of the input that counts as 1, in input times ms.
    """

    positive: str
    negative: str | None = None
    epoch: str = "stimulus"
    bin_width: float = 100.0
    align: Align = "start"
    unit: float = 1.0

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return evidence_weights(
            ds,
            self.positive,
            self.negative,
            epoch=self.epoch,
            bin_width=self.bin_width,
            align=self.align,
            unit=self.unit,
        )

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_kernel(result, ax=ax)
