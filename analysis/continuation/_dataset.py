"""A bifurcation diagram as a labelled result."""

__all__ = ["dataset"]

from typing import Any

import numpy as np
import xarray as xr

from neurornn.analysis.continuation._diagram import Branch, Diagram
from neurornn.analysis.continuation._events import Special
from neurornn.analysis.continuation._family import Family
from neurornn.analysis.continuation._paths import AbstractPath
from neurornn.analysis.continuation._walk import Effort
from neurornn.analysis.fixed_points._roots import SINGULAR
from neurornn.provenance import provenance


def dataset(
    diagram: Diagram, family: Family, path: AbstractPath, effort: Effort, parameter: float
) -> xr.Dataset:
    """Put a diagram together.

    Args:
        diagram: The diagram.
        family: Its equations.
        path: Its path.
        effort: How it was followed.
        parameter: Value of the parameter at the starts.

    Returns:
        The dataset that :func:`neurornn.analysis.continuation.trace` describes.
    """
    n, name = family.n_units, path.label
    points = [p for branch in diagram.branches for p in branch.points]
    y = np.stack([p.y for p in points]) if points else np.zeros((0, n + 1))
    eigenvalue = np.stack([p.eigenvalue for p in points]) if points else np.zeros((0, n), dtype=np.complex128)
    lengths = [_arclength(branch) for branch in diagram.branches]
    rows = [
        (number, *row)
        for number, (branch, length) in enumerate(zip(diagram.branches, lengths, strict=True))
        for row in _specials(branch, length)
    ]
    special = [row[2] for row in rows]
    where = np.stack([each.y for each in special]) if special else np.zeros((0, n + 1))
    omega = np.array([each.omega for each in special], dtype=np.float64)
    margin = SINGULAR * family.rate
    starts = np.stack([each.y for each in diagram.starts])
    point, dim, curve, start = ("point",), ("special",), ("curve",), ("start",)
    kinds = np.array([each.kind for each in special], dtype="U16")
    reasons = [branch.reasons for branch in diagram.branches]
    columns: dict[str, Any] = {
        "state": (("point", "unit"), family.state(y), _about("state")),
        "parameter": (point, family.parameter(y), _about(*name)),
        "arclength": (point, np.concatenate([*lengths, np.zeros(0)]), _about("scaled arclength")),
        "tangent": (
            ("point", "coordinate"),
            np.stack([p.t for p in points]) if points else np.zeros((0, n + 1)),
            _about("scaled tangent"),
        ),
        "eigenvalue": (("point", "mode"), eigenvalue, _about("eigenvalue", "1/ms")),
        "n_unstable": (point, (eigenvalue.real > 0).sum(1), _about("unstable directions")),
        "stable": (point, (eigenvalue.real < 0).all(1), _about("stable in continuous time")),
        "marginal": (
            point,
            (np.abs(eigenvalue.real) <= margin).any(1),
            _about("an eigenvalue not told from the imaginary axis"),
        ),
        "special_kind": (dim, kinds, _about("kind of special point")),
        "special_branch": (dim, np.array([row[0] for row in rows], dtype=np.int64), _about("branch")),
        "special_state": (("special", "unit"), family.state(where), _about("state")),
        "special_parameter": (dim, family.parameter(where), _about(*name)),
        "special_error": (
            dim,
            np.array([each.error for each in special], dtype=np.float64) * family.span,
            _about(f"error of the {name[0]}", name[1]),
        ),
        "special_frequency": (dim, omega * 1e3 / (2 * np.pi), _about("frequency", "Hz")),
        "special_arclength": (
            dim,
            np.array([row[1] for row in rows], dtype=np.float64),
            _about("scaled arclength"),
        ),
        "special_note": (dim, np.array([each.note for each in special], dtype="U32"), _about("reason")),
        "curve_first_end": (curve, np.array([r[0] for r in reasons], dtype="U32"), _about("first end")),
        "curve_last_end": (curve, np.array([r[1] for r in reasons], dtype="U32"), _about("last end")),
        "curve_closed": (
            curve,
            np.array([branch.closed for branch in diagram.branches], dtype=bool),
            _about("closed curve"),
        ),
        "curve_length": (
            curve,
            np.array([length[-1] for length in lengths], dtype=np.float64),
            _about("scaled length"),
        ),
        "start_state": (("start", "unit"), family.state(starts), _about("fixed point started from")),
        "start_branch": (start, np.array([each.branch for each in diagram.starts]), _about("branch")),
        "start_note": (start, np.array([each.note for each in diagram.starts]), _about("what became of it")),
    }
    ds = xr.Dataset(
        columns,
        coords={
            "branch": (
                "point",
                np.repeat(np.arange(len(lengths)), [len(each) for each in lengths]).astype(np.int64),
            ),
            "unit": np.arange(n),
            "mode": np.arange(n),
            "curve": np.arange(len(lengths)),
        },
        attrs=provenance("neurornn.BifurcationDiagram/1"),
    )
    return ds.assign_attrs(
        n_branches=len(lengths),
        n_directions_left=diagram.n_left,
        n_starts_lost=sum(each.branch < 0 for each in diagram.starts),
        start_parameter=parameter,
        parameter_low=family.low,
        parameter_high=family.low + family.span,
        dt=family.dt,
        rate=family.rate,
        max_step=effort.max_step,
        min_step=effort.min_step,
        max_points=effort.max_points,
        max_branches=effort.max_branches,
        max_state=effort.max_state,
    )


def _specials(branch: Branch, length: np.ndarray[Any, np.dtype[np.float64]]) -> list[tuple[float, Special]]:
    """Special points of a branch and its ends, with the arclength of each."""
    rows = []
    for k, event in branch.events:
        gap = length[k + 1] - length[k]
        rows.append((float(length[k] + min(max(event.place, 0.0), 1.0) * gap), event))
    if not branch.closed:
        for index, reason in zip((0, -1), branch.reasons, strict=True):
            end = Special("end", branch.points[index].y, float("nan"), 0.0, 0.0, note=reason)
            rows.append((float(length[index]), end))
    return sorted(rows, key=lambda row: row[0])


def _arclength(branch: Branch) -> np.ndarray[Any, np.dtype[np.float64]]:
    places = np.stack([p.y for p in branch.points])
    return np.append(0.0, np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1)))


def _about(long_name: str, units: str = "1") -> dict[str, str]:
    return {"long_name": long_name, "units": units}
