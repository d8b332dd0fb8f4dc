"""The same plane under several inputs, in one row."""

__all__ = ["side_by_side"]

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from neurornn.analysis.landscape._flow import common_limits, plot_flow
from neurornn.analysis.landscape._plots import basin_colours, plot_basins

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOW, _BASINS = "neurornn.Flow/1", "neurornn.Basins/1"


def side_by_side(results: Mapping[str, xr.Dataset], *, axes: "Sequence[Axes] | None" = None) -> "list[Axes]":
    """Flow or basins in several contexts, one panel each, with common limits and colours.

    Speeds share one scale and one colour bar. An attractor keeps its colour from panel to panel: those of each panel
    are matched to those of the first, and to those that came up since, so that the sum of the distances is least; one
    that is further from its match than from half the way to its neighbours counts as another attractor.

    Args:
        results: Results of :func:`flow`, or of :func:`basins`, on the same plane, by the name of the context.
        axes: Axes to draw on, one for each; of a new figure if None.

    Returns:
        The axes, in the order of the results.

    Raises:
        ValueError: If there is nothing to draw, the results are of different kinds, planes or areas, or there are
            not as many axes.

    Examples:
        >>> import matplotlib.pyplot as plt, torch, neurornn
        >>> from neurornn.analysis import landscape
        >>> network = neurornn.CTRNN(1, 2, 1, activation="tanh")
        >>> plane = landscape.Plane(np.zeros(2), np.eye(2))
        >>> flows = {
        ...     name: landscape.flow(network, plane, input=[u], extent=(-1, 1, -1, 1), n=9)
        ...     for name, u in {"off": 0.0, "on": 1.0}.items()
        ... }
        >>> [ax.get_title(loc="left") for ax in landscape.side_by_side(flows)]
        ['off', 'on']
        >>> plt.close("all")
    """
    names, found = list(results), list(results.values())
    kinds = {str(each.attrs.get("schema")) for each in found}
    if not found or len(kinds) != 1 or not kinds <= {_FLOW, _BASINS}:
        raise ValueError(
            "side_by_side draws results of flow, or results of basins, all of one kind: got "
            f"{sorted(kinds) if found else 'none'}."
        )
    first = found[0]
    for name, each in zip(names, found, strict=True):
        same = all(
            each[d].size == first[d].size
            and np.allclose([each[d][0], each[d][-1]], [first[d][0], first[d][-1]])
            and each[d].attrs.get("long_name") == first[d].attrs.get("long_name")
            for d in ("x", "y")
        )
        if not same:
            raise ValueError(
                f"All panels show the same part of one plane: '{name}' shows another than '{names[0]}'."
            )
    panels = _new(len(found)) if axes is None else list(axes)
    if len(panels) != len(found):
        raise ValueError(f"Each result needs axes of its own: got {len(panels)} for {len(found)}.")
    if kinds == {_FLOW}:
        low, high = common_limits(*found)
        for k, (each, ax) in enumerate(zip(found, panels, strict=True)):
            plot_flow(each, vmin=low, vmax=high, colorbar=k == len(found) - 1, ax=ax)
    else:
        for each, colours, ax in zip(found, _matched(found), panels, strict=True):
            plot_basins(each, colours=colours, legend=False, ax=ax)
            ax.set_title(_shares(each), loc="right", fontsize="x-small")
    for k, (name, ax) in enumerate(zip(names, panels, strict=True)):
        ax.set_title(name, loc="left", fontsize="medium", pad=16)
        if k:
            ax.set_ylabel("")
    return panels


def _new(n: int) -> "list[Axes]":
    import matplotlib.pyplot as plt

    return list(plt.subplots(1, n, figsize=(4.2 * n + 0.8, 4.4), layout="constrained", squeeze=False)[1][0])


def _shares(ds: xr.Dataset) -> str:
    shares = np.sort(ds["fraction"].values)[::-1]
    text = " / ".join(f"{share:.0%}" for share in shares[:4])
    return f"basins {text}{' ...' if len(shares) > 4 else ''}" if len(shares) else "no fixed point"


def _matched(found: Sequence[xr.Dataset]) -> list[list[Any]]:
    """Colours of the attractors of each panel."""
    known = np.empty((0, found[0].sizes["unit"]))
    numbers: list[list[int]] = []
    for each in found:
        states = each["state"].values
        number = np.full(len(states), -1)
        if len(known) and len(states):
            gap = cdist(states, known)
            near = [_half_way(states), _half_way(known)]
            for i, j in zip(*linear_sum_assignment(gap), strict=True):
                if gap[i, j] <= max(near[0][i], near[1][j]):
                    number[i] = j
                    known[j] = states[i]
        for i in np.flatnonzero(number < 0):
            number[i] = len(known)
            known = np.concatenate([known, states[i : i + 1]])
        numbers.append([int(k) for k in number])
    palette = basin_colours(len(known))
    return [[palette[k] for k in row] for row in numbers]


def _half_way(states: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Half the distance of each state from its nearest neighbour."""
    if len(states) < 2:
        return np.full(len(states), np.inf)
    gap = cdist(states, states)
    np.fill_diagonal(gap, np.inf)
    return 0.5 * gap.min(1)
