"""Headline numbers of a dissected run."""

__all__ = ["flat", "metrics_of"]

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from neurornn.report._dissect import in_order, situations_of
from neurornn.report._mechanism import mechanism_numbers


def metrics_of(tree: xr.DataTree, data: xr.Dataset, history: xr.Dataset) -> dict[str, Any]:
    """Numbers that fit in a table, ready for JSON.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.
        data: Held-out trials it was made from.
        history: Result of training.

    Returns:
        ``accuracy`` if trials are right or wrong and the mean ``performance`` if they are graded, ``n_trials``,
        ``training_steps``, ``participation_ratio``, ``fixed_points`` for each situation, and where they are defined
        ``accuracy_by_context``, ``choice_weight_ratio`` (relevant : irrelevant, one for each context) and
        ``choice_weight_ratio_interval`` (its 95 % interval), and what
        :func:`~neurornn.report._mechanism.mechanism_numbers` gives.
    """
    performance = data["performance"].values.astype(float)
    judged = performance[np.isfinite(performance)]
    name = "accuracy" if "accuracy" in tree.children else "performance"
    metrics: dict[str, Any] = {
        name: round(float(judged.mean()), 4) if judged.size else None,
        "n_trials": int(judged.size),
        "training_steps": int(history.sizes["step"]),
        "participation_ratio": round(float(tree["components/participation_ratio"]), 2),
    }
    for name, group, variable, digits in (
        ("accuracy_by_context", "accuracy", "accuracy", 4),
        ("choice_weight_ratio", "choice_weights", "ratio", 2),
        ("choice_weight_ratio_interval", "choice_weights", "ratio_interval", 2),
    ):
        if group in tree.children and variable in tree[group].data_vars:
            found = tree[group].to_dataset()[variable]
            if "group" in found.dims:
                metrics[name] = {
                    str(context): np.round(found.sel(group=context).values, digits).tolist()
                    for context in in_order(tree, found["group"].values)
                }
    points = tree["fixed_points"].to_dataset()
    metrics["fixed_points"] = {name: _count(points, name) for name in situations_of(tree)}
    return metrics | mechanism_numbers(tree)


def flat(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested metrics as lines of a table.

    Args:
        metrics: Result of :func:`metrics_of`.
        prefix: Put before each name.

    Yields:
        Name and value.

    Examples:
        >>> dict(flat({"accuracy": 0.95, "ratio": {"motion": 8.0}}))
        {'accuracy': 0.95, 'ratio, motion': 8.0}
    """
    for name, value in metrics.items():
        label = prefix + name.replace("_", " ")
        if isinstance(value, Mapping):
            yield from flat(value, f"{label}, ")
        else:
            yield label, value


def _count(points: xr.Dataset, situation: str) -> dict[str, int | str]:
    here = points.isel(fixed_point=points["context"].values == situation)
    fixed = here["kind"].values == "fixed"
    search = points.isel(search=points["search"].values == situation)
    return {
        "fixed": int(fixed.sum()),
        "stable": int((fixed & here["stable_ode"].values.astype(bool)).sum()),
        "slow": int((here["kind"].values == "slow").sum()),
        "completeness": str(search["completeness"].item()),
    }
