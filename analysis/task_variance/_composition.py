"""Whether the states of rules add up: does anti with a delay lie where anti, plus a delay, should lie?"""

__all__ = ["composition", "rule_states"]

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from neurornn.analysis._conditions import activity
from neurornn.provenance import provenance


def rule_states(
    datasets: Mapping[str, xr.Dataset], *, epoch: str = "stimulus", variable: str = "rate"
) -> xr.DataArray:
    """Mean activity over trials at the end of an epoch, for each task.

    Args:
        datasets: Trials of each task; tasks without the epoch are left out.
        epoch: Epoch whose last step is taken.
        variable: Activity.

    Returns:
        States ``(rule, unit)``.

    Raises:
        ValueError: If no task has the epoch.
    """
    states = {}
    for rule, ds in datasets.items():
        edges = [f"epoch_{epoch}_{side}" for side in ("start", "end")]
        if not all(edge in ds for edge in edges):
            continue
        start, end = (ds[edge].values for edge in edges)
        present = end > start
        if not present.any():
            continue
        step = np.searchsorted(ds["time"].values, end[present] - 1e-6) - 1
        states[rule] = activity(ds, variable)[0].values[np.flatnonzero(present), step].mean(0)
    if not states:
        raise ValueError(f"None of the tasks has an epoch '{epoch}': {', '.join(datasets)}.")
    return xr.DataArray(
        np.stack(list(states.values())),
        dims=("rule", "unit"),
        coords={"rule": list(states)},
        name="state",
        attrs=provenance("neurornn.RuleStates/1")
        | {"long_name": f"mean {variable} at the end of {epoch}", "units": "1", "epoch": epoch},
    )


def composition(
    states: xr.DataArray, target: str, *, plus: Sequence[str], minus: Sequence[str]
) -> xr.Dataset:
    r"""The state of a rule, composed of those of others.

    .. math:: \hat s = \sum_{A \in plus} s_A - \sum_{B \in minus} s_B

    If the differences between rules are the same whatever they are added to, as in
    "delayed anti = delayed go + (anti - go)", the composed state lies at that of the target.

    Args:
        states: What :func:`rule_states` gave.
        target: Rule that is composed.
        plus: Rules added.
        minus: Rules subtracted, one fewer than are added, so that what is common to all rules stays.

    Returns:
        ``distance`` ``(rule)`` of the composed state to each state, in units of the root mean square distance between two
        rules; ``rank`` of the target, 1 if no rule is closer.

    Raises:
        ValueError: If a rule is missing, or the numbers of rules do not fit.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> s = xr.DataArray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dims=("rule", "unit"))
        >>> s = s.assign_coords(rule=["go", "anti", "delaygo", "delayanti"])
        >>> found = composition(s, "delayanti", plus=("delaygo", "anti"), minus=("go",))
        >>> found.distance.sel(rule="delayanti").item(), found["rank"].item()
        (0.0, 1)
    """
    known = states["rule"].values.tolist()
    for name in (target, *plus, *minus):
        if name not in known:
            raise ValueError(f"There is no state of rule '{name}'. There are: {', '.join(known)}.")
    if len(plus) != len(minus) + 1:
        raise ValueError(
            f"Add one rule more than is subtracted: got plus={list(plus)} and minus={list(minus)}."
        )
    composed = states.sel(rule=list(plus)).sum("rule") - states.sel(rule=list(minus)).sum("rule")
    s = states.values
    pairs = s[:, None] - s[None]
    scale = np.sqrt((pairs**2).sum(-1).sum() / (len(s) * (len(s) - 1)))
    distance = np.linalg.norm(s - composed.values, axis=1) / scale
    mine = distance[known.index(target)]
    return xr.Dataset(
        {
            "distance": ("rule", distance, {"long_name": "distance to the composed state", "units": "1"}),
            "rank": ((), int((distance < mine).sum()) + 1, {"long_name": "rank of the target", "units": "1"}),
        },
        coords={"rule": known},
        attrs=provenance("neurornn.RuleComposition/1")
        | {"target": target, "plus": list(plus), "minus": list(minus)},
    )
