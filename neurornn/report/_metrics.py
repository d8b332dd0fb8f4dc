"""Headline numbers of a dissected run."""

__all__ = ["flat", "metrics_of"]

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from neurornn.report._dissect import in_order


def metrics_of(tree: xr.DataTree, data: xr.Dataset, history: xr.Dataset) -> dict[str, Any]:
    """Numbers that fit in a table, ready for JSON.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.
        data: Held-out trials it was made from.
        history: Result of training.

    Returns:
        ``accuracy``, ``n_trials``, ``training_steps``, ``participation_ratio``, ``fixed_points`` for each situation,
        and where they are defined ``accuracy_by_context`` and ``choice_weight_ratio`` (relevant : irrelevant, one
        for each context).
    """
    performance = data["performance"].values.astype(float)
    metrics: dict[str, Any] = {
        "accuracy": round(float(np.nanmean(performance)), 4),
        "n_trials": int(np.isfinite(performance).sum()),
        "training_steps": int(history.sizes["step"]),
        "participation_ratio": round(float(tree["components/participation_ratio"]), 2),
    }
    for name, place, digits in (
        ("accuracy_by_context", "accuracy/accuracy", 4),
        ("choice_weight_ratio", "choice_weights/ratio", 2),
    ):
        group, _, variable = place.partition("/")
        if group in tree.children and variable in tree[group].data_vars:
            found = tree[group].to_dataset()[variable]
            if "group" in found.dims:
                contexts = in_order(tree, found["group"].values)
                metrics[name] = {str(c): round(float(found.sel(group=c)), digits) for c in contexts}
    points = tree["fixed_points"].to_dataset()
    metrics["fixed_points"] = {str(name): _count(points, str(name)) for name in tree["landscape"].children}
    return metrics


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
