"""Means of behavioural variables for each condition."""

__all__ = ["mean_by"]

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit

from neurornn.analysis._conditions import by_group
from neurornn.provenance import provenance


def mean_by(ds: xr.Dataset, variable: str, *, by: str | None = None) -> xr.Dataset:
    r"""Mean of a behavioural variable, with its 95 % interval from Student's t.

    .. math:: \bar x \pm t_{0.975, n-1}\, s / \sqrt n

    Args:
        ds: Trials, simulated or recorded.
        variable: Variable with one value for each trial; NaN leaves a trial out.
        by: Condition that splits the trials; None takes all together.

    Returns:
        A dataset with ``mean``, ``mean_interval``, ``sd``, ``n`` and ``n_excluded``; along ``group`` if ``by`` is given.
        An interval of fewer than two trials is NaN.

    Raises:
        ValueError: If there is no such variable of the trials.

    Examples:
        >>> ds = xr.Dataset({"error": ("trial", [1.0, 2.0, 3.0, np.nan])})
        >>> found = mean_by(ds, "error")
        >>> float(found["mean"]), int(found["n"]), int(found["n_excluded"])
        (2.0, 3, 1)
    """
    if variable not in ds.variables or ds[variable].dims != ("trial",):
        raise ValueError(f"'{variable}' is not a variable of the trials.")
    x = ds[variable].values.astype(np.float64)
    attrs = {"long_name": variable.replace("_", " "), "units": "1"} | ds[variable].attrs

    def one(_: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        kept = x[rows & np.isfinite(x)]
        n = kept.size
        mean = kept.mean() if n else np.nan
        sd = kept.std(ddof=1) if n > 1 else np.nan
        half = stdtrit(n - 1, 0.975) * sd / np.sqrt(n) if n > 1 else np.nan
        return xr.Dataset(
            {
                "mean": ((), mean, attrs),
                "mean_interval": ("interval", [mean - half, mean + half], attrs),
                "sd": ((), sd, attrs),
                "n": ((), n, {"long_name": "trials", "units": "1"}),
                "n_excluded": ((), int((rows & ~np.isfinite(x)).sum())),
            },
            coords={"interval": ["low", "high"]},
        )

    result = one(None, np.ones(x.size, dtype=bool)) if by is None else by_group(ds, by, one)
    return result.assign_attrs(provenance("neurornn.MeanBy/1") | {"variable": variable})
