r"""Basins of attraction on a plane: which attractor each state flows to, and where the basins meet."""

__all__ = ["basins"]

from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis.landscape._flow import held_input
from neurornn.analysis.landscape._memories import Memories, as_attractors, remember
from neurornn.analysis.landscape._motion import STEPS, AbstractMotion
from neurornn.analysis.landscape._plane import Plane
from neurornn.analysis.landscape._settle import OUTCOMES, Settled, settle
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance

_AT_ONCE = 2  # halvings whose possible places are followed together: few states take as long as many


def basins(
    network: HasDrift,
    plane: Plane,
    *,
    input: ArrayLike | Tensor,
    extent: tuple[float, float, float, float],
    attractors: xr.Dataset | ArrayLike | Tensor | None = None,
    n: int = 41,
    motion: AbstractMotion = STEPS,
    duration: float | None = None,
    n_bisections: int = 12,
) -> xr.Dataset:
    r"""The attractor that the states of a plane flow to while the input is held.

    States leave the plane as they move: the map says where they end, not what happens within the plane. A state has
    arrived once it is in a neighbourhood of a stable fixed point in which the full nonlinear dynamics are known to
    contract: with the Jacobian :math:`A` there, :math:`P = R^\top R` a Lyapunov function of the linear dynamics and
    :math:`s` a lower bound on the rate of their decay in its norm, the neighbourhood is

    .. math::
        \lVert R (x - x^*) \rVert \le \rho, \qquad
        \lVert R\,(J(x) - A)\,R^{-1} \rVert \le \tfrac12 s \text{ for all } x \text{ in it.}

    For a :class:`~neurornn.CTRNN` with a named activation :math:`\rho` follows from the largest curvature of the
    activation (``"certified"``); for other systems the Jacobian is looked at in 48 states around the point and the
    radius at which it passes is divided by 4 (``"probed"``). A point on a kink of the drift, as the rest of a ``"relu"``
    network without bias, has no such neighbourhood; there a state must come within 1e-9 (``"proximity"``).

    Attractors need not be known beforehand: Newton's method from states that linger finds others, and they are added.
    A state that reaches none is not given to the nearest. Its outcome is ``"cycle"`` if its path closes,
    ``"moving"`` if it goes on moving without (a long cycle or chaos), ``"diverged"``, or ``"undecided"`` if it slowed
    down but did not arrive in time, for instance on a continuous attractor.

    Basins are those of ``motion``: of the map that the network is, by default, or of the differential equation with
    ``motion=Ode()``. The two agree only as far as the time step is short.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms; it is
            left untouched.
        plane: Where to look.
        input: Input held, one number for each channel.
        extent: ``(x_min, x_max, y_min, y_max)`` in coordinates of the plane.
        attractors: Stable fixed points known: a result of ``fixed_points.find`` or states ``(attractor, unit)``.
        n: Grid points along each side.
        motion: How states move.
        duration: Time in ms after which a state that has not arrived is given up; by default 100 time scales of the
            network, or 20 of its slowest attractor if that is longer.
        n_bisections: How often the stretch between two neighbours on the grid in different basins is halved to find
            where the basins meet; 0 leaves the boundary at the middle.

    Returns:
        A dataset. On the grid ``(y, x)``: ``attractor`` (or -1), ``outcome`` (row of the attribute ``outcomes``),
        ``arrival_time`` in ms and ``period`` in ms of cycles. Along ``attractor_index``: ``state``, ``given``,
        ``neighbourhood`` (``"certified"``, ``"probed"`` or ``"proximity"``), ``reach`` (largest distance from the fixed point of a
        state in the neighbourhood), and the ``fraction`` of the area by the trapezoidal rule with ``fraction_low``
        (cells of the grid with all four corners in the basin) and ``fraction_high`` (any). Along ``crossing``:
        ``boundary_x``, ``boundary_y``, ``boundary_error``, ``boundary_low`` and ``boundary_high`` (the attractors,
        or -1, on the side of smaller and larger coordinate). Along ``outcome_kind``: ``outcome_fraction``.

    Raises:
        TypeError: If the network has no drift.
        ValueError: If the network is noisy, a point given is no attractor, or the plane, input or extent make no sense.

    Examples:
        Two units that each remember one bit: the basins of the four memories are the quadrants.

        >>> import neurornn
        >>> network = neurornn.CTRNN(1, 2, 1, activation="tanh", bias=False)
        >>> network.W_rec = 2 * torch.eye(2)
        >>> found = basins(network, Plane(np.zeros(2), np.eye(2)), input=[0.0], extent=(-2, 2, -2, 2), n=10)
        >>> found.fraction.values.round(6).tolist(), float(abs(found.boundary_x * found.boundary_y).max()) < 1e-3
        ([0.25, 0.25, 0.25, 0.25], True)
    """
    x_min, x_max, y_min, y_max = extent
    if not (np.isfinite(extent).all() and x_min < x_max and y_min < y_max):
        raise ValueError(f"extent must be (x_min, x_max, y_min, y_max) with room between them: got {extent}.")
    if n < 2 or n_bisections < 0:
        raise ValueError(
            f"A grid needs at least 2 points along each side and no negative number of bisections: got n={n} and "
            f"n_bisections={n_bisections}."
        )
    x, y = (np.linspace(low, high, n).astype(np.float64) for low, high in ((x_min, x_max), (y_min, y_max)))
    points: NDArray[np.float64] = np.stack(np.meshgrid(x, y), axis=-1).reshape(n * n, 2).astype(np.float64)
    with torch.no_grad(), single_threaded():
        memories = prepare(network, plane.origin.size, input, attractors, motion, plane.embed(points))
        check_duration(duration)
        found = settle(memories, plane.embed(points), motion, duration=duration)
        border = _border(memories, plane, points, found, n, motion, duration, n_bisections)
    return _dataset(memories, plane, x, y, found, border, motion)


