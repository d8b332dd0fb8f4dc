r"""Continuous attractors as users ask for them."""

__all__ = ["find"]

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._conditions import activity
from neurornn.analysis._system import check_drift, freeze, plain
from neurornn.analysis.attractors._dataset import Context, dataset
from neurornn.analysis.attractors._families import families
from neurornn.analysis.attractors._readout import Readout
from neurornn.analysis.attractors._relax import as_starts, relax
from neurornn.analysis.attractors._slowness import Measure, Slowness
from neurornn.analysis.systems import HasDrift

States = ArrayLike | Tensor | xr.Dataset | xr.DataArray
Inputs = ArrayLike | Tensor | Mapping[str, ArrayLike | Tensor]

_ROOM = 1.5  # radius of the region, relative to the farthest point known
_MOST_ROOM = 5.0  # and to the median one: on an endless line some points known lie far away
_ROOM_OF_STATES = 1.1  # and to the farthest state visited or point


def find(
    network: HasDrift,
    points: xr.Dataset,
    *,
    slowness: Slowness = Slowness(),  # noqa: B008
    within: States | None = None,
    candidates: States | None = None,
    inputs: Inputs | None = None,
    W_out: ArrayLike | Tensor | None = None,
    n_samples: int = 65,
    n_surface: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    r"""Lines, rings, planes and surfaces of fixed or slow states, each as one object, in every context of a search.

    A state belongs to a continuous attractor of dimension :math:`k` if :math:`k` modes of the Jacobian there are
    slow, the others are faster by a factor, and the drift is slow; :class:`Slowness` has the numbers. From every
    fixed or slow point with one slow mode the *slow manifold* is followed both ways: a step along the slow
    eigenvector :math:`r`, then Newton's method at right angles to it until

    .. math:: F(x) = \sigma\, r(x), \qquad J(x)\, r(x) = \lambda\, r(x),

    so that the drift :math:`F` has no fast component. The curve ends where the criterion fails, at the border of
    the region searched, or where it closes on itself. Points with several slow modes are the start of surfaces, sampled
    by growing outwards in the same way. A surface of two dimensions is covered with triangles, which give its area
    and its topology, and drawn out to its border; where the sample is too coarse for that the object is *unresolved*.
    On an exact continuum the states found are fixed points; a manifold of a trained network is approximate, and the
    drift along it is part of the answer. The points on a curve are put in the order of their arc length :math:`s`.

    A search for fixed points need not come to a point on a curved continuum. Candidates do: they are followed along the
    flow until their fast modes are gone, and objects are sought from where they are then too.

    Nothing here depends on ``dt``.

    Args:
        network: The network whose fixed points are given, without noise; it is left untouched.
        points: Result of :func:`neurornn.analysis.fixed_points.find`; the inputs held are taken from it.
        slowness: What counts as slow.
        within: States that bound the region searched: trials with a variable ``state``, or states ``(..., unit)``. The
            region is the ball around their mean that holds them and the isolated points, and a tenth more. If None it is
            a ball around the median of the points of the context, and of the candidates once relaxed: half as far again
            as the farthest of them, but at most 5 times as far as the median one.
        candidates: States to relax, ``(candidate, unit)``, or trials to draw 64 from; none if None.
        inputs: Inputs held in the contexts, as given to the search; needed only where a context has no point.
        W_out: Read-out ``(output, unit)``, of the rates if the network has a method ``rate`` and of the states
            otherwise; the network's own if None.
        n_samples: States along a line or ring, at equal distances.
        n_surface: States of a surface, at most. They are about a quarter of the radius of the region apart, and closer
            where that is too coarse for the curvature.
        seed: Seed of the draw of candidates from trials.

    Returns:
        A dataset with the following variables. Along ``object``, in each context families first, surfaces and then the
        longest curve before others, and then the points that belong to none: ``kind`` (``"ring"``, ``"line"``, ``"plane"``,
        ``"surface"`` or ``"point"``), ``topology`` (``"line"``, ``"ring"``, ``"point"``; ``"sheet"`` (a disc), ``"cylinder"``,
        ``"sphere"``, ``"torus"``, ...), ``resolved``, ``unresolved`` (why it is not), ``euler`` (Euler characteristic),
        ``n_borders`` (ends or borders), ``dimension`` (slow modes), ``dimension_local`` (of neighbourhoods of the
        states, by principal components), ``tangent_agreement`` (least cosine between its tangents and the slow
        space), ``exact`` (no drift but rounding), ``attracting`` (all other modes decay, everywhere), ``n_states``,
        ``n_fixed``, ``n_stable``, ``n_slow`` (points on it), ``n_reached`` (candidates that came to it), ``n_drift_zeros``
        (places along a curve where the drift vanishes or turns); ``length`` of a curve, ``area`` of a surface,
        ``area_error`` (change by the last refinement), ``total_curvature`` (of a curve, radians),
        ``total_gaussian_curvature`` (of a surface, steradians), ``mean_curvature`` (along a curve; over a surface, of
        half the sum of the principal curvatures), ``straightness`` (distance of the ends over the length), ``extent``
        (largest distance of two states), ``extents`` (ranges along principal components), ``flatness`` (share of the
        variance of its states in as many principal components as it has dimensions); ``mean_speed`` (over length or
        area), ``max_speed``, ``traverse_time`` (length, of a surface the extent, over mean speed), ``separation`` (least
        ratio of time constants along and across; NaN at a slow point, whose zero eigenvalue is no rate),
        ``median_separation``, ``start``, ``end`` (why it ends), ``reason``
        (what a point lacks) and ``summary`` (all that in a sentence).

        Along ``object`` and ``sample``: ``state``, ``arclength``, ``speed``, ``drift`` (along a curve, with its
        sign), ``velocity`` (the drift along the object, as a vector), ``drift_across`` (the size of the rest),
        ``curvature`` (of a surface mean curvature), ``gaussian_curvature``, ``time_constant_along`` (-1 / real part,
        negative where differences grow), ``time_constant_across``; with a read-out ``output``, ``readout_cosine`` of each
        output's gradient and the tangent, and ``readout_angle``, the principal angles of tangent space and read-out in
        degrees. If there is a surface that is resolved, ``triangle``: the samples of each triangle, -1 below the last. Along
        ``fixed_point``: ``point_object`` (-1 if it is on none), ``point_arclength`` (NaN on the continuation of a straight
        line beyond the region), and the points' ``state``, ``kind``, ``stable``. Along ``search``, one for each context:
        ``verdict`` in words, ``longer_than``, ``radius`` of the region, ``n_outside`` (points of a continuum outside the
        region, on the continuation of no object: they are not listed as objects), ``n_elsewhere`` (candidates
        that came to no object, or ran away).

    Raises:
        TypeError: If the network has no drift, or one of another shape or type than its states.
        ValueError: If the points are of another network, or there are none, or an argument makes no sense.

    References:
        How the brain keeps the eyes still (Seung, 1996) https://doi.org/10.1073/pnas.93.23.13339

    Examples:
        Two units that excite each other just enough to hold their sum, and nothing else: a line.

        >>> import neurornn
        >>> from neurornn.analysis import fixed_points
        >>> network = neurornn.CTRNN(1, 2, 1, activation="identity", bias=False)
        >>> network.W_rec = torch.tensor([[0.5, 0.5], [0.5, 0.5]])
        >>> points = fixed_points.find(network, candidates=[[1.0, 0.0], [0.0, -1.0], [3.0, 3.0]])
        >>> found = find(network, points)
        >>> found.verdict.item(), round(found.time_constant_across[0, 0].item(), 6)
        ('1 line (exact)', 100.0)
    """
    _check_points(network, points, candidates is not None)
    if n_samples < 8 or n_surface < 8:
        raise ValueError(
            "A curve is drawn through at least 8 states, and so is a surface: "
            f"got n_samples={n_samples}, n_surface={n_surface}."
        )
    system = freeze(network, points.sizes["unit"])
    bounds = None if within is None else _states(within, system.n_units)
    starts = (
        np.zeros((0, system.n_units)) if candidates is None else as_starts(candidates, system.n_units, seed)
    )
    held = _inputs(points, inputs, len(starts) > 0)
    contexts = []
    with torch.no_grad(), single_threaded():
        readout = Readout(network, system, W_out)
        for name in points["search"].values:
            here = np.flatnonzero(points["context"].values == name)
            if not len(here) and not len(starts):
                continue
            states = points["state"].transpose("fixed_point", "unit").values[here]
            known = np.concatenate([states, starts])
            isolated = (
                points["isolated"].values[here].astype(bool)
                if "isolated" in points
                else np.ones(len(here), bool)
            )
            input = torch.as_tensor(held[name], device=system.device)
            check_drift(system, torch.as_tensor(known, device=system.device), input)
            rate = float(points["rate"].sel(search=name))
            settled = relax(system, input, torch.as_tensor(starts, device=system.device), rate)
            centre, radius = (
                _region(np.concatenate([states, settled.cpu().numpy()]))
                if bounds is None
                else _ball(bounds, states[isolated])
            )
            middle = torch.as_tensor(centre, device=system.device)
            measure = Measure(system, input, slowness, rate, middle, radius)
            found = families(
                measure,
                states,
                isolated=isolated,
                settled=settled,
                n_lost=len(starts) - len(settled),
                n_samples=n_samples,
                n_surface=n_surface,
            )
            contexts.append(Context(name, here, measure, *found))
        return dataset(contexts, points, readout, slowness)


def _check_points(network: HasDrift, points: xr.Dataset, may_be_empty: bool) -> None:
    needed: set[Any] = {"state", "inputs", "kind", "n_unstable", "stable_ode", "rate", "context"}
    if not isinstance(points, xr.Dataset) or not needed <= set(points.variables):
        raise ValueError(
            "points must be the dataset that fixed_points.find returns: got "
            f"{'one without ' + ', '.join(sorted(needed - set(points.variables))) if isinstance(points, xr.Dataset) else type(points).__name__}."
        )
    if points.sizes["fixed_point"] == 0 and not may_be_empty:
        raise ValueError(
            "There are no fixed or slow points to start from. Pass candidates=, states that are relaxed first, or "
            "search with more candidates, from states that trials visit."
        )
    n_units = getattr(network, "n_units", points.sizes["unit"])
    if n_units != points.sizes["unit"]:
        raise ValueError(
            f"The points have {points.sizes['unit']} units and the network {n_units}: they are of another network."
        )


def _inputs(points: xr.Dataset, inputs: Inputs | None, all_of_them: bool) -> dict[Any, NDArray[np.float64]]:
    """The input held in each context; those of contexts without a point must be given if they are needed."""
    names = points["search"].values.tolist()
    rows = points["inputs"].transpose("fixed_point", "input").values
    found = dict(zip(points["context"].values.tolist(), rows, strict=True))
    if points.sizes["input"] == 0 and inputs is None:
        return {name: np.zeros(0) for name in names}
    if inputs is None:
        unknown = [name for name in names if name not in found]
        if unknown and all_of_them:
            raise ValueError(
                f"Without a point it is not known which input is held in {unknown}: pass inputs=, as to fixed_points.find."
            )
        return found
    if isinstance(inputs, Mapping):
        given = {name: plain(inputs[name]) for name in names if name in inputs}
    else:
        values = np.atleast_2d(plain(inputs))
        given = (
            dict(zip(names, values, strict=len(values) == len(names))) if len(values) == len(names) else {}
        )
    n = points.sizes["input"]
    if len(given) < len(names) or any(each.shape != (n,) for each in given.values()):
        raise ValueError(f"inputs must hold {n} numbers for each of the contexts {names}: got {inputs!r}.")
    for name, row in found.items():
        if not np.array_equal(row, given[name]):
            raise ValueError(
                f"The points of context {name!r} are those at input {row.tolist()}: got {given[name].tolist()}."
            )
    return given


def _states(within: States, n_units: int) -> NDArray[np.float64]:
    if isinstance(within, xr.Dataset):
        within = activity(within, "state")[0]
    if isinstance(within, xr.DataArray):
        within = within.transpose(..., "unit").values
    states = plain(within)
    if states.ndim == 0 or states.shape[-1] != n_units:
        raise ValueError(f"within must be states (..., unit) with {n_units} units: got shape {states.shape}.")
    states = states.reshape(-1, n_units)
    states = states[np.isfinite(states).all(1)]
    if not len(states) or np.ptp(states, axis=0).max() == 0:
        raise ValueError("within holds no two different finite states: it bounds no region.")
    return states


def _region(states: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """A ball around the points, but not out to the few that lie far away from all others."""
    centre = np.median(states, axis=0)
    distance = np.linalg.norm(states - centre, axis=1)
    apart = distance[distance > 1e-6 * (1 + np.linalg.norm(centre))]
    if not len(apart):
        return centre, float(1 + np.linalg.norm(centre))
    return centre, float(min(_ROOM * apart.max(), _MOST_ROOM * np.median(apart)))


def _ball(states: NDArray[np.float64], points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The ball around states that holds them, and the isolated points too."""
    centre = states.mean(0)
    radius = max(np.linalg.norm(each - centre, axis=1).max(initial=0.0) for each in (states, points))
    return centre, float(_ROOM_OF_STATES * radius)
