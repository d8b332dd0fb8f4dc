"""The labelled result of a search for continuous attractors."""

__all__ = ["Context", "dataset"]

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from neurornn.analysis.attractors._correct import slow_basis
from neurornn.analysis.attractors._families import Family
from neurornn.analysis.attractors._readout import Readout
from neurornn.analysis.attractors._slowness import Measure, Slowness
from neurornn.provenance import provenance

_EXACT = 1e-8  # of rate * (1 + |x|): drift that is rounding and no more


class Context(NamedTuple):
    """What was found at one input.

    Attributes:
        name: Its name.
        rows: Rows of its points in the dataset of points.
        measure: The criterion with its scales.
        families: The families.
    """

    name: Any
    rows: NDArray[np.int64]
    measure: Measure
    families: list[Family]


def dataset(
    contexts: Sequence[Context], points: xr.Dataset, readout: Readout, slowness: Slowness
) -> xr.Dataset:
    """Put the families of all contexts together.

    Args:
        contexts: One result for each context.
        points: The fixed and slow points.
        readout: What is read out of states.
        slowness: The criterion.

    Returns:
        The dataset that :func:`neurornn.analysis.attractors.find` describes.
    """
    everything = [(context, family) for context in contexts for family in context.families]
    rows = [_describe(context, family, points, readout) for context, family in everything]
    n_objects, n_points = len(rows), points.sizes["fixed_point"]
    point_object, arclength = np.full(n_points, -1), np.full(n_points, np.nan)
    for number, (context, family) in enumerate(everything):
        point_object[context.rows[family.members]] = number
        arclength[context.rows[family.members]] = family.place
    columns: dict[str, Any] = {}
    for name, (long_name, units, dims) in _VARIABLES.items():
        values = [row[name] for row in rows if name in row]
        if values:
            joined = _padded(values) if dims else np.array(values)
            columns[name] = (("object", *dims), joined, {"long_name": long_name, "units": units})

    def about(long_name: str, units: str = "1") -> dict[str, str]:
        return {"long_name": long_name, "units": units}

    point = ("fixed_point",)
    columns |= {
        "point_object": (point, point_object, about("object the point belongs to")),
        "point_arclength": (point, arclength, about("place along the curve")),
        "point_state": (
            ("fixed_point", "unit"),
            points["state"].transpose("fixed_point", "unit").values,
            about("state of the point"),
        ),
        "point_kind": (point, points["kind"].values, about("kind of point")),
        "point_stable": (point, points["stable_ode"].values, about("stable in continuous time")),
        "point_n_unstable": (point, points["n_unstable"].values, about("unstable directions")),
        "verdict": ("search", np.array([_verdict(c, rows, everything) for c in contexts]), about("verdict")),
        "longer_than": (
            "search",
            np.array([c.measure.time for c in contexts]),
            about("time to outlast", "ms"),
        ),
        "radius": ("search", np.array([c.measure.radius for c in contexts]), about("radius of the region")),
    }
    return xr.Dataset(
        columns,
        coords={
            "object": np.arange(n_objects),
            "context": ("object", np.array([context.name for context, _ in everything])),
            "point_context": ("fixed_point", points["context"].values),
            "search": np.array([context.name for context in contexts]),
        },
        attrs=provenance("neurornn.ContinuousAttractors/1")
        | {
            "n_continuous": int(sum(family.kind != "point" for _, family in everything)),
            "separation_asked": slowness.separation,
            "drift_allowed": slowness.drift,
            "shortest_asked": slowness.shortest,
        },
    )