def prepare(
    network: HasDrift,
    n_units: int,
    input: ArrayLike | Tensor,
    attractors: xr.Dataset | ArrayLike | Tensor | None,
    motion: AbstractMotion,
    sample: NDArray[np.float64],
) -> Memories:
    """Check what was asked for and verify the attractors given.

    Args:
        network: Network without noise.
        n_units: Dimension of the states asked about.
        input: Input held.
        attractors: Attractors known, in any form, or None.
        motion: How states move.
        sample: Some of the states.

    Returns:
        The attractors.

    Raises:
        ValueError: If the network has another number of units.
    """
    own = getattr(network, "n_units", n_units)
    if own != n_units:
        raise ValueError(f"The states lie in a space of {n_units} units but the network has {own}.")
    held = held_input(input, getattr(network, "n_inputs", None))
    known = as_attractors(attractors, n_units, held, motion.discrete)
    return remember(network, n_units, held, known, discrete=motion.discrete, sample=sample)


def check_duration(duration: float | None) -> None:
    """Refuse durations that are none.

    Args:
        duration: Duration in ms or None.

    Raises:
        ValueError: If it is not above 0.
    """
    if duration is not None and not (np.isfinite(duration) and duration > 0):
        raise ValueError(f"duration is a time in ms above 0: got {duration}.")


def about_attractors(memories: Memories) -> dict[str, Any]:
    """The variables along ``attractor_index`` that all results share.

    Args:
        memories: The attractors.

    Returns:
        Variables of a dataset.
    """
    dim = ("attractor_index",)
    given = np.arange(len(memories.traps)) < memories.n_given
    kinds = np.array([each.kind for each in memories.traps], dtype="<U9")
    reach = np.array([each.reach for each in memories.traps])
    return {
        "state": ((*dim, "unit"), memories.states, about("state of the attractor")),
        "given": (dim, given, about("given, not discovered")),
        "neighbourhood": (dim, kinds, about("how the neighbourhood was shown to be one")),
        "reach": (dim, reach, about("largest distance of a state that has arrived")),
        "inputs": ("input", memories.input.cpu().numpy(), about("input held")),
    }


def about(long_name: str, units: str = "1") -> dict[str, str]:
    """Attributes of a variable."""
    return {"long_name": long_name, "units": units}


