"""Bifurcation diagrams as pictures."""

__all__ = ["plot_diagram"]

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.analysis._plotting import axes_or_new, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES: dict[bool, dict[str, Any]] = {
    True: {"color": "#0072B2", "linestyle": "-", "linewidth": 2.0},
    False: {"color": "#D55E00", "linestyle": (0, (4, 2)), "linewidth": 1.4},
}
_MARKS: dict[str, dict[str, Any]] = {
    "fold": {"marker": "o", "color": "black", "markersize": 6},
    "pitchfork": {"marker": "^", "color": "#009E73", "markersize": 8},
    "transcritical": {"marker": "X", "color": "#009E73", "markersize": 8},
    "branch point": {"marker": "P", "color": "#009E73", "markersize": 8},
    "hopf": {"marker": "*", "color": "#CC79A7", "markersize": 12},
    "kink": {"marker": "v", "color": "0.35", "markersize": 6},
    "end": {"marker": "|", "color": "0.35", "markersize": 9, "markeredgewidth": 1.4},
}


def plot_diagram(
    ds: xr.Dataset,
    *,
    projection: int | ArrayLike | Callable[[NDArray[np.float64]], ArrayLike] = 0,
    name: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Fixed points over the parameter: solid where stable, dashed where not, special points marked.

    Args:
        ds: Result of :func:`trace`.
        projection: What is drawn of a state: a unit by its number; a vector whose inner product with the state is
            taken, for instance a read-out direction; or a function from states ``(point, unit)`` to numbers.
        name: What that is called.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If the projection does not give one number for each point.

    Examples:
        >>> import torch
        >>> from neurornn.analysis.continuation import InputPath, trace
        >>> from neurornn.analysis.systems import Drift
        >>> unit = Drift(lambda x, u: -x + 2 * torch.tanh(x) + u, n_units=1, n_inputs=1)
        >>> ax = plot_diagram(trace(unit, InputPath([-1.0], [1.0], name="input"), [-3.0]))
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('input', 'state of unit 0')
    """
    states = ds["state"].transpose("point", "unit").values
    values, default = _projected(states, projection)
    marks, _ = _projected(ds["special_state"].transpose("special", "unit").values, projection)
    axes = axes_or_new(ax)
    p, stable, branch = ds["parameter"].values, ds["stable"].values, ds["branch"].values
    drawn: set[bool] = set()
    for number in np.unique(branch):
        rows = np.flatnonzero(branch == number)
        for piece in _pieces(stable[rows]):
            kind = bool(stable[rows[piece[-1]]])
            text = None if kind in drawn else "stable" if kind else "unstable"
            drawn.add(kind)
            axes.plot(p[rows[piece]], values[rows[piece]], label=text, **_LINES[kind])
    kinds, where = ds["special_kind"].values, ds["special_parameter"].values
    for kind_name, style in _MARKS.items():
        chosen = kinds == kind_name
        if chosen.any():
            axes.plot(
                where[chosen],
                marks[chosen],
                linestyle="none",
                zorder=3,
                label=f"{kind_name} ({_n_places(ds, chosen)})",
                **style,
            )
    axes.set(xlabel=label(ds["parameter"]), ylabel=default if name is None else name)
    axes.margins(x=0.03, y=0.06)
    legend_beside(axes)
    return axes


def _n_places(ds: xr.Dataset, chosen: NDArray[np.bool_]) -> int:
    """Number of distinct points: one where branches meet may be listed on each of them."""
    states = ds["special_state"].transpose("special", "unit").values[chosen]
    places = np.column_stack([states, ds["special_parameter"].values[chosen]])
    return len(np.unique(places.round(6) + 0.0, axis=0))


def _projected(
    states: NDArray[np.float64], projection: int | ArrayLike | Callable[[NDArray[np.float64]], ArrayLike]
) -> tuple[NDArray[np.float64], str]:
    n_units = states.shape[1]
    if callable(projection):
        values, name = np.asarray(projection(states), dtype=np.float64), "projection of the state"
    elif isinstance(projection, int | np.integer):
        if not 0 <= projection < n_units:
            raise ValueError(f"projection names a unit from 0 to {n_units - 1}: got {projection}.")
        values, name = states[:, projection], f"state of unit {projection}"
    else:
        vector = np.asarray(projection, dtype=np.float64)
        if vector.shape != (n_units,):
            raise ValueError(
                f"A projection on a vector needs one number for each of the {n_units} units: got shape {vector.shape}."
            )
        values, name = states @ vector, "projection of the state"
    if values.shape != (len(states),):
        raise ValueError(
            f"The projection must give one number for each of {len(states)} states: got shape {values.shape}."
        )
    return values, name


def _pieces(stable: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Runs of points of one stability, each with the point before it so that lines have no gaps."""
    cuts = np.flatnonzero(np.diff(stable.astype(np.int64))) + 1
    edges = [0, *cuts.tolist(), len(stable)]
    return [np.arange(max(first - 1, 0), last) for first, last in pairwise(edges)]
