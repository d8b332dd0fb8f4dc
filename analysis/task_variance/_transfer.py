"""What training on one task does for another."""

__all__ = ["transfer_matrix"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis.behaviour import wilson_interval
from neurornn.provenance import provenance


def transfer_matrix(
    runs: Mapping[str, xr.Dataset], *, before: xr.Dataset | None = None, by: str = "rule"
) -> xr.Dataset:
    """Performance in each task after training on each of some tasks.

    Args:
        runs: Trials with ``performance`` of one network for each training, by the name of what it was trained on.
        before: Such trials of a network before this training, or without pre-training, to compare with.
        by: Condition that names the task of a trial.

    Returns:
        ``performance`` ``(trained, tested)``, NaN where there were no such trials, its 95 % Wilson ``interval`` and
        ``n_trials``; with ``before`` also ``gain``, the performance minus that before.

    Raises:
        ValueError: If there is no run, or trials have no performance or no task.

    Examples:
        >>> def trials(*right):
        ...     return xr.Dataset(coords={"rule": ("trial", ["go", "go", "anti"]), "performance": ("trial", list(right))})
        >>> found = transfer_matrix({"go": trials(1.0, 1.0, 0.0)}, before=trials(0.0, 1.0, 0.0))
        >>> found.performance.sel(tested="go").item(), found.gain.sel(tested="go").item()
        (1.0, 0.5)
    """
    if not runs:
        raise ValueError("transfer_matrix needs the trials of at least one run: got none.")
    everything = {**runs} if before is None else {**runs, "before": before}
    for name, ds in everything.items():
        for wanted in (by, "performance"):
            if wanted not in ds:
                raise ValueError(f"The trials of '{name}' have no '{wanted}'. Simulate them with task=.")
    tested = list(dict.fromkeys(str(rule) for ds in everything.values() for rule in ds[by].values))
    rows = {name: _row(ds, by, tested) for name, ds in runs.items()}
    score, count = (np.stack([row[k] for row in rows.values()]) for k in (0, 1))
    interval = wilson_interval(np.nan_to_num(score) * count, count)
    dims = ("trained", "tested")
    result = xr.Dataset(
        {
            "performance": (dims, score, {"long_name": "performance", "units": "1"}),
            "interval": (
                (*dims, "side"),
                interval,
                {"long_name": "95 % interval of the performance", "units": "1"},
            ),
            "n_trials": (dims, count, {"long_name": "number of trials", "units": "1"}),
        },
        coords={"trained": list(runs), "tested": tested, "side": ["low", "high"]},
        attrs=provenance("neurornn.TransferMatrix/1"),
    )
    if before is not None:
        change = score - _row(before, by, tested)[0]
        result["gain"] = (dims, change, {"long_name": "gain in performance", "units": "1"})
    return result


def _row(ds: xr.Dataset, by: str, tested: list[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rule, right = ds[by].values.astype(str), ds["performance"].values.astype(np.float64)
    judged = [right[(rule == name) & ~np.isnan(right)] for name in tested]
    means = [each.mean() if each.size else np.nan for each in judged]
    return np.array(means), np.array([each.size for each in judged])
