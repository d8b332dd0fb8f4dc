"""The labelled result of a search for continuous attractors."""

__all__ = ["Context", "dataset"]

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis.attractors._describe import describe, name_of
from neurornn.analysis.attractors._families import Family
from neurornn.analysis.attractors._readout import Readout
from neurornn.analysis.attractors._slowness import Measure, Slowness
from neurornn.provenance import provenance


class Context(NamedTuple):
    """What was found at one input.

    Attributes:
        name: Its name.
        rows: Rows of its points in the dataset of points.
        measure: The criterion with its scales.
        families: The families.
        n_outside: Number of points on a continuum outside the region, on none of the families.
        n_elsewhere: Number of candidates that came to none of the families.
    """

    name: Any
    rows: NDArray[np.int64]
    measure: Measure
    families: list[Family]
    n_outside: int
    n_elsewhere: int


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
    rows = [
        describe(context.measure, family, points.isel(fixed_point=context.rows[family.members]), readout)
        for context, family in everything
    ]
    n_objects, n_points = len(rows), points.sizes["fixed_point"]
    point_object, arclength = np.full(n_points, -1), np.full(n_points, np.nan)
    for number, (context, family) in enumerate(everything):
        point_object[context.rows[family.members]] = number
        arclength[context.rows[family.members]] = family.place
    columns: dict[str, Any] = {}
    for name, (long_name, units, dims) in _VARIABLES.items():
        values = [row[name] for row in rows if name in row]
        if values and (not dims or any(each.size for each in values)):
            joined = _padded(values) if dims else np.array(values)
            if name == "triangle":
                joined = np.nan_to_num(joined, nan=-1).astype(np.int64)
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
        "n_outside": (
            "search",
            np.array([c.n_outside for c in contexts]),
            about("points of a continuum outside the region"),
        ),
        "n_elsewhere": (
            "search",
            np.array([c.n_elsewhere for c in contexts]),
            about("candidates that came to no object"),
        ),
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
            "n_unresolved": sum(not row["resolved"] for row in rows),
            "separation_asked": slowness.separation,
            "drift_allowed": slowness.drift,
            "shortest_asked": slowness.shortest,
        },
    )


def _verdict(context: Context, rows: list[dict[str, Any]], everything: list[tuple[Context, Family]]) -> str:
    own = [row for row, (owner, _) in zip(rows, everything, strict=True) if owner is context]
    names: dict[str, int] = {}
    for row in own:
        if row["kind"] != "point":
            quality = "exact" if row["exact"] else "approximate"
            more = ("" if row["attracting"] else ", not attracting") + (
                "" if row["resolved"] else ", unresolved"
            )
            text = f"{name_of(row)} ({quality}{more})"
            names[text] = names.get(text, 0) + 1
    if names:
        return ", ".join(f"{count} {text}" for text, count in names.items())
    if not own:
        return "no continuous attractor: no point, and candidates came to no slow state"
    best = max(own, key=lambda row: float(np.nan_to_num(row["separation"], posinf=np.inf)))
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
    "topology": ("topology", "1", ()),
    "resolved": ("shape known", "1", ()),
    "unresolved": ("why the shape is not known", "1", ()),
    "euler": ("Euler characteristic, -99 if unknown", "1", ()),
    "n_borders": ("ends or borders, -1 if unknown", "1", ()),
    "area": ("area", "1", ()),
    "area_error": ("change of the area by the last refinement", "1", ()),
    "total_gaussian_curvature": ("total Gaussian curvature", "sr", ()),
    "extents": ("range along principal components", "1", ("axis",)),
    "n_reached": ("candidates that came to it", "1", ()),
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
    "velocity": ("drift along the manifold", "1/ms", ("sample", "unit")),
    "curvature": ("curvature of a curve, mean curvature of a surface", "1", _SAMPLE),
    "gaussian_curvature": ("Gaussian curvature", "1", _SAMPLE),
    "triangle": ("states of the triangles of a surface, -1 if none", "1", ("triangle_number", "corner")),
    "time_constant_along": ("time constant along the manifold", "ms", _SAMPLE),
    "time_constant_across": ("time constant across the manifold", "ms", _SAMPLE),
    "output": ("output", "1", ("sample", "output")),
    "readout_cosine": ("cosine of read-out and tangent", "1", ("sample", "output")),
    "readout_angle": ("principal angle of read-out and tangents", "deg", ("sample", "angle")),
}
"""Long name, units and dimensions after the first of everything said about an object."""
