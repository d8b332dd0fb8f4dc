r"""Continuous attractors as users ask for them."""

__all__ = ["find"]

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
from neurornn.analysis.attractors._slowness import Measure, Slowness
from neurornn.analysis.systems import HasDrift

_ROOM = 1.5  # radius of the region, relative to the farthest point known
_MOST_ROOM = 5.0  # and to the median one: on an endless line some points known lie far away
_ROOM_OF_STATES = 1.1  # and to the farthest state visited or point


def find(
    network: HasDrift,
    points: xr.Dataset,
    *,
    slowness: Slowness = Slowness(),  # noqa: B008
    within: ArrayLike | Tensor | xr.Dataset | xr.DataArray | None = None,
    W_out: ArrayLike | Tensor | None = None,
    n_samples: int = 65,
) -> xr.Dataset:
    r"""Lines, rings, planes and surfaces of fixed or slow states, each as one object, in every context of a search.

    A state belongs to a continuous attractor of dimension :math:`k` if :math:`k` modes of the Jacobian there are
    slow, the others are faster by a factor, and the drift is slow; :class:`Slowness` has the numbers. From every
    fixed or slow point with one slow mode the *slow manifold* is followed both ways: a step along the slow
    eigenvector :math:`r`, then Newton's method at right angles to it until

    .. math:: F(x) = \sigma\, r(x), \qquad J(x)\, r(x) = \lambda\, r(x),

    so that the drift :math:`F` has no fast component. The curve ends where the criterion fails, at the border of
    the region searched, or where it closes on itself. Points with several slow modes are the start of surfaces, sampled
    by growing outwards in the same way. On an exact continuum the states found are fixed points; a manifold of a
    trained network is approximate, and the drift along it is part of the answer. The points on a curve are put
    in the order of their arc length :math:`s`.

    Nothing here depends on ``dt``.

    Args:
        network: The network whose fixed points are given, without noise; it is left untouched.
        points: Result of :func:`neurornn.analysis.fixed_points.find`; the inputs held are taken from it.
        slowness: What counts as slow.
        within: States that bound the region searched: trials with a variable ``state``, or states ``(..., unit)``. The
            region is the ball around their mean that holds them and the points, and a tenth more. If None it is a ball
            around the median of the points of the context: half as far again as the farthest of them, but at most
            5 times as far as the median one.
        W_out: Read-out ``(output, unit)``, of the rates if the network has a method ``rate`` and of the states
            otherwise; the network's own if None.
        n_samples: States along a line or ring, at equal distances; and at most of a surface.

    Returns:
        A dataset with the following variables. Along ``object``, in each context families first, the longest of
        them before others, and then the points that belong to none: ``kind`` (``"ring"``, ``"line"``, ``"plane"``,
        ``"surface"`` or ``"point"``), ``dimension`` (slow modes), ``dimension_local`` (of neighbourhoods of the
        states, by principal components), ``tangent_agreement`` (least cosine between the curve and the slow
        space), ``exact`` (no drift but rounding), ``attracting`` (all other modes decay, everywhere), ``n_states``,
        ``n_fixed``, ``n_stable``, ``n_slow`` (points on it), ``n_drift_zeros`` (places along a curve where the drift
        vanishes or turns); ``length``, ``total_curvature`` (radians), ``mean_curvature``, ``straightness`` (distance of
        the ends over the length), ``extent`` (largest distance of two states), ``flatness`` (share of the variance of
        its states in as many principal components as it has dimensions); ``mean_speed``, ``max_speed``,
        ``traverse_time`` (length over mean speed), ``separation`` (least ratio of time constants along and across), ``median_separation``,
        ``start``, ``end`` (why a curve ends), ``reason`` (what a point lacks) and ``summary`` (all that in a sentence).

        Along ``object`` and ``sample``: ``state``, ``arclength``, ``speed``, ``drift`` (along the curve, with its
        sign), ``drift_across`` (the rest), ``time_constant_along`` (-1 / real part, negative where differences grow),
        ``time_constant_across``; with a read-out ``output``, ``readout_cosine`` of each output's gradient and the
        tangent, and ``readout_angle``, the principal angles of tangent space and read-out in degrees. Along
        ``fixed_point``: ``point_object``, ``point_arclength``, and the points' ``state``, ``kind``, ``stable``. Along
        ``search``, one for each context: ``verdict`` in words, ``longer_than``, ``radius`` of the region.

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
    _check_points(network, points)
    if n_samples < 8:
        raise ValueError(f"A curve is drawn through at least 8 states: got n_samples={n_samples}.")
    system = freeze(network, points.sizes["unit"])
    bounds = None if within is None else _states(within, system.n_units)
    contexts = []
    with torch.no_grad(), single_threaded():
        readout = Readout(network, system, W_out)
        for name in points["search"].values:
            here = np.flatnonzero(points["context"].values == name)
            if not len(here):
                continue
            states = points["state"].transpose("fixed_point", "unit").values[here]
            input = torch.as_tensor(points["inputs"].values[here[0]], device=system.device)
            check_drift(system, torch.as_tensor(states, device=system.device), input)
            centre, radius = _region(states) if bounds is None else _ball(bounds, states)
            measure = Measure(
                system,
                input,
                slowness,
                float(points["rate"].sel(search=name)),
                torch.as_tensor(centre, device=system.device),
                radius,
            )
            contexts.append(Context(name, here, measure, families(measure, states, n_samples)))
        return dataset(contexts, points, readout, slowness)


def _check_points(network: HasDrift, points: xr.Dataset) -> None:
    needed: set[Any] = {"state", "inputs", "kind", "n_unstable", "stable_ode", "rate", "context"}
    if not isinstance(points, xr.Dataset) or not needed <= set(points.variables):
        raise ValueError(
            "points must be the dataset that fixed_points.find returns: got "
            f"{'one without ' + ', '.join(sorted(needed - set(points.variables))) if isinstance(points, xr.Dataset) else type(points).__name__}."
        )
    if points.sizes["fixed_point"] == 0:
        raise ValueError(
            "There are no fixed or slow points to start from. Search with more candidates, from states that trials visit."
        )
    n_units = getattr(network, "n_units", points.sizes["unit"])
    if n_units != points.sizes["unit"]:
        raise ValueError(
            f"The points have {points.sizes['unit']} units and the network {n_units}: they are of another network."
        )


def _states(within: ArrayLike | Tensor | xr.Dataset | xr.DataArray, n_units: int) -> NDArray[np.float64]:
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
    """The ball around states that holds them, and the points too."""
    centre = states.mean(0)
    radius = max(np.linalg.norm(each - centre, axis=1).max() for each in (states, points))
    return centre, float(_ROOM_OF_STATES * radius)
