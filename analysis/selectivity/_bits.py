r"""How much better rates predict spikes than a constant rate does."""

__all__ = ["bits_per_spike", "null_rates", "poisson_bits"]

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import xlogy

from neurornn.analysis.selectivity._units import per_unit


def bits_per_spike(
    recording: xr.Dataset, rates: xr.DataArray, *, variable: str = "counts", least: float = 0.0
) -> xr.Dataset:
    r"""Log-likelihood of spike counts under predicted rates, relative to a constant rate, in bits per spike.

    .. math:: B = \frac{\log L(n \mid \lambda) - \log L(n \mid \bar n)}{n_{sp} \ln 2}, \qquad
              \log L = \sum_j n_j \log \lambda_j - \lambda_j - \log n_j!

    over all bins :math:`j` with a count, :math:`\lambda_j` the spikes predicted in a bin, :math:`\bar n` the mean count of each unit in
    these bins (the null model, which scores 0) and :math:`n_{sp}` the number of spikes. Over the population both likelihoods and spikes are added
    up, so units count by their spikes.

    Args:
        recording: Counts ``(trial, time, unit)``, NaN where there are none, in bins of ``attrs["dt"]`` ms.
        rates: Prediction with the same dimensions, in any order: in Hz or, with ``attrs["units"]`` of ``"1"``, in spikes per bin.
        variable: Name of the counts.
        least: Spikes per bin to which lower predictions are raised, in a copy. With 0 a spike where none was possible
            makes the likelihood 0 and the result minus infinity.

    Returns:
        A dataset along ``unit``: ``bits_per_spike``, NaN for units without spikes, ``n_spikes`` and ``n_bins`` that count, ``n_raised``
        predictions and ``n_impossible`` bins with spikes at a predicted rate of 0; and ``population``, the bits per spike of all units.

    Raises:
        ValueError: If the arrays do not match, a count is no count, or a prediction is negative, missing or without units.

    References:
        Spatio-temporal correlations and visual signalling in a complete neuronal population (Pillow et al., 2008)
        https://doi.org/10.1038/nature07140

        Neural Latents Benchmark '21 (Pei et al., 2021) https://arxiv.org/abs/2109.04463

    Examples:
        Knowing in which of two bins all spikes are is worth one bit for each:

        >>> counts = xr.DataArray([[[0.0], [3.0]]], dims=("trial", "time", "unit"))
        >>> rates = xr.DataArray([[[0.0], [3.0]]], dims=("trial", "time", "unit"), attrs={"units": "1"})
        >>> float(bits_per_spike(xr.Dataset({"counts": counts}), rates).population)
        1.0
    """
    if variable not in recording:
        raise ValueError(
            f"The recording has no variable '{variable}'. It has: {', '.join(map(str, recording))}."
        )
    counts = recording[variable]
    if set(counts.dims) != {"trial", "time", "unit"} or set(rates.dims) != set(counts.dims):
        raise ValueError(
            f"Counts and rates must have dimensions (trial, time, unit): got {counts.dims} and {rates.dims}."
        )
    n = counts.transpose("trial", "time", "unit").values.astype(np.float64)
    expected = rates.transpose("trial", "time", "unit").values.astype(np.float64)
    if n.shape != expected.shape:
        raise ValueError(
            f"Counts have shape {n.shape} and rates {expected.shape}, (trial, time, unit). Align them first."
        )
    for dim in ("trial", "time", "unit"):
        if dim in counts.coords and dim in rates.coords and not np.array_equal(counts[dim], rates[dim]):
            raise ValueError(f"Counts and rates are labelled differently along '{dim}'. Align them first.")
    units = rates.attrs.get("units")
    if units == "Hz":
        if "dt" not in recording.attrs:
            raise ValueError("Rates in Hz need the width of a bin in ms: put it into recording.attrs['dt'].")
        expected = expected * (float(recording.attrs["dt"]) / 1000.0)
    elif units != "1":
        raise ValueError(f"rates.attrs['units'] must be 'Hz' or, for spikes per bin, '1': got {units!r}.")
    raised = (expected < least) & np.isfinite(n)
    if least > 0:
        expected = np.maximum(expected, least)
    gained, spikes = poisson_bits(n, expected)
    total = spikes.sum()
    found = np.divide(gained, spikes, out=np.full(gained.shape, np.nan), where=spikes > 0)
    out = per_unit(
        recording,
        {
            "bits_per_spike": ("bit", found, "bits per spike"),
            "n_spikes": ("1", spikes.astype(np.int64), "spikes"),
            "n_bins": ("1", np.isfinite(n).sum((0, 1)), "bins that count"),
            "n_raised": ("1", raised.sum((0, 1)), "predictions raised"),
            "n_impossible": ("1", ((n > 0) & (expected == 0)).sum((0, 1)), "bins with impossible spikes"),
        },
        "neurornn.BitsPerSpike/1",
    )
    out["population"] = (
        (),
        float(gained.sum() / total) if total else np.nan,
        {"units": "bit", "long_name": "bits per spike of the population"},
    )
    return out.assign_attrs(variable=variable, least=float(least))


def poisson_bits(
    counts: NDArray[np.float64], expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bits gained over the constant rate of each unit, and its spikes.

    Args:
        counts: Counts ``(trial, time, unit)``, NaN where there are none; left as they are.
        expected: Spikes predicted in each bin; left as they are.

    Returns:
        Bits and spikes of each unit. Bits are exactly 0 if the prediction is that of :func:`null_rates`.

    Raises:
        ValueError: If a count is negative or no whole number, or a prediction is negative or missing where there is a count.
    """
    there = ~np.isnan(counts)
    n = np.where(there, counts, 0.0)
    if not (np.isfinite(n).all() and (n >= 0).all() and (n == np.rint(n)).all()):
        raise ValueError(
            "Counts must be whole numbers of at least 0, or NaN. Rates are no counts: see to_counts."
        )
    wrong = there & ~((expected >= 0) & np.isfinite(expected))
    if wrong.any():
        raise ValueError(
            f"{int(wrong.sum())} predictions are negative or missing in bins that have a count. Clip or leave out these bins."
        )
    null = np.where(there, null_rates(counts), 1.0)
    model = np.where(there, expected, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(null > 0, model / np.where(null > 0, null, 1.0), 1.0)  # a silent unit has no spikes
        gained = (xlogy(n, ratio) - np.where(there, model - null, 0.0)).sum((0, 1)) / np.log(2)
    return gained, n.sum((0, 1))


def null_rates(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prediction of the null model: the mean count of each unit, in every bin.

    Args:
        counts: Counts ``(trial, time, unit)``, NaN where there are none.

    Returns:
        Spikes per bin, same shape.
    """
    there = ~np.isnan(counts)
    mean = np.where(there, counts, 0.0).sum((0, 1)) / np.maximum(there.sum((0, 1)), 1)
    return np.broadcast_to(mean, counts.shape).copy()
