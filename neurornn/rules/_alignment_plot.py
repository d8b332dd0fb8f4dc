"""Pictures of the alignment of learning rules."""

__all__ = ["plot_alignment"]

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's palette without its yellow, which is lost on white. More rules than colours: other lines and markers.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_LINES: Final = ("-", "--", ":")
_MARKERS: Final = ("o", "s", "^")
_PREFIX: Final = {"parameter": "", "condition": "condition_", "time": "step_", "step": ""}
_GUIDES: Final = {"cosine": (0.0, 1.0), "sign_agreement": (0.5, 1.0), "norm_ratio": (1.0,)}  # chance, exact


def plot_alignment(
    ds: xr.Dataset,
    *,
    measure: Literal["cosine", "sign_agreement", "norm_ratio"] = "cosine",
    along: Literal["parameter", "condition", "time", "step"] | None = None,
    parameter: str = "W_rec",
    ax: "Axes | None" = None,
) -> "Axes":
    """One measure of the alignment, a colour for each rule.

    Thin lines mark what an exact gradient has and, for cosine and sign agreement, what a random one has on average.

    Args:
        ds: Result of :func:`alignment` or of :meth:`AlignmentCallback.dataset`.
        measure: Which measure.
        along: What is on the horizontal axis: parameters, the values of a condition, the time of the trial, or the steps of
            training. By default the steps if there are any and the parameters otherwise.
        parameter: Whose gradient is shown, where it is not all of them on the axis. Along the time of the trial it is
            always ``"W_rec"``.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If the dataset has no such measure, axis or parameter, or one dimension too many.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> from neurornn.rules import TruncatedBPTT, alignment
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 10, task.n_outputs)
        >>> ds = alignment(network, task.sample(8, seed=0), [TruncatedBPTT(5), TruncatedBPTT(20)])
        >>> plot_alignment(ds, along="time").get_xlabel()
        'time from trial onset (ms)'
    """
    chosen: str = ("step" if "step" in ds.dims else "parameter") if along is None else along
    data = _chosen(ds, measure, chosen, parameter)
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    for guide in _GUIDES[measure]:
        ax.axhline(guide, color="0.8", linewidth=0.8, zorder=0)
    x = data[chosen].values
    numeric = bool(np.issubdtype(x.dtype, np.number))
    n_rules = data.sizes["rule"]
    for k, name in enumerate(data["rule"].values):
        place = x if numeric else np.arange(x.size) + 0.6 * ((k + 0.5) / n_rules - 0.5)
        turn = k // len(_COLOURS)
        style: dict[str, Any] = {"color": _COLOURS[k % len(_COLOURS)], "label": str(name), "markersize": 4.5}
        if not numeric:
            style |= {"linestyle": "none"}
        else:
            style |= {"linestyle": _LINES[turn % len(_LINES)], "linewidth": 1.5}
        if not numeric or x.size <= 25:
            style |= {"marker": _MARKERS[turn % len(_MARKERS)]}
        ax.plot(place, data.values[k], **style)
    if not numeric:
        turned: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(np.arange(x.size), [_symbol(str(each)) for each in x], **turned if x.size > 4 else {})
        ax.set_xlim(-0.5, x.size - 0.5)
        for edge in np.arange(1, x.size) - 0.5:
            ax.axvline(edge, color="0.93", linewidth=0.8, zorder=0)
    ax.set(xlabel=_label(data[chosen]), ylabel=_label(data))
    if chosen != "parameter":
        ax.set_title(_symbol("W_rec" if chosen == "time" else parameter), fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    _frame(ax, data, measure)
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0, frameon=False)
    return ax


def _chosen(ds: xr.Dataset, measure: str, along: str, parameter: str) -> xr.DataArray:
    """The measure, with rules and what is on the horizontal axis as its only dimensions."""
    if measure not in _GUIDES:
        raise ValueError(f"measure must be one of {', '.join(_GUIDES)}: got {measure!r}.")
    if along not in _PREFIX:
        raise ValueError(f"along must be one of {', '.join(_PREFIX)}: got {along!r}.")
    name = _PREFIX[along] + measure
    if name not in ds or along not in ds[name].dims:
        how = {
            "condition": "pass by=... to alignment",
            "time": "pass steps=True to alignment",
            "step": "measure during training with AlignmentCallback",
        }
        raise ValueError(
            f"This dataset has nothing along '{along}'. To have it, {how.get(along, 'use the result of alignment')}."
        )
    data = ds[name]
    if "parameter" in data.dims and along != "parameter":
        if parameter not in data["parameter"].values:
            known = ", ".join(str(each) for each in data["parameter"].values)
            raise ValueError(f"No parameter '{parameter}' was compared. There are: {known}.")
        data = data.sel(parameter=parameter)
    extra = [str(dim) for dim in data.dims if dim not in ("rule", along)]
    if extra:
        raise ValueError(
            f"Along '{along}' the dataset still has {', '.join(repr(dim) for dim in extra)}. Select one value first, for "
            f"instance ds.isel({extra[0]}=-1)."
        )
    return data.transpose("rule", along)


def _frame(ax: "Axes", data: xr.DataArray, measure: str) -> None:
    """Limits at which nothing lies on the edge, the marks of chance and exactness included."""
    finite = data.values[np.isfinite(data.values)]
    low, high = min([*finite, *_GUIDES[measure]]), max([*finite, *_GUIDES[measure]])
    if measure == "norm_ratio":
        low = 0.0
    room = 0.05 * (high - low)
    ax.set_ylim(low - room if low else -room, high + room)


def _symbol(name: str) -> str:
    """The name of a parameter as in an equation."""
    stem, _, index = name.partition("_")
    return rf"${stem}_\mathrm{{{index}}}$" if stem == "W" else name.replace("_", " ")


def _label(data: xr.DataArray) -> str:
    name, units = str(data.attrs.get("long_name", data.name)), str(data.attrs.get("units", "1"))
    return f"{name} ({units})" if units not in {"", "1"} else name