def _border(
    memories: Memories,
    plane: Plane,
    points: NDArray[np.float64],
    found: Settled,
    n: int,
    motion: AbstractMotion,
    duration: float | None,
    n_bisections: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Places, their errors, and labels ``(crossing, side)`` where neighbours are in different basins."""
    index = np.arange(n * n).reshape(n, n)
    pairs = np.concatenate([
        np.stack([index[:, :-1], index[:, 1:]], -1).reshape(-1, 2),
        np.stack([index[:-1], index[1:]], -1).reshape(-1, 2),
    ])
    kind = np.where(found.label >= 0, found.label, -1 - found.outcome)
    pairs = pairs[kind[pairs[:, 0]] != kind[pairs[:, 1]]]
    low, high = points[pairs[:, 0]].copy(), points[pairs[:, 1]].copy()
    left, right = kind[pairs[:, 0]], kind[pairs[:, 1]].copy()
    done, each = 0, np.arange(len(pairs))
    while done < n_bisections and len(pairs):
        levels = min(_AT_ONCE, n_bisections - done)
        places = _halved(low, high, levels)
        inner = places[1:-1].reshape(-1, 2)
        there = settle(memories, plane.embed(inner), motion, duration=duration, search_late=True)
        label = np.where(there.label >= 0, there.label, -1 - there.outcome).reshape(-1, len(pairs))
        first, last = np.zeros(len(pairs), dtype=np.int64), np.full(len(pairs), 2**levels)
        for _ in range(levels):
            middle = (first + last) // 2
            found = label[middle - 1, each]
            same = found == left
            first[same], last[~same], right[~same] = middle[same], middle[~same], found[~same]
        low, high = places[first, each], places[last, each]
        done += levels
    labels = np.maximum(np.stack([left, right], 1), -1)
    place: NDArray[np.float64] = 0.5 * (low + high)
    error: NDArray[np.float64] = 0.5 * np.linalg.norm(high - low, axis=1)
    return place, error, labels


def _halved(low: NDArray[np.float64], high: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """The ends of stretches with all places that so many halvings can lead to, ``(place, stretch, coordinate)``."""
    places = np.stack([low, high])
    for _ in range(levels):
        finer = np.empty((2 * len(places) - 1, *low.shape))
        finer[::2], finer[1::2] = places, 0.5 * (places[:-1] + places[1:])
        places = finer
    return places


def _dataset(
    memories: Memories,
    plane: Plane,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    found: Settled,
    border: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
    motion: AbstractMotion,
) -> xr.Dataset:
    shape = (len(y), len(x))
    place, error, labels = border
    n_attractors = len(memories.traps)
    label = found.label.reshape(shape)
    weight = np.full(shape, 1.0)
    weight[[0, -1]] *= 0.5
    weight[:, [0, -1]] *= 0.5
    weight /= weight.sum()
    corners = np.stack([label[:-1, :-1], label[:-1, 1:], label[1:, :-1], label[1:, 1:]])
    each = [corners == k for k in range(n_attractors)]
    outcome = found.outcome.reshape(shape)
    grid, one, crossing = ("y", "x"), ("attractor_index",), ("crossing",)

    def column(
        values: list[float], long_name: str
    ) -> tuple[tuple[str, ...], NDArray[np.float64], dict[str, str]]:
        return one, np.array(values, dtype=np.float64), about(long_name)

    shares = [float(weight[outcome == kind].sum()) for kind in range(len(OUTCOMES))]
    return xr.Dataset(
        {
            "attractor": (grid, label, about("attractor")),
            "outcome": (grid, outcome, about("outcome")),
            "arrival_time": (grid, found.time.reshape(shape), about("time of arrival", "ms")),
            "period": (grid, found.period.reshape(shape), about("period", "ms")),
            **about_attractors(memories),
            "fraction": column(
                [float(weight[label == k].sum()) for k in range(n_attractors)], "fraction of the area"
            ),
            "fraction_low": column([float(e.all(0).mean()) for e in each], "least fraction of the area"),
            "fraction_high": column([float(e.any(0).mean()) for e in each], "largest fraction of the area"),
            "boundary_x": (crossing, place[:, 0], about(plane.names[0])),
            "boundary_y": (crossing, place[:, 1], about(plane.names[1])),
            "boundary_error": (crossing, error, about("largest error of the place of the boundary")),
            "boundary_low": (crossing, labels[:, 0], about("attractor below")),
            "boundary_high": (crossing, labels[:, 1], about("attractor above")),
            "attractor_x": (one, plane.coordinates(memories.states)[:, 0], about(plane.names[0])),
            "attractor_y": (one, plane.coordinates(memories.states)[:, 1], about(plane.names[1])),
            "distance": (
                one,
                plane.distance(memories.states),
                about("distance of the attractor from the plane"),
            ),
            "outcome_fraction": ("outcome_kind", np.array(shares), about("fraction of the area")),
        },
        coords={
            "x": ("x", x, about(plane.names[0])),
            "y": ("y", y, about(plane.names[1])),
            "attractor_index": np.arange(n_attractors),
            "unit": np.arange(memories.system.n_units),
            "outcome_kind": np.array(OUTCOMES),
        },
        attrs=provenance("neurornn.Basins/1")
        | {"motion": repr(motion), "dt": memories.system.dt, "outcomes": list(OUTCOMES)},
    )
