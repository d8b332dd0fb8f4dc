"""One continuous attractor in numbers and in words."""

__all__ = ["describe", "name_of"]

from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from neurornn.analysis.attractors._correct import slow_basis
from neurornn.analysis.attractors._families import Family
from neurornn.analysis.attractors._readout import Readout
from neurornn.analysis.attractors._slowness import Measure

_OF_SURFACES = ("topology", "unresolved", "euler", "n_borders", "area", "area_error", "gaussian_curvature")
_EXACT = 1e-8  # of rate * (1 + |x|): drift that is rounding and no more


def describe(measure: Measure, family: Family, own: xr.Dataset, readout: Readout) -> dict[str, Any]:
    """All numbers about one family.

    Args:
        measure: The criterion at the input held.
        family: The family.
        own: The points that belong to it.
        readout: What is read out of states.

    Returns:
        Values of the variables along objects, by name.
    """
    states, curve = family.states, family.curve
    x = torch.as_tensor(states, device=measure.centre.device)
    k = family.dimension
    around = measure.around(x, max(k, 1))
    F = measure.system.drift(x, measure.input).cpu().numpy()
    speed = np.linalg.norm(F, axis=1)
    inside = np.einsum("sud,su->sd", family.basis, F)
    velocity = np.einsum("sud,sd->su", family.basis, inside)
    slow, across = around.slow.cpu().numpy(), around.across.cpu().numpy()
    size = np.maximum(np.abs(slow), measure.floor)
    small = _EXACT * measure.rate * (1 + np.linalg.norm(states, axis=1))
    flat = np.abs(slow) <= measure.floor
    with np.errstate(divide="ignore"):
        along = np.where(flat, np.inf, -1 / np.where(flat, 1.0, slow.real))
    chord = float(np.linalg.norm(states[-1] - states[0])) if curve is not None and not curve.closed else 0.0
    variance = np.linalg.svd(states - states.mean(0), compute_uv=False) ** 2
    shape = _shape(family)
    size_along = {"point": np.nan, "line": shape["length"], "ring": shape["length"]}.get(
        family.kind, shape["extent"]
    )
    share = family.surface.share if family.surface is not None and shape["resolved"] else None
    mean_speed = float(np.average(speed, weights=share))
    kinds, stable = own["kind"].values, own["stable_ode"].values
    exact = bool((speed <= small).all())
    ratio = across / size
    if not k and (kinds == "slow").any():  # where J'F = 0 makes an eigenvalue 0, which is no rate
        ratio, along = np.full_like(ratio, np.nan), np.full_like(along, np.nan)
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
        "n_reached": family.n_reached,
        "straightness": chord / shape["length"] if curve is not None else np.nan,
        "flatness": float(variance[:k].sum() / variance.sum()) if k else 1.0,
        "mean_speed": mean_speed,
        "max_speed": float(speed.max()),
        "traverse_time": np.inf if exact else size_along / mean_speed,
        "separation": float(ratio.min()),
        "median_separation": float(np.median(ratio)),
        "start": family.ends[0],
        "end": family.ends[1],
        "reason": family.reason,
        "state": states,
        "speed": speed,
        "drift": inside[:, 0] if curve is not None else np.full(len(states), np.nan),
        "drift_across": np.linalg.norm(F - velocity, axis=1) if k else np.full(len(states), np.nan),
        "velocity": velocity,
        "time_constant_along": along,
        "time_constant_across": 1 / across,
    }
    row |= shape
    row["summary"] = _summary(row)
    aligned = readout.align(states, family.basis)
    if aligned is not None:
        row |= {"output": aligned.output, "readout_cosine": aligned.cosine, "readout_angle": aligned.angle}
    return row


def name_of(row: dict[str, Any]) -> str:
    """What to call an object: the topology of a surface where it has a short name.

    Args:
        row: Its description.

    Returns:
        A name.
    """
    if row["kind"] != "surface" or not row["resolved"] or " " in row["topology"].removeprefix("Moebius "):
        return str(row["kind"])
    return str(row["topology"])


def _shape(family: Family) -> dict[str, Any]:
    """What does not depend on the drift."""
    states, curve, surface = family.states, family.curve, family.surface
    nan = np.full(len(states), np.nan)
    axes = np.linalg.svd(states - states.mean(0), full_matrices=False)[2][: max(family.dimension, 1)]
    shape: dict[str, Any] = {
        "topology": "point",
        "unresolved": "",
        "euler": 1,
        "n_borders": 0,
        "length": np.nan,
        "area": np.nan,
        "area_error": np.nan,
        "total_curvature": np.nan,
        "total_gaussian_curvature": np.nan,
        "mean_curvature": np.nan,
        "extent": float(cdist(states, states).max()),
        "extents": np.ptp((states - states.mean(0)) @ axes.T, axis=0),
        "arclength": nan,
        "curvature": nan,
        "gaussian_curvature": nan,
        "triangle": np.zeros((0, 3)),
    }
    if curve is not None:
        shape |= {
            "topology": family.kind,
            "unresolved": "too long to follow" if "too long to follow" in family.ends else "",
            "euler": 0 if curve.closed else 1,
            "n_borders": 0 if curve.closed else 2,
            "length": curve.length,
            "total_curvature": curve.total_curvature,
            "mean_curvature": curve.total_curvature / curve.length,
            "arclength": curve.arclength,
            "curvature": curve.curvature(curve.arclength),
        }
    elif surface is not None:
        shape |= {name: getattr(surface, name) for name in _OF_SURFACES}
        shape |= {
            "total_gaussian_curvature": float((surface.gaussian_curvature * surface.share).sum()),
            "mean_curvature": float((surface.mean_curvature * surface.share).sum() / surface.share.sum()),
            "curvature": surface.mean_curvature,
            "triangle": surface.triangles.astype(np.float64),
        }
    return shape | {"resolved": not shape["unresolved"]}


def _summary(row: dict[str, Any]) -> str:
    """An object in a sentence, with the numbers that make it what it is."""
    if row["kind"] == "point":
        return f"point: {row['reason']}"
    size = f"length {row['length']:.4g}" if row["length"] > 0 else f"extent {row['extent']:.4g}"
    if row["area"] > 0:
        extents = " x ".join(f"{each:.4g}" for each in row["extents"])
        size = f"area {row['area']:.4g}, extents {extents}"
        if row["kind"] == "surface" and row["topology"] != name_of(row):
            size = f"{row['topology']}, {size}"
    if not row["resolved"]:
        size += f", unresolved ({row['unresolved']})"
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
        f"{quality} {name_of(row)}, {size}{time}, {n} fixed point{'' if n == 1 else 's'} on it ({row['n_stable']} stable)"
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