def _describe(context: Context, family: Family, points: xr.Dataset, readout: Readout) -> dict[str, Any]:
    """All numbers about one family."""
    measure, states, curve = context.measure, family.states, family.curve
    x = torch.as_tensor(states, device=measure.centre.device)
    k = family.dimension
    around = measure.around(x, max(k, 1))
    F = measure.system.drift(x, measure.input).cpu().numpy()
    speed = np.linalg.norm(F, axis=1)
    inside = np.einsum("sud,su->sd", family.basis, F)
    slow, across = around.slow.cpu().numpy(), around.across.cpu().numpy()
    size = np.maximum(np.abs(slow), measure.floor)
    small = _EXACT * measure.rate * (1 + np.linalg.norm(states, axis=1))
    flat = np.abs(slow) <= measure.floor
    with np.errstate(divide="ignore"):
        along = np.where(flat, np.inf, -1 / np.where(flat, 1.0, slow.real))
    chord = float(np.linalg.norm(states[-1] - states[0])) if curve is not None and not curve.closed else 0.0
    variance = np.linalg.svd(states - states.mean(0), compute_uv=False) ** 2
    length, mean_speed = curve.length if curve is not None else np.nan, float(speed.mean())
    nan = np.full(len(states), np.nan)
    rows = context.rows[family.members]
    kinds, stable = points["kind"].values[rows], points["stable_ode"].values[rows]
    exact = bool((speed <= small).all())
    row: dict[str, Any] = {
        "kind": family.kind,
        "dimension": k,
        "dimension_local": family.local_dimension,
        "tangent_agreement": _agreement(measure, x, family),
        "exact": exact,
        "attracting": bool(around.attracting.all()) and bool((slow.real <= measure.floor).all() or k > 0),
        "n_states": len(states),
        "n_fixed": int((kinds == "fixed").sum()),
        "n_stable": int(((kinds == "fixed") & stable).sum()),
        "n_slow": int((kinds == "slow").sum()),
        "n_drift_zeros": _zeros(inside[:, 0], small, curve.closed) if curve is not None else -1,
        "length": length,
        "total_curvature": curve.total_curvature if curve is not None else np.nan,
        "mean_curvature": curve.total_curvature / length if curve is not None else np.nan,
        "straightness": chord / length if curve is not None else np.nan,
        "extent": float(cdist(states, states).max()),
        "flatness": float(variance[:k].sum() / variance.sum()) if k else 1.0,
        "mean_speed": mean_speed,
        "max_speed": float(speed.max()),
        "traverse_time": np.inf if exact else length / mean_speed,
        "separation": float((across / size).min()),
        "median_separation": float(np.median(across / size)),
        "start": family.ends[0],
        "end": family.ends[1],
        "reason": family.reason,
        "state": states,
        "arclength": curve.arclength if curve is not None else nan,
        "speed": speed,
        "drift": inside[:, 0] if curve is not None else nan,
        "drift_across": np.linalg.norm(F - np.einsum("sud,sd->su", family.basis, inside), axis=1)
        if k
        else nan,
        "time_constant_along": along,
        "time_constant_across": 1 / across,
    }
    row["summary"] = _summary(row)
    aligned = readout.align(states, family.basis)
    if aligned is not None:
        row |= {"output": aligned.output, "readout_cosine": aligned.cosine, "readout_angle": aligned.angle}
    return row


def _summary(row: dict[str, Any]) -> str:
    """An object in a sentence, with the numbers that make it what it is."""
    if row["kind"] == "point":
        return f"point: {row['reason']}"
    size = f"length {row['length']:.4g}" if row["length"] > 0 else f"extent {row['extent']:.4g}"
    quality = "exact" if row["exact"] else "approximate"
    time = f", crossed in {row['traverse_time']:.3g} ms" if np.isfinite(row["traverse_time"]) else ""
    missed = row["n_drift_zeros"] - row["n_fixed"]
    more = (
        f", {missed} more zero{'s' if missed > 1 else ''} of the drift: points that the search missed"
        if missed > 0
        else ""
    )
    ratios = [
        f"{row[name]:.3g}" if row[name] < 1e4 else "10,000" for name in ("separation", "median_separation")
    ]
    n = row["n_fixed"]
    return (
        f"{quality} {row['kind']}, {size}{time}, {n} fixed point{'' if n == 1 else 's'} on it ({row['n_stable']} stable)"
        f"{more}, slower along than across by {ratios[0]} or more (median {ratios[1]})"
        f"{'' if row['attracting'] else ', not attracting'}; ends: {row['start']}, {row['end']}"
    )


def _agreement(measure: Measure, x: torch.Tensor, family: Family) -> float:
    """Least cosine of an angle between the tangents of the states found and the slow spaces there."""
    if not family.dimension:
        return float("nan")
    tangent = torch.as_tensor(family.basis, device=x.device)
    slow = slow_basis(measure.system.jacobian(x, measure.input), tangent, measure.rate)
    return float(torch.linalg.svdvals(slow.mT @ tangent).min().clamp(max=1.0))


