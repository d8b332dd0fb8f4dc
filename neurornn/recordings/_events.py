"""Where the events of a trial are, and which units were recorded in it."""

__all__ = ["TRIAL_CLOCK", "event_times", "observed", "recorded", "variables_along"]

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

TRIAL_CLOCK: Final = "trial"  # what time is aligned to where it is the clock of the trial itself


def event_times(ds: xr.Dataset, name: str) -> NDArray[np.float64]:
    """Time of an event in every trial.

    Args:
        ds: A recording, or simulated trials.
        name: Event ``event_<name>`` of a recording or bound ``epoch_<name>`` of simulated trials, such as
            ``"saccade"`` or ``"stimulus_start"``; ``"trial"`` is the zero of the trial clock.

    Returns:
        Times in ms on the trial clock, NaN where the event is missing.

    Raises:
        ValueError: If the trials have no such event, or it is not one number for each of them.
    """
    if name == TRIAL_CLOCK and f"event_{name}" not in ds.variables:
        return np.zeros(ds.sizes["trial"])
    for key in (f"event_{name}", f"epoch_{name}"):
        if key in ds.variables:
            values = ds[key]
            if values.dims != ("trial",) or values.dtype.kind not in "iuf":
                raise ValueError(
                    f"'{key}' must be one time in ms for each trial: got {values.dtype} along {values.dims}."
                )
            return values.values.astype(np.float64)
    known = [
        key.split("_", 1)[1] for key in variables_along(ds, "trial") if key.startswith(("event_", "epoch_"))
    ]
    raise ValueError(f"The trials have no event '{name}'. They have: {', '.join(known) or 'none'}.")


def recorded(ds: xr.Dataset) -> NDArray[np.bool_]:
    """Which unit was recorded in which trial, ``(trial, unit)``: in those of its own session.

    Args:
        ds: A recording.

    Returns:
        True everywhere where there are no sessions.
    """
    if "session" not in ds.variables or "unit_session" not in ds.variables:
        return np.ones((ds.sizes["trial"], ds.sizes["unit"]), dtype=bool)
    here: NDArray[np.bool_] = ds["session"].values[:, None] == ds["unit_session"].values[None, :]
    return here


def variables_along(ds: xr.Dataset, dim: str) -> list[str]:
    """Names of the variables along one dimension only, its own index left out."""
    return sorted(str(key) for key, each in ds.variables.items() if each.dims == (dim,) and key != dim)


def observed(ds: xr.Dataset) -> NDArray[np.bool_]:
    """Which trials of a recording of spikes have a span.

    Args:
        ds: Recording of spikes.

    Returns:
        One value for each trial.
    """
    both: NDArray[np.bool_] = ~(np.isnan(ds["start"].values) | np.isnan(ds["stop"].values))
    return both