def _zeros(drift: NDArray[np.float64], small: NDArray[np.float64], closed: bool) -> int:
    """Places where the drift turns; -1 where it is rounding everywhere."""
    sign = np.sign(drift)[np.abs(drift) > small]
    if not len(sign):
        return -1
    turns = int((sign[1:] != sign[:-1]).sum())
    return turns + int(closed and sign[0] != sign[-1])


def _verdict(context: Context, rows: list[dict[str, Any]], everything: list[tuple[Context, Family]]) -> str:
    own = [row for row, (owner, _) in zip(rows, everything, strict=True) if owner is context]
    names: dict[str, int] = {}
    for row in own:
        if row["kind"] != "point":
            quality = "exact" if row["exact"] else "approximate"
            text = f"{row['kind']} ({quality}{'' if row['attracting'] else ', not attracting'})"
            names[text] = names.get(text, 0) + 1
    if names:
        return ", ".join(f"{count} {text}" for text, count in names.items())
    best = max(own, key=lambda row: float(row["separation"]))
    return f"no continuous attractor: {len(own)} point{'s' if len(own) > 1 else ''}, the best of them has {best['reason']}"


def _padded(values: list[NDArray[Any]]) -> NDArray[Any]:
    """Arrays of different sizes in one, with NaN below the shorter ones."""
    shape = tuple(max(sizes) for sizes in zip(*(each.shape for each in values), strict=True))
    out = np.full((len(values), *shape), np.nan)
    for row, each in zip(out, values, strict=True):
        row[tuple(slice(size) for size in each.shape)] = each
    return out


_SAMPLE = ("sample",)
_VARIABLES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "kind": ("kind of object", "1", ()),
    "dimension": ("slow modes", "1", ()),
    "dimension_local": ("dimension of neighbourhoods", "1", ()),
    "tangent_agreement": ("least cosine of tangent and slow space", "1", ()),
    "exact": ("no drift but rounding", "1", ()),
    "attracting": ("all other modes decay", "1", ()),
    "n_states": ("states sampled", "1", ()),
    "n_fixed": ("fixed points on it", "1", ()),
    "n_stable": ("stable fixed points on it", "1", ()),
    "n_slow": ("slow points on it", "1", ()),
    "n_drift_zeros": ("places where the drift turns, -1 if it has no sign", "1", ()),
    "length": ("length", "1", ()),
    "total_curvature": ("total curvature", "rad", ()),
    "mean_curvature": ("mean curvature", "1", ()),
    "straightness": ("distance of the ends over the length", "1", ()),
    "extent": ("largest distance of two states", "1", ()),
    "flatness": ("variance in as many components as dimensions", "1", ()),
    "mean_speed": ("mean speed", "1/ms", ()),
    "max_speed": ("largest speed", "1/ms", ()),
    "traverse_time": ("length over mean speed", "ms", ()),
    "separation": ("least ratio of time constants along and across", "1", ()),
    "median_separation": ("median ratio of time constants along and across", "1", ()),
    "start": ("why it begins", "1", ()),
    "end": ("why it ends", "1", ()),
    "reason": ("what a point lacks", "1", ()),
    "summary": ("summary", "1", ()),
    "state": ("state", "1", ("sample", "unit")),
    "arclength": ("arc length", "1", _SAMPLE),
    "speed": ("speed", "1/ms", _SAMPLE),
    "drift": ("drift along the curve", "1/ms", _SAMPLE),
    "drift_across": ("drift across the manifold", "1/ms", _SAMPLE),
    "time_constant_along": ("time constant along the manifold", "ms", _SAMPLE),
    "time_constant_across": ("time constant across the manifold", "ms", _SAMPLE),
    "output": ("output", "1", ("sample", "output")),
    "readout_cosine": ("cosine of read-out and tangent", "1", ("sample", "output")),
    "readout_angle": ("principal angle of read-out and tangents", "deg", ("sample", "angle")),
}
"""Long name, units and dimensions after the first of everything said about an object."""
